"""The recordings of GE and Philips against an independent decoder, and what real exports do to them."""

from __future__ import annotations

import base64
import re
import zlib
from pathlib import Path

import numpy as np
import pytest

import melp
from melp.ecg import ECG
from melp.errors import MelpError
from melp.io import read_file

MUSE = ("easyrecg_muse_ecg1.xml", "easyrecg_muse_ecg3.xml")
# The last sample that is not zero before the calibration pulse, which is at 5350 to 5449.
PHILIPS = {
    "pysierra_deid_3.xml": 4999,
    "sierra_103_129DYPRG.xml": 5263,
    "sierra_10401_2020-5-18.xml": 5299,
    "sierra_104_3191723.xml": 5299,
}


def vendor(recordings: Path, name: str) -> bytes:
    (file,) = (recordings / "vendor" / "files").glob(f"*/{name}")
    return file.read_bytes()


def expected(recordings: Path, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    arrays = np.load(recordings / "vendor" / "expected" / f"{name}.npz")
    return arrays["signal12"] if "signal12" in arrays else arrays["signal"], tuple(
        arrays["leads12"] if "leads12" in arrays else arrays["leads"]
    )


@pytest.mark.parametrize("name", MUSE)
def test_muse(recordings: Path, name: str) -> None:
    ecg = read_file(vendor(recordings, name))
    signal, leads = expected(recordings, name)
    assert ecg.leads == leads and ecg.rate == 500
    np.testing.assert_allclose(ecg.signal, signal, atol=1e-6)
    assert ecg.meta["age"] == 60 and ecg.meta["sex"] == "male"
    assert ecg.meta["statements"] == ("Statement Text(22)", "Statement Text(1684)", "Statement Text(1300)")
    assert "warnings" not in ecg.meta


@pytest.mark.parametrize(("name", "last"), PHILIPS.items())
def test_philips(recordings: Path, name: str, last: int) -> None:
    ecg = read_file(vendor(recordings, name))
    signal, leads = expected(recordings, name)
    assert ecg.leads == leads and ecg.rate == 500 and ecg.signal.shape[1] == last + 1
    np.testing.assert_allclose(ecg.signal, signal[:, : last + 1], atol=1e-6)
    assert "calibration pulse at the end left out" in ecg.meta["warnings"][0]


def names_of_people(ecg: ECG) -> bool:
    return re.search(r"TEST 05|JAX01234|ZZDEMO|LAST|1951|1950", str(dict(ecg.meta))) is not None


def test_names_and_dates_are_not_read(recordings: Path) -> None:
    assert not any(names_of_people(read_file(vendor(recordings, name))) for name in (*MUSE, *PHILIPS))


@pytest.fixture
def muse(recordings: Path) -> str:
    return vendor(recordings, MUSE[0]).decode("latin-1")


CHANGES = {
    "not escaped": (">TEST 05<", ">M\0ue & S\x1bon&nbsp;&#2;<"),
    "rate as a power": (">500</SampleBase>", ">50</SampleBase>", "<SampleExponent>0<", "<SampleExponent>1<"),
    "millivolts": ("MICROVOLTS", "MILLIVOLTS", ">4.88<", ">0.00488<"),
    "comma": (">4.88<", ">4,88<"),
    "upper case": ("<WaveformType>Rhythm<", "<WaveformType>RHYTHM<"),
    "count": ("<LeadSampleCountTotal>5000<", "<LeadSampleCountTotal>5001<"),
    "no count": ("<LeadSampleCountTotal>5000<", "<LeadSampleCountTotal><"),
    "own DTD": ('"restecg.dtd"', '"http://127.0.0.1:1/restecg.dtd"'),
}


@pytest.mark.parametrize("name", CHANGES)
def test_muse_written_otherwise(muse: str, name: str) -> None:
    wanted, changes = read_file(muse.encode("latin-1")), CHANGES[name]
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in muse
        muse = muse.replace(old, new)
    ecg = read_file(muse.encode("latin-1"))
    np.testing.assert_allclose(ecg.signal, wanted.signal, atol=1e-6)
    assert ecg.rate == wanted.rate


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_muse_in_another_encoding_than_declared(muse: str, encoding: str) -> None:
    wanted = read_file(muse.encode("latin-1"))
    assert np.array_equal(read_file(muse.encode(encoding)).signal, wanted.signal)


def test_muse_rhythm_in_two_parts(muse: str) -> None:
    """Waveforms of one time are parts of one recording; one of another time is another recording."""
    wanted = read_file(muse.encode("latin-1"))
    start, end = muse.rindex("<Waveform>"), muse.rindex("</Waveform>") + len("</Waveform>")
    rhythm = muse[start:end]
    first, *leads = rhythm.split("<LeadData>")
    parts = [first + "".join(f"<LeadData>{lead}" for lead in some) for some in (leads[:3], leads[3:])]
    parts[0] += "</Waveform>"
    ecg = read_file((muse[:start] + "".join(parts) + muse[end:]).encode("latin-1"))
    assert np.array_equal(ecg.signal, wanted.signal)
    later = rhythm.replace("<WaveformStartTime>0<", "<WaveformStartTime>9<")
    ecg = read_file((muse[:end] + later + muse[end:]).encode("latin-1"))
    assert ecg.meta["warnings"] == ("further rhythm waveforms left out: 1",)


def test_muse_checksum(muse: str) -> None:
    """A sample changed in the file is noticed; with the checksum of the changed samples it is not."""
    start = muse.rindex("<WaveFormData>") + len("<WaveFormData>")
    end = muse.index("</WaveFormData>", start)
    data = bytearray(base64.b64decode(muse[start:end]))
    stated = str(zlib.crc32(data))
    data[100] ^= 1
    changed = muse[:start] + base64.b64encode(data).decode() + muse[end:]
    ecg = read_file(changed.encode("latin-1"))
    assert ecg.meta["warnings"] == ("the samples of lead V6 differ from their checksum",)
    whole = changed.replace(stated, str(zlib.crc32(data)))
    assert "warnings" not in read_file(whole.encode("latin-1")).meta


def test_muse_statements_name_nobody(muse: str) -> None:
    muse = muse.replace("Statement Text(1684)", "Confirmed by SMITH, JOHN (12) on 5/10/2021")
    statements = read_file(muse.encode("latin-1")).meta["statements"]
    assert statements == ("Statement Text(22)", "Statement Text(1300)")


REFUSED = {
    "entities": ('"restecg.dtd"', '"restecg.dtd" [<!ENTITY a "b">]', "defines entities"),
    "no rhythm": ("<WaveformType>Rhythm<", "<WaveformType>Other<", "Median, Other found, wanted one of type"),
    "no unit": ("MICROVOLTS", "", "no unit of the samples found"),
    "no step": (">4.88<", "><", "no LeadAmplitudeUnitsPerBit"),
    "cut": ("<LeadSampleCountTotal>5000<", "<LeadSampleCountTotal>6000<", "5000 samples found, wanted 6000"),
    "not Base64": ("</WaveFormData>", "$</WaveFormData>", "not Base64"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_muse_refused(muse: str, name: str) -> None:
    old, new, message = REFUSED[name]
    changed = muse.replace(old, new)
    if name == "cut":
        changed = re.sub("<LeadDataCRC32>.*?<", "<LeadDataCRC32>0<", changed)
    with pytest.raises(MelpError, match=re.escape(message)):
        read_file(changed.encode("latin-1"))


def test_unit_given(muse: str) -> None:
    wanted = read_file(muse.encode("latin-1"))
    ecg = read_file(muse.replace("MICROVOLTS", "").encode("latin-1"), unit="uV")
    assert np.array_equal(ecg.signal, wanted.signal)


def philips_uncompressed(signal: np.ndarray, encoding: str) -> bytes:
    """Write Sierra XML without compression: leads one after the other."""
    steps = np.rint(signal / 0.005).astype("<i2")
    text = (
        base64.b64encode(steps.tobytes()).decode()
        if encoding == "Base64"
        else " ".join(map(str, steps.ravel()))
    )
    return (
        '<restingecgdata xmlns="http://www3.medical.philips.com"><waveforms><parsedwaveforms '
        f'dataencoding="{encoding}" compression="Uncompressed" numberofleads="3" leadlabels="I II V1" '
        f'durationperchannel="{signal.shape[1] * 2}" samplespersecond="500" resolution="5">{text}'
        "</parsedwaveforms></waveforms></restingecgdata>"
    ).encode()


@pytest.mark.parametrize("encoding", ["Base64", "Plain"])
def test_philips_without_compression(encoding: str) -> None:
    signal = np.random.default_rng(0).integers(-200, 200, (3, 700)) * 0.005
    ecg = melp.read(philips_uncompressed(signal, encoding), leads=["I", "II", "V1"])
    np.testing.assert_allclose(ecg.signal, signal, atol=1e-6)
    assert "warnings" not in ecg.meta
