"""Damaged recordings are read or give a one-line error, in little time and memory bounded by their size.

Every case is determined by the name of the format and a number, so that a failing case can be repeated.
"""

from __future__ import annotations

import gc
import re
import resource
import shutil
import signal
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
import scipy.io
import soundfile

import melp
from damaging import damage
from melp.ecg import LEADS
from melp.errors import MelpError
from small_ptb_xl import beats, write_record

SAMPLES = 300
RATE = 500
# float64 takes eight times the memory of one-byte samples, and there are several copies.
MEMORY_PER_BYTE = 60
MIN_MEMORY = 8 << 20
TIMEOUT = 30  # s


def microvolt() -> np.ndarray:
    return beats(3, RATE, SAMPLES / RATE)


def write_header(folder: Path, files: list[str], kinds: list[str], leads: tuple[str, ...] = LEADS) -> Path:
    lines = [f"rec {len(leads)} {RATE} {SAMPLES} 12:33:59 12/05/2020"]
    for file, kind, lead in zip(files, kinds, leads, strict=True):
        lines.append(f"{file} {kind} 1000.0(0)/mV 16 0 -315 20042 0 {lead}")
    (folder / "rec.hea").write_text("\n".join([*lines, "#Age: 74", "#Sex: Male", "#Dx: 59118001"]) + "\n")
    return folder / "rec.hea"


def as_ptb_xl(folder: Path) -> Path:
    write_record(folder / "rec", microvolt(), RATE)
    return folder / "rec"


def as_challenge(folder: Path) -> Path:
    (folder / "rec.mat").write_bytes(b"\x1e" * 24 + microvolt().T.astype("<i2").tobytes())
    return write_header(folder, ["rec.mat"] * 12, ["16+24"] * 12).with_suffix(".mat")


def as_two_files(folder: Path) -> Path:
    limb, chest = np.split(microvolt().T.astype("<i2"), 2, axis=1)
    (folder / "limb.dat").write_bytes(limb.tobytes())
    (folder / "chest.dat").write_bytes(b"12345678" + np.hstack([chest, chest[:, :1]]).tobytes())
    files, kinds = ["limb.dat"] * 6 + ["chest.dat"] * 7, ["16"] * 6 + ["16+8"] * 7
    return write_header(folder, files, kinds, (*LEADS, "resp"))


def as_bytes_of(kind: str) -> Callable[[Path], Path]:
    """Write random bytes without those of the invalid marker: valid samples in these formats."""

    def write(folder: Path) -> Path:
        (folder / "rec.dat").write_bytes(
            bytes(np.random.default_rng(0).integers(16, 100, SAMPLES * 96).tolist())
        )
        return write_header(folder, ["rec.dat"] * 12, [kind] * 12)

    return write


def as_flac(folder: Path) -> Path:
    for name, half in zip(("one", "two"), np.split(microvolt().T, 2, axis=1), strict=True):
        soundfile.write(folder / f"{name}.flac", half, 96000, "PCM_16", format="FLAC")
    return write_header(folder, ["one.flac"] * 6 + ["two.flac"] * 6, ["516"] * 12)


def as_segments(folder: Path) -> Path:
    for name in ("one", "two"):
        write_record(folder / name, microvolt(), RATE)
    layout = ["rec_layout 12 500 0", *(f"~ 0 1000(0)/mV 16 0 0 0 0 {lead}" for lead in LEADS)]
    (folder / "rec_layout.hea").write_text("\n".join(layout) + "\n")
    lines = ["rec/3 12 500 600", "rec_layout 0", "one 300", "two 300"]
    (folder / "rec.hea").write_text("\n".join(lines) + "\n")
    return folder / "rec.hea"


def as_struct(compress: bool) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        fields = {"sex": "Male", "age": 74, "data": microvolt() / 1000}
        scipy.io.savemat(folder / "rec.mat", {"ECG": fields}, do_compression=compress)
        return folder / "rec.mat"

    return write


FORMS: dict[str, Callable[[Path], Path]] = {
    "ptb-xl": as_ptb_xl,
    "challenge": as_challenge,
    "two files": as_two_files,
    "segments": as_segments,
    "flac": as_flac,
    "struct": as_struct(False),
    "struct, compressed": as_struct(True),
    **{kind: as_bytes_of(kind) for kind in ("8", "24", "80", "160x2", "212", "311", "16x3:2+7")},
}


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"no answer after {TIMEOUT} s")

    before = signal.signal(signal.SIGALRM, stop)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def attempt(path: Path, size: int) -> bool:
    """Return whether `path` was read, after checking the error message, the memory and the signal."""
    signal.alarm(TIMEOUT)
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        ecg = melp.read(path)
    except MelpError as error:
        message = str(error)
        assert len(message.splitlines()) == 1 and message.isprintable() and len(message) < 800, message
        return False
    finally:
        signal.alarm(0)
        used = tracemalloc.get_traced_memory()[1] - before
        assert used < MIN_MEMORY + MEMORY_PER_BYTE * size, f"{used} bytes for files of {size}"
    assert ecg.leads == tuple(lead for lead in LEADS if lead in ecg.leads)
    assert ecg.signal.shape[0] == len(ecg.leads) > 0 and ecg.signal.shape[1] > 0
    assert np.isfinite(ecg.signal).all() and ecg.signal.any() and 1 <= ecg.rate <= 1e6
    return True


def run(form: str, cases: range, folder: Path) -> int:
    """Return how many of the damaged recordings were still read."""
    intact = folder / "intact"
    intact.mkdir()
    path = FORMS[form](intact)
    assert attempt(path, 1 << 20)
    read = 0
    for case in cases:
        copy = folder / "copy"
        shutil.copytree(intact, copy)
        rng = np.random.default_rng([zlib.crc32(form.encode()), case])
        damage(copy, rng)
        size = sum(file.stat().st_size for file in copy.iterdir() if file.is_file())
        try:
            read += attempt(copy / path.name, size)
        except BaseException as error:
            raise AssertionError(f"{form}, case {case}: {type(error).__name__}: {error}") from error
        shutil.rmtree(copy)
    return read


def check(form: str, cases: range, folder: Path) -> None:
    melp.read(as_bytes_of("212")(folder))  # so that imports do not count as growth
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        read = run(form, cases, folder)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0 < read < len(cases)
    assert grown < 1 << 20, f"{grown} bytes are held after {len(cases)} recordings"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most < 200 << 10


@pytest.mark.parametrize("form", FORMS)
def test_damaged_recordings(form: str, tmp_path: Path) -> None:
    check(form, range(15), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_many_damaged_recordings(form: str, tmp_path: Path) -> None:
    check(form, range(15, 90), tmp_path)


def edit(header: Path, changes: dict[str, str]) -> None:
    text = header.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    header.write_text(text)


HOSTILE_HEADERS: dict[str, tuple[str, dict[str, str], str]] = {
    "samples": ("ptb-xl", {" 300": " 1000000000000"}, "300 samples, the header says 1000000000000"),
    "offset": ("ptb-xl", {"rec.dat 16": "rec.dat 16+1000000000000"}, "0 samples, the header says 300"),
    "skew": ("16x3:2+7", {"x3:2": "x3:1000000000"}, "a skew of 1000000000 samples in a file of 399"),
    "frame": ("160x2", {"160x2": "160x100000000"}, "0 samples, the header says 300"),
    "flac": ("flac", {" 300 ": " 10000000000 "}, "samples, the header says 10000000000"),
    "flac without length": ("flac", {" 300 ": " 0 "}, "no number of samples, wanted for format 516"),
    "itself": ("segments", {"one": "rec"}, "segments within a segment"),
    "again": ("segments", {"rec/3": "rec/1001", "two 300": "two 300\n" * 999}, "a segment comes twice"),
    "gap": ("segments", {"two 300": "~ 1000000000000"}, "segment 2 is a gap"),
    "segment": ("segments", {"two 300": "two 1000000000000"}, "300 samples, rec.hea says 1000000000000"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_HEADERS)
def test_hostile_headers_take_little_memory(name: str, tmp_path: Path) -> None:
    form, changes, message = HOSTILE_HEADERS[name]
    path = FORMS[form](tmp_path)
    edit(tmp_path / "rec.hea", changes)
    tracemalloc.start()
    try:
        with pytest.raises(MelpError, match=re.escape(message)):
            melp.read(path)
        assert tracemalloc.get_traced_memory()[1] < MIN_MEMORY
    finally:
        tracemalloc.stop()
