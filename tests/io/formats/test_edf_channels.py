"""EDF: which channels are of an ECG, their names, units and rates, and interruptions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import melp
import small_formats as small
from melp.ecg import LEADS
from melp.errors import MelpError


def test_spare_labels(tmp_path: Path) -> None:
    labels = (
        "EKG I",
        "ECG LL-RA",
        "ECG LL-LA",
        "EKG AVR",
        "ecg avl",
        "EKG-AVF",
        "ECG C1",
        "ECG V2",
        "V3",
        "C4",
        "ECG:V5",
        "Lead V6",
    )
    ecg = melp.read(small.edf(tmp_path, labels))
    assert ecg.leads == LEADS
    assert np.array_equal(np.rint(ecg.signal * 1000), small.microvolt())


def test_other_channels_are_named_and_not_read(tmp_path: Path) -> None:
    labels = ("EEG C3-A2", "C4", "ECG", "SpO2")
    ecg = melp.read(small.edf(tmp_path, labels, small.microvolt()[:4], ("uV", "uV", "uV", "%")))
    # C4 is an electrode of the head here: there is no lead I or II.
    assert ecg.leads == ("ECG",) and ecg.meta["other_channels"] == ("EEG C3-A2", "C4", "SpO2")
    assert np.array_equal(np.rint(ecg.signal[0] * 1000), small.microvolt()[2])
    with pytest.raises(MelpError, match="no lead I; found ECG, EEG C3-A2, C4, SpO2"):
        melp.read(small.edf(tmp_path, labels, small.microvolt()[:4], ("uV", "uV", "uV", "%")), ["I"])


def test_channels_without_names_of_leads_are_named_by_the_user(tmp_path: Path) -> None:
    content = small.edf(tmp_path, ("Ch1", "Ch2"), small.microvolt()[:2])
    with pytest.raises(
        MelpError, match=r"channels 'Ch1, Ch2' found and 0 names given, wanted the names of 2 leads"
    ):
        melp.read(content)
    ecg = melp.read(content, ["II", "V1"])
    assert ecg.leads == ("II", "V1")
    assert np.array_equal(np.rint(ecg.signal * 1000), small.microvolt()[:2])


@pytest.mark.parametrize(("unit", "factor"), [("mV", 1.0), ("µV", 1e-3), ("V", 1e3), ("nV", 1e-6)])
def test_units(unit: str, factor: float, tmp_path: Path) -> None:
    content = small.edf(tmp_path, values=small.microvolt(), plus=False)
    written = content.replace(b"uV      ", unit.encode("latin-1").ljust(8))
    assert np.allclose(melp.read(written).signal, small.microvolt() * factor, rtol=1e-6)


def test_no_unit(tmp_path: Path) -> None:
    content = small.edf(tmp_path, plus=False).replace(b"uV      ", b" " * 8)
    with pytest.raises(MelpError, match="no unit of the samples found"):
        melp.read(content)
    assert np.array_equal(np.rint(melp.read(content, unit="uV").signal * 1000), small.microvolt())


def test_offset_and_gain_of_each_channel(tmp_path: Path) -> None:
    content = bytearray(small.edf(tmp_path, plus=False))
    # Physical and digital range of the second channel: 0.5 uV a bit, and 0 stands for 100 uV.
    for field, text in zip((104, 112, 120, 128), ("-900", "1100", "-2000", "2000"), strict=True):
        start = 256 + 12 * field + 8
        content[start : start + 8] = text.encode().ljust(8)
    signal = melp.read(bytes(content)).signal * 1000
    assert np.allclose(signal[1], small.microvolt()[1] * 0.5 + 100, atol=1e-3)
    assert np.array_equal(np.rint(signal[[0, 2]]), small.microvolt()[[0, 2]])


def test_channels_of_another_rate_are_left_out(tmp_path: Path) -> None:
    content = small.edf(tmp_path, ("ECG I", "ECG II", "ECG V1"), small.microvolt()[:3], rates=(500, 500, 250))
    ecg = melp.read(content, ["I", "II"])
    assert ecg.rate == 500 and ecg.meta["warnings"] == ("channel ECG V1, which has another rate, left out",)


def test_missing_records_are_refused_and_further_ones_left_out(tmp_path: Path) -> None:
    content = small.edf(tmp_path, plus=False)
    with pytest.raises(MelpError, match="5 records found, the header says 6"):
        melp.read(content[:-2])
    assert melp.read(content + bytes(1200 * 2)).meta["warnings"] == (
        "records beyond the number in the header left out: 1",
    )
    unknown = content[:236] + b"-1      " + content[244:]
    assert np.array_equal(melp.read(unknown).signal, melp.read(content).signal)


def test_the_longest_part_without_interruption(tmp_path: Path) -> None:
    content = bytearray(small.edf(tmp_path))
    content[192:197] = b"EDF+D"
    header, record = int(content[184:192]), (len(content) - int(content[184:192])) // 6
    marks = 12 * 100 * 2  # bytes before the annotations of a record
    for number, time in enumerate(("+0", "+0.2", "+5", "+5.2", "+5.4", "+9")):
        start = header + number * record + marks
        text = time.encode() + b"\x14\x14\0"
        content[start : start + len(text)] = text
    ecg = melp.read(bytes(content))
    assert np.array_equal(np.rint(ecg.signal * 1000), small.microvolt()[:, 200:500])
    assert ecg.meta["warnings"] == ("2 of 3 parts between interruptions left out",)


def test_equals_pyedflib(tmp_path: Path) -> None:
    import pyedflib

    (tmp_path / "x.edf").write_bytes(small.edf(tmp_path))
    with pyedflib.EdfReader(str(tmp_path / "x.edf")) as file:
        expected = np.stack([file.readSignal(number) for number in range(12)]) / 1000
    assert np.allclose(melp.read(tmp_path / "x.edf").signal, expected, atol=1e-7)


def test_damaged_headers(tmp_path: Path) -> None:
    content = small.edf(tmp_path, plus=False)
    for start, text, message in (
        (236, b"many", "number of records: 'many' found, wanted a number"),
        (244, b"long", "duration of a record: 'long' found, wanted a number"),
        (256 + 12 * 120 + 0, b"32767", "a range from -32768 to 32767 found, wanted two values"),
    ):
        with pytest.raises(MelpError, match=message):
            melp.read(content[:start] + text.ljust(8) + content[start + 8 :])


def test_decimal_commas_and_channels_without_samples(tmp_path: Path) -> None:
    content = small.edf(tmp_path, ("ECG I", "ECG V3R"), small.microvolt()[:2], plus=False)
    ecg = melp.read(content.replace(b"-32768  ", b"-32768,0"))
    assert ecg.leads == ("I", "V3R")
    assert np.array_equal(np.rint(ecg.signal * 1000), small.microvolt()[:2])
    empty = bytearray(content)
    start = 256 + 2 * 216 + 8  # samples of the second channel
    empty[start : start + 8] = b"0       "
    assert melp.read(bytes(empty)).leads == ("I",)
