"""MFER: frames, types of samples, definitions of single channels, and damage."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

import melp
import small_formats as small
from melp.errors import MelpError
from small_formats import definition

START = definition(0x40, b"MFR ".ljust(32)) + definition(0x01, b"\1")


def frame(values: np.ndarray, kind: str = "<i2", **other: bytes) -> bytes:
    """A frame of all channels, by samples."""
    codes = b"".join(definition(0x09, struct.pack("<H", number + 1), number) for number in range(len(values)))
    parts = {
        "rate": definition(0x0B, b"\0\0" + struct.pack("<H", 500)),
        "unit": definition(0x0C, b"\0" + struct.pack("<bH", -6, 1)),
        "count": definition(0x05, bytes([len(values)])),
        "codes": codes,
    } | other
    return b"".join(parts.values()) + definition(0x1E, values.T.astype(kind).tobytes())


@pytest.mark.parametrize(
    ("number", "kind"),
    [(0, "<i2"), (1, "<u2"), (2, "<i4"), (3, "u1"), (5, "i1"), (6, "<u4"), (7, "<f4"), (8, "<f8")],
)
def test_types_of_samples(number: int, kind: str, tmp_path: Path) -> None:
    values = np.arange(1, 101).reshape(2, 50)
    content = START + frame(values, kind, type=definition(0x0A, bytes([number])))
    assert np.array_equal(np.rint(melp.read(content, ["I", "II"]).signal * 1000), values)


def test_quantities_are_positive() -> None:
    quarter = definition(0x0B, b"\0\0\xfa")
    unit = definition(0x0C, b"\0" + struct.pack("b", -9) + b"\xfa")
    ecg = melp.read(START + frame(small.microvolt()[:2], rate=quarter, unit=unit), ["I", "II"])
    assert ecg.rate == 250
    assert np.allclose(ecg.signal * 4000, small.microvolt()[:2], atol=1e-3)


def test_offset_missing_values_and_another_decoder(tmp_path: Path) -> None:
    ecgdatakit = pytest.importorskip("ecgdatakit")
    values = small.microvolt()[:2, :100]
    content = START + frame(values, offset=definition(0x0D, struct.pack("<h", 40)))
    (tmp_path / "x.mwf").write_bytes(content)
    expected = [lead.samples for lead in ecgdatakit.FileParser().parse(str(tmp_path / "x.mwf")).leads]
    assert np.allclose(melp.read(content, ["I", "II"]).signal, expected, atol=1e-6)
    values[:, 90:] = -32768
    cut = melp.read(START + frame(values, null=definition(0x12, struct.pack("<h", -32768))))
    assert cut.signal.shape[1] == 90
    assert cut.meta["warnings"] == ("10 missing samples at the end of all leads left out",)


def test_definitions_of_single_channels() -> None:
    # The second channel has 2 microvolts a bit and half as many samples.
    blocks = definition(0x04, struct.pack("<H", 2)) + definition(0x04, struct.pack("<H", 1), 1)
    other = definition(0x0C, b"\0" + struct.pack("<bH", -6, 2), 1) + definition(
        0x0B, b"\1" + struct.pack("<bH", -3, 4), 1
    )
    first, second = np.arange(200), np.arange(100)
    stored = np.column_stack([first.reshape(-1, 2), second]).T
    lead = melp.read(
        START
        + frame(stored[:2], blocks=b"")[:0]
        + head(blocks + other)
        + definition(0x1E, stored.T.astype("<i2").tobytes())
    )
    assert (lead.leads, lead.rate) == (("I",), 500)
    assert np.array_equal(np.rint(lead.signal[0] * 1000), first)
    assert lead.meta["warnings"] == ("1 channels of other times, rates or lengths left out",)


def head(further: bytes) -> bytes:
    """The definitions of two channels, without samples."""
    codes = b"".join(definition(0x09, struct.pack("<H", number + 1), number) for number in range(2))
    rate, unit = (
        definition(0x0B, b"\0\0" + struct.pack("<H", 500)),
        definition(0x0C, b"\0" + struct.pack("<bH", -6, 1)),
    )
    return rate + unit + definition(0x05, b"\2") + codes + further


def test_of_several_frames_the_longest_is_read_and_no_dominant_beat() -> None:
    values = small.microvolt()[:2]
    beat = definition(0x08, b"\x09") + frame(np.tile(values, 2)) + definition(0x08, b"\1")
    ecg = melp.read(START + beat + frame(values[:, :100]) + frame(values), ["I", "II"])
    assert np.array_equal(np.rint(ecg.signal * 1000), values)
    assert set(ecg.meta["warnings"]) == {
        "2 channels of other times, rates or lengths left out",
        "frames of dominant beats left out: 1",
    }


def test_what_the_file_does_not_say_is_asked_for() -> None:
    values = small.microvolt()[:2]
    content = START + frame(values, rate=b"", unit=b"", codes=b"")
    with pytest.raises(MelpError, match="wanted the names of 2 leads"):
        melp.read(content)
    with pytest.raises(MelpError, match="no unit of the samples found"):
        melp.read(content, ["I", "II"])
    with pytest.raises(MelpError, match="no sampling rate found"):
        melp.read(content, ["I", "II"], unit="uV")
    ecg = melp.read(content, ["I", "II"], unit="uV", rate=250)
    assert ecg.rate == 250 and np.array_equal(np.rint(ecg.signal * 1000), values)


def test_channels_that_are_no_voltage_are_left_out() -> None:
    pressure = definition(0x0C, b"\1" + struct.pack("<bH", 0, 1), 1)
    ecg = melp.read(START + frame(small.microvolt()[:2], pressure=pressure))
    assert ecg.leads == ("I",)
    assert ecg.meta["warnings"] == ("channel II, which is not a voltage, left out",)


def test_what_cannot_be_used() -> None:
    values = small.microvolt()[:2]
    with pytest.raises(MelpError, match="600 sequences of 2 channels found, wanted 601"):
        melp.read(START + frame(values, sequences=definition(0x06, struct.pack("<H", 601))))
    with pytest.raises(MelpError, match="compressed MFER samples found"):
        melp.read(START + frame(values, compressed=definition(0x0E, b"\1")))
    with pytest.raises(MelpError, match="MFER samples of type 9 found"):
        melp.read(START + frame(values, type=definition(0x0A, b"\x09")))
    with pytest.raises(MelpError, match="2399 bytes found after tag 30, wanted 2400"):
        melp.read((START + frame(values))[:-1])
