"""Damaged exports, tables and arrays are read or refused with one line, in little time and memory."""

from __future__ import annotations

import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from damaging import extend, flip_bits, insert, truncate
from melp.ecg import ECG, LEADS
from melp.errors import MelpError
from melp.io import read_file
from melp.io.write import write
from small_exports import cardiosoft, kardia, sapphire, steps, table, watch

MEMORY = 24 << 20
"""Bytes; the files have some ten thousand."""
CHANGES = (flip_bits, flip_bits, insert, extend, truncate)
CASES = 12
FILES = {
    "cardiosoft.xml": cardiosoft(steps()),
    "sapphire.xml": sapphire(steps()),
    "kardia.atc": kardia(steps()[:6]),
    "watch.csv": watch(steps()[0], "de", ","),
    "table.csv": table(steps()[:3, :90], names=LEADS[:3]).encode(),
    "rec.npz": b"",
    "rec.parquet": b"",
}


def attempt(data: bytes) -> bool:
    """Return whether `data` was read, after checking the message or the signal, and the memory."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        ecg = read_file(data)
    except MelpError as error:
        assert str(error).isprintable() and len(str(error)) < 900, str(error)
        return False
    finally:
        assert tracemalloc.get_traced_memory()[1] - before < MEMORY
    assert ecg.signal.size and np.isfinite(ecg.signal).all() and 1 <= ecg.rate <= 1e6
    return True


def check(data: bytes, name: str) -> None:
    assert attempt(data)  # also imports what it needs
    tracemalloc.start()
    try:
        for case in range(CASES):
            rng: Any = np.random.default_rng([zlib.crc32(name.encode()), case])
            attempt(CHANGES[case % len(CHANGES)](data, rng))
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", FILES)
def test_damaged_files(name: str, tmp_path: Path) -> None:
    data = FILES[name] or write(ECG(steps() / 1000, 500), tmp_path / name)[0].read_bytes()
    check(data, name)


@pytest.mark.parametrize("name", ["sierra_103_129DYPRG.xml", "easyrecg_muse_ecg1.xml"])
def test_damaged_real_files(name: str, recordings: Path) -> None:
    (file,) = (recordings / "vendor" / "files").glob(f"*/{name}")
    check(file.read_bytes(), name)
