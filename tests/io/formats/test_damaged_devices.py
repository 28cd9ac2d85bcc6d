"""Damaged files of devices are read or refused with one line, in little time and memory.

Every case is determined by the name of the file and a number, so that a failing case can be repeated.
"""

from __future__ import annotations

import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

import melp
import small_formats as small
from damaging import extend, flip_bits, insert, truncate
from melp.errors import MelpError

MEMORY = 24 << 20
"""Bytes; the files have some ten thousand."""

FILES = {
    "dicom": lambda folder: small.dicom(),
    "dicom, implicit": lambda folder: small.dicom(syntax="1.2.840.10008.1.2")[132:],
    "edf": small.edf,
    "ishne": small.ishne,
    "aecg": lambda folder: small.aecg(),
    "scp": lambda folder: small.scp(),
    "scp, no checksums": lambda folder: small.without_checksums(small.scp_reference()),
    "mfer": lambda folder: small.mfer(),
    "mfer, no preamble": lambda folder: small.mfer(block=100, preamble=False),
}


def attempt(content: bytes) -> bool:
    """Whether the content was read, after checking the message or the signal, and the memory."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        ecg = melp.read(content)
    except MelpError as error:
        message = str(error)
        assert message.isprintable() and len(message) < 900, message
        return False
    finally:
        assert tracemalloc.get_traced_memory()[1] - before < MEMORY
    assert ecg.signal.size and np.isfinite(ecg.signal).all() and 1 <= ecg.rate <= 1e6
    return True


def check(name: str, folder: Path, cases: range, step: int) -> None:
    content = FILES[name](folder)
    assert attempt(content)
    tracemalloc.start()
    try:
        for end in range(0, len(content), step):
            attempt(content[:end])
        for case in cases:
            rng = np.random.default_rng([zlib.crc32(name.encode()), case])
            # Most bytes are samples; damage in the first thousand hits the header.
            part = int(rng.choice([1000, len(content)]))
            change = (flip_bits, flip_bits, insert, truncate, extend)[rng.integers(5)]
            attempt(change(content[:part], rng) + content[part:])
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", FILES)
def test_damaged_files(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(name, tmp_path, range(25), 997)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_many_damaged_files(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(name, tmp_path, range(25, 1000), 97)
