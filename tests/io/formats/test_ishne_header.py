"""ISHNE: leads by their codes, the length in the header, its checksum, and resolutions."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

import melp
import small_formats as small
from melp.errors import MelpError


def changed(content: bytes, position: int, kind: str, *values: int) -> bytes:
    data = bytearray(content)
    struct.pack_into(kind, data, position, *values)
    return bytes(data)


def test_codes_of_leads(tmp_path: Path) -> None:
    ecg = melp.read(small.ishne(tmp_path, (11, 6, 5, 2, 0)))
    # II and I come first, and III, aVR, aVL and aVF follow from them; X and an unknown lead come last.
    assert ecg.leads == ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "X", "lead5")
    rows = [ecg.leads.index(lead) for lead in ("V1", "II", "I", "X", "lead5")]
    assert np.array_equal(np.rint(ecg.signal[rows] * 1000), small.microvolt()[:5])


def test_the_number_of_samples_of_one_or_of_all_leads(tmp_path: Path) -> None:
    content = small.ishne(tmp_path)
    for count in (600, 7200, 0):
        assert melp.read(changed(content, 14, "<i", count)).signal.shape == (12, 600)
    shorter = melp.read(changed(content, 14, "<i", 500))
    assert shorter.signal.shape == (12, 500)
    assert "samples beyond the length in the header left out: 100" in shorter.meta["warnings"]
    with pytest.raises(MelpError, match="599 samples a lead found, the header says 600"):
        melp.read(content[:-2])


def test_a_checksum_that_differs_is_said(tmp_path: Path) -> None:
    content = small.ishne(tmp_path)
    assert melp.read(changed(content, 29, "B", 99)).meta["warnings"] == (
        "the header differs from its checksum",
    )
    assert "warnings" not in melp.read(content).meta


@pytest.mark.parametrize("nanovolt", [500, 2500, 5000])
def test_each_lead_has_its_resolution(nanovolt: int, tmp_path: Path) -> None:
    signal = melp.read(changed(small.ishne(tmp_path), 208, "<h", nanovolt)).signal * 1000
    assert np.allclose(signal[1], small.microvolt()[1] * (nanovolt / 1000), atol=1e-3)
    assert np.array_equal(np.rint(signal[[0, 2]]), small.microvolt()[[0, 2]])


def test_what_cannot_be_used(tmp_path: Path) -> None:
    content = small.ishne(tmp_path)
    with pytest.raises(MelpError, match="lead 2: a resolution of 0 nV found, wanted a positive one"):
        melp.read(changed(content, 208, "<h", 0))
    with pytest.raises(MelpError, match="no sampling rate found"):
        melp.read(changed(content, 272, "<h", 0))
    assert melp.read(changed(content, 272, "<h", 0), rate=250).rate == 250
    with pytest.raises(MelpError, match="13 leads from byte 536 on found; a damaged ISHNE header"):
        melp.read(changed(content, 156, "<h", 13))
    with pytest.raises(MelpError, match="300 bytes found, wanted a header of 522"):
        melp.read(content[:300])
    with pytest.raises(MelpError, match="annotations of an ISHNE recording found, wanted its samples"):
        melp.read(b"ANN  1.0" + content[8:])
