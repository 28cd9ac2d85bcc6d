"""The formats of devices, written by other packages: samples, rate, leads and patient are as written."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

import melp
import small_formats as small
from melp.ecg import LEADS

Writer = Callable[[Path], bytes]
PATIENT = {"age": 42.0, "sex": "female"}
FEMALE = {"sex": "female"}
MAKER = {"device": "Maker One"}

FILES: dict[str, tuple[Writer, dict[str, object]]] = {
    "dicom": (lambda folder: small.dicom(), PATIENT | MAKER),
    "dicom, implicit": (lambda folder: small.dicom(syntax="1.2.840.10008.1.2"), PATIENT | MAKER),
    "dicom, big endian": (lambda folder: small.dicom(syntax="1.2.840.10008.1.2.2"), PATIENT | MAKER),
    "dicom, no preamble": (lambda folder: small.dicom()[132:], PATIENT | MAKER),
    "dicom, no file meta": (lambda folder: small.without_file_meta(small.dicom()), PATIENT | MAKER),
    "dicom, implicit, no file meta": (
        lambda folder: small.without_file_meta(small.dicom(syntax="1.2.840.10008.1.2")),
        PATIENT | MAKER,
    ),
    "edf": (lambda folder: small.edf(folder, plus=False), {}),
    "edf+": (small.edf, FEMALE | MAKER),
    "ishne": (small.ishne, FEMALE | {"device": "digital"}),
    "ishne, no variable block": (
        lambda folder: small.ishne(folder, block=b""),
        FEMALE | {"device": "digital"},
    ),
    "aecg": (lambda folder: small.aecg(), FEMALE),
    "aecg, UTF-16": (lambda folder: small.aecg().decode().encode("utf-16"), FEMALE),
    "aecg, UTF-16 big endian": (
        lambda folder: b"\xfe\xff" + small.aecg().decode().encode("utf-16-be"),
        FEMALE,
    ),
    "aecg, mark": (lambda folder: b"\xef\xbb\xbf" + small.aecg(), FEMALE),
    "aecg, wrong declaration": (lambda folder: small.aecg().replace(b"UTF-8", b"UTF-16"), FEMALE),
    "scp, second differences": (lambda folder: small.scp(), PATIENT),
    "scp, first differences": (lambda folder: small.scp(order=1), PATIENT),
    "scp, no Huffman codes": (lambda folder: small.scp(order=0, coded=False), PATIENT),
    "mfer": (lambda folder: small.mfer(), PATIENT | MAKER),
    "mfer, big endian": (lambda folder: small.mfer(little=False), PATIENT | MAKER),
    "mfer, blocks": (lambda folder: small.mfer(block=100), PATIENT | MAKER),
    "mfer, no preamble": (lambda folder: small.mfer(preamble=False), PATIENT | MAKER),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_samples_rate_leads_and_patient(name: str, tmp_path: Path) -> None:
    write, meta = FILES[name]
    content = write(tmp_path)
    ecg = melp.read(content)
    assert (ecg.leads, ecg.rate) == (LEADS, small.RATE)
    assert np.array_equal(np.rint(ecg.signal * 1000), small.microvolt())
    assert np.abs(ecg.signal * 1000 - small.microvolt()).max() < 0.001
    # Neither the name nor the date of birth, which each file has.
    assert dict(ecg.meta) == {"path": "bytes", **meta}


@pytest.mark.parametrize("name", ["dicom", "edf", "ishne", "aecg", "scp, second differences", "mfer"])
def test_paths_bytes_and_open_files_are_alike(name: str, tmp_path: Path) -> None:
    content = FILES[name][0](tmp_path)
    # The content decides, not the name.
    path = tmp_path / "of another.csv"
    path.write_bytes(content)
    with path.open("rb") as file:
        read = [melp.read(path), melp.read(str(path)), melp.read(BytesIO(content)), melp.read(file)]
    assert all(np.array_equal(ecg.signal, read[0].signal) for ecg in read)
    assert [ecg.meta["path"] for ecg in read] == [str(path), str(path), "file", str(path)]
    some = melp.read(path, ["v2", "aVR"])
    assert some.leads == ("aVR", "V2")
    assert np.array_equal(some.signal, read[0].signal[[3, 7]])


@pytest.mark.parametrize("name", ["dicom", "edf", "ishne", "aecg", "scp, second differences", "mfer"])
def test_another_decoder_reads_the_same(name: str, tmp_path: Path) -> None:
    ecgdatakit = pytest.importorskip("ecgdatakit")
    content = FILES[name][0](tmp_path)
    path = tmp_path / ("x.dcm" if name == "dicom" else "x.edf" if name == "edf" else "x.bin")
    path.write_bytes(content)
    record = ecgdatakit.FileParser().parse(str(path))
    leads = {lead.label: np.asarray(lead.samples) for lead in record.leads}
    ecg = melp.read(content)
    assert np.allclose(ecg.signal, np.stack([leads[lead] for lead in LEADS]), atol=1e-6)
    assert {lead.sampling_rate for lead in record.leads} == {ecg.rate}


def test_what_the_user_says_is_for_files_that_do_not_say_it(tmp_path: Path) -> None:
    ecg = melp.read(small.scp(), rate=250, unit="V")
    assert ecg.rate == 500
    assert "the file says 500 Hz, not the 250 Hz asked for" in ecg.meta["warnings"]
    assert "the file says nV, not the V asked for" in ecg.meta["warnings"]
    with pytest.raises(melp.MelpError, match="unit: 'furlong' found, wanted mV, uV, nV or V"):
        melp.read(small.scp(), unit="furlong")
    for rate in (0, -1, float("nan"), float("inf")):
        with pytest.raises(melp.MelpError, match=r"rate: .* found, wanted more than 0 Hz"):
            melp.read(small.scp(), rate=rate)
    assert melp.read(small.scp(), "V1,II").leads == ("II", "V1")
    with pytest.raises(melp.MelpError, match="recording: type found, wanted a path, bytes or an open file"):
        melp.read(object)  # type: ignore[arg-type]
