"""Files of CardioSoft, MAC 2000, Kardia and Apple Watch, written by obvious writers."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

import numpy as np
import pytest

from melp.ecg import ECG, LEADS
from melp.errors import MelpError
from melp.io import read_file
from small_exports import RATE, cardiosoft, full_disclosure, kardia, sapphire, steps, watch


def check(ecg: ECG, millivolt: np.ndarray, leads: tuple[str, ...] = LEADS, rate: float = RATE) -> None:
    assert ecg.leads == leads and ecg.rate == rate
    np.testing.assert_allclose(ecg.signal, millivolt, atol=1e-6)


def test_cardiosoft() -> None:
    ecg = read_file(cardiosoft(steps()))
    check(ecg, steps() * 0.00488)
    assert dict(ecg.meta) == {"path": "bytes", "age": 55, "sex": "female", "statements": ("sinus rhythm",)}


def test_cardiosoft_takes_the_longest_strip() -> None:
    short = '<StripData><SampleRate>100</SampleRate><WaveformData lead="I">1,2</WaveformData></StripData>'
    ecg = read_file(cardiosoft(steps(), parts=short))
    check(ecg, steps() * 0.00488)
    assert ecg.meta["warnings"] == ("further strips left out: 1",)


def test_cardiosoft_of_a_stress_test() -> None:
    signal, leads = steps()[[0, 6, 8]], ("I", "V1", "V3")
    check(read_file(full_disclosure(signal, leads)), signal * 0.005, leads)


@pytest.mark.parametrize("schema", ["dcar_1", "sapphire_3"])
def test_mac_2000(schema: str) -> None:
    ecg = read_file(sapphire(steps(), schema))
    check(ecg, steps() * 0.00488)
    assert dict(ecg.meta) == {
        "path": "bytes", "age": 2.5, "sex": "female", "statements": ("Normal sinus rhythm",)
    }  # fmt: skip


@pytest.mark.parametrize("leads", [1, 6, 12])
@pytest.mark.parametrize("checksum", [None, lambda block: sum(block) & 0xFFFFFFFF], ids=["CRC", "sum"])
def test_kardia(leads: int, checksum: Callable[[bytes], int] | None) -> None:
    data = kardia(steps()[:leads], checksum) if checksum else kardia(steps()[:leads])
    ecg = read_file(data)
    check(ecg, steps()[:leads] * 0.0005, LEADS[:leads], 300)
    assert "warnings" not in ecg.meta


def test_kardia_leaves_out_a_damaged_lead() -> None:
    data = bytearray(kardia(steps()[:6]))
    data[data.index(b"ecg3") + 100] ^= 4
    ecg = read_file(bytes(data))
    assert ecg.meta["warnings"] == ("lead III left out: it differs from its checksum",)
    check(ecg, steps()[:6] * 0.0005, LEADS[:6], 300)  # III follows from I and II
    assert ecg.meta["derived"] == ("III",)


def test_kardia_of_unknown_checksums() -> None:
    ecg = read_file(kardia(steps()[:1], lambda block: 0))
    check(ecg, steps()[:1] * 0.0005, LEADS[:1], 300)
    assert ecg.meta["warnings"] == ("the checksums are of an unknown kind",)


@pytest.mark.parametrize(
    ("language", "decimal", "rate", "found"),
    [("en", ".", 512, "Sinus Rhythm"), ("de", ",", 511.498, "Sinusrhythmus"), ("ja", ".", 513.5, None)],
)
def test_apple_watch(language: str, decimal: str, rate: float, found: str | None) -> None:
    ecg = read_file(watch(steps()[0], language, decimal))
    check(ecg, steps()[:1] * 0.001, LEADS[:1], rate)
    assert ecg.meta.get("statements") == (None if found is None else (found,))
    assert not re.search("Ann|1970|2020", str(dict(ecg.meta)))


FIRST = struct.pack("<4h", *steps()[0, :4])
DAMAGED = {
    "cardiosoft, cut": (
        cardiosoft(steps()).replace(b">400<", b">401<"),
        "leads of 400 samples found, wanted 401",
    ),
    "cardiosoft, letters": (cardiosoft(steps()).replace(b",\n", b",x", 1), "samples that are not numbers"),
    "cardiosoft, no step": (cardiosoft(steps(), step=""), "no Resolution found"),
    "cardiosoft, no strip": (b"<CardiologyXML/>", "no StripData or FullDisclosure found"),
    "sapphire, no rhythm": (
        sapphire(steps()).replace(b"wav>", b"vaw>"),
        "no rhythm (wav/ecgWaveformMXG) found",
    ),
    "sapphire, cut": (sapphire(steps()).replace(b'"400"', b'"999"'), "400 samples found, wanted 999"),
    "sapphire, kHz": (sapphire(steps()).replace(b'U="Hz"', b'U="rpm"'), "a rate in 'rpm' found"),
    "kardia, cut": (kardia(steps()[:2])[:-500], "that ends after the file"),
    "kardia, its only lead": (
        kardia(steps()[:1]).replace(struct.pack("<4h", *steps()[0, :4]), bytes(8)),
        "no undamaged lead",
    ),
    "watch, a word": (watch(steps()[0], "en").replace(b"\n2", b"\nx", 3), "wanted a sample"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged(name: str) -> None:
    data, message = DAMAGED[name]
    with pytest.raises(MelpError, match=re.escape(message)):
        read_file(data)
