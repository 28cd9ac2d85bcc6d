"""WFDB records, the format of PhysioNet.

Samples of format 16, as in nearly every ECG of PhysioNet, are read here; other formats by the package wfdb,
after the header has been found in order.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int16, Integer

from melp.ecg import ECG, LEADS, BadRecordError, normalise_lead_name
from melp.errors import MelpError
from melp.io.wfdb_header import Header, Segment, Signal, read_header

# The micro sign and the Greek letter look alike.
_MILLIVOLT = {"v": 1e3, "mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "nv": 1e-6}
# Bytes a sample of each format, and the value that stands for no sample. Of the compressed ones (FLAC), the
# least that blocks of a constant value can take.
_FORMATS: dict[str, tuple[float, float]] = {
    "8": (1, -np.inf),
    "16": (2, -(2**15)),
    "24": (3, -(2**23)),
    "32": (4, -(2**31)),
    "61": (2, -(2**15)),
    "80": (1, -(2**7)),
    "160": (2, -(2**15)),
    "212": (1.5, -(2**11)),
    "310": (4 / 3, -(2**9)),
    "311": (4 / 3, -(2**9)),
    "508": (1 / 1024, -(2**7)),
    "516": (1 / 1024, -(2**15)),
    "524": (1 / 1024, -(2**23)),
}
_COMPRESSED = ("508", "516", "524")
# Whole numbers up to here are exact in float32.
_EXACT = 2**23


def read_wfdb(path: str | Path) -> ECG:
    """A WFDB record as an ECG in mV, its twelve leads in standard order.

    Args:
        path: the header (.hea), a signal file (.dat, .mat) or the stem of both.

    Raises:
        BadRecordError: a file is missing or cut short, the header cannot be read, a lead is missing, a unit
            is unknown, or the signal holds NaN or nothing but zeros.
    """
    path = _existing_header(Path(path))
    try:
        header = read_header(path)
        signal = _segments(path, header) if header.segments else _leads(path, header)
    except MelpError:
        raise
    except Exception as error:  # wfdb raises whatever it meets
        why = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        raise BadRecordError(f"{path}: not a readable WFDB record ({why})", "unreadable") from error
    signal.setflags(write=False)  # an ECG takes what is locked without a copy
    meta = {"path": str(path), "comments": header.comments}
    return check_content(ECG(signal, header.rate, LEADS, meta), str(path))


def check_content(ecg: ECG, source: str) -> ECG:
    """`ecg` itself.

    Raises:
        BadRecordError: a sample is NaN or infinite, or all samples are zero; `source` names the recording.
    """
    if ecg.signal.shape[1] == 0:
        raise BadRecordError(f"{source}: no samples", "no samples")
    # NaN is both the least and the greatest.
    low, high = ecg.signal.min(), ecg.signal.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = ~np.isfinite(ecg.signal)
        leads = ", ".join(lead for lead, row in zip(ecg.leads, bad, strict=True) if row.any())
        raise BadRecordError(f"{source}: {bad.sum()} samples are NaN or infinite (lead {leads})", "NaN")
    if low == high == 0:
        raise BadRecordError(f"{source}: all samples are zero", "all zero")
    return ecg


def _existing_header(path: Path) -> Path:
    """The header of the record that `path` belongs to."""
    ending = path.suffix.lower()
    if ending == ".hea":
        header = path
    elif ending in (".dat", ".mat"):
        header = path.with_suffix(".hea")
    else:
        header = path.with_name(path.name + ".hea")
    if header.is_file():
        return header
    if path.is_file():
        raise BadRecordError(f"{path}: no WFDB header {header.name} beside it", "missing file")
    raise BadRecordError(f"{path}: no such file", "missing file")


def _segments(path: Path, header: Header) -> Float[np.ndarray, "12 time"]:
    """The segments of a record, one after the other."""
    parts = header.segments
    # The first segment of a variable layout has no samples and lists the signals of all others.
    parts = parts[1:] if parts[0].samples == 0 else parts
    names = [part.record for part in parts]
    if len(set(names)) != len(names):
        raise BadRecordError(f"{path}: a segment comes twice", "unreadable")
    if "~" in names:
        raise BadRecordError(f"{path}: segment {names.index('~') + 1} is a gap", "NaN")
    signal = np.concatenate([_segment(path, header, part) for part in parts], axis=1)
    if header.samples not in (None, signal.shape[1]):
        raise BadRecordError(
            f"{path}: segments of {signal.shape[1]} samples, the record line says {header.samples}",
            "truncated",
        )
    return signal


def _segment(path: Path, whole: Header, part: Segment) -> Float[np.ndarray, "12 time"]:
    inner = path.with_name(part.record + ".hea")
    if not inner.is_file():
        raise BadRecordError(f"{path}: its segment {part.record} is missing", "missing file")
    header = read_header(inner)
    if header.segments:
        raise BadRecordError(f"{inner}: segments within a segment", "unreadable")
    if header.rate != whole.rate:
        raise BadRecordError(f"{inner}: {header.rate:g} Hz, the record has {whole.rate:g} Hz", "unreadable")
    signal = _leads(inner, header)
    if signal.shape[1] < part.samples:
        raise BadRecordError(
            f"{inner}: {signal.shape[1]} samples, {path.name} says {part.samples}", "truncated"
        )
    return signal[:, : part.samples]


def _leads(path: Path, header: Header) -> Float[np.ndarray, "12 time"]:
    """The twelve leads of a record of one segment, in mV."""
    channels = _channels(path, [signal.name for signal in header.signals])
    wanted = [header.signals[channel] for channel in channels]
    factors = [_factor(path, signal.unit) for signal in wanted]
    files = {name: _find(path, header, name) for name in dict.fromkeys(signal.file for signal in wanted)}
    samples = header.samples or min(file.samples for file in files.values())
    for file in files.values():
        if file.samples < samples:
            raise BadRecordError(
                f"{file.path}: {file.samples} samples, the header says {samples}", "truncated"
            )
    if not samples:
        raise BadRecordError(f"{path}: no samples", "no samples")
    if not all(file.plain for file in files.values()):
        return _millivolt(_through_wfdb(path, header, channels, samples), wanted, factors)
    blocks = {name: file.read(samples) for name, file in files.items()}
    columns = [
        blocks[signal.file][:, channel - files[signal.file].first]
        for channel, signal in zip(channels, wanted, strict=True)
    ]
    return _millivolt(columns, wanted, factors)


def _channels(path: Path, names: Sequence[str]) -> list[int]:
    """The channel of each standard lead."""
    standard = [normalise_lead_name(name) for name in names]
    channels = {lead: channel for channel, lead in enumerate(standard)}
    missing = [lead for lead in LEADS if lead not in channels]
    if missing:
        found = ", ".join(name or "without name" for name in names) or "none"
        found = found if len(found) <= 200 else f"{found[:200]}..."
        raise BadRecordError(f"{path}: no lead {', '.join(missing)}; found {found}", "missing lead")
    if len(names) > len(LEADS):
        twice = [lead for lead in LEADS if standard.count(lead) > 1]
        if twice:
            raise BadRecordError(f"{path}: lead {', '.join(twice)} comes twice", "repeated lead")
    return [channels[lead] for lead in LEADS]


def _factor(path: Path, unit: str) -> float:
    """What turns `unit` into mV."""
    factor = _MILLIVOLT.get(unit.lower())
    if factor is None:
        raise BadRecordError(f"{path}: unit {unit!r}, wanted V, mV or uV", "unknown unit")
    return factor


class _SignalFile(NamedTuple):
    """A signal file.

    Attributes:
        first: the first of its channels.
        channels: how many it has.
        offset: bytes before its first sample.
        samples: whole frames in it.
        plain: one 16-bit sample of each channel a frame, none of them late.
    """

    path: Path
    first: int
    channels: int
    offset: int
    samples: int
    plain: bool

    def read(self, samples: int) -> Int16[np.ndarray, "time channel"]:
        """The first `samples` frames of a plain file."""
        count = samples * self.channels
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.offset)
            return np.fromfile(file, dtype="<i2", count=count).reshape(samples, self.channels)


def _find(path: Path, header: Header, name: str) -> _SignalFile:
    """The signal file `name`, there and in order."""
    file = path.with_name(name)
    mine = [channel for channel, signal in enumerate(header.signals) if signal.file == name]
    signals = [header.signals[channel] for channel in mine]
    one = signals[0]
    if mine[-1] - mine[0] >= len(mine):
        raise BadRecordError(f"{path}: signals of {name} with others between them", "unreadable")
    if len({(signal.format, signal.offset) for signal in signals}) > 1:
        raise BadRecordError(f"{path}: signals of {name} differ in format or offset", "unreadable")
    if one.format not in _FORMATS:
        raise BadRecordError(
            f"{path}: format {one.format}, wanted one of {', '.join(_FORMATS)}", "unreadable"
        )
    size = _size(file)
    if size is None:
        raise BadRecordError(f"{path}: its signal file {name} is missing", "missing file")
    if one.format in _COMPRESSED and header.samples is None:
        raise BadRecordError(f"{path}: no number of samples, wanted for format {one.format}", "unreadable")
    frame = _FORMATS[one.format][0] * sum(signal.frame for signal in signals)
    samples = max(0, int((size - one.offset) // frame))
    skew = max(signal.skew for signal in signals)
    if skew > samples:
        raise BadRecordError(f"{path}: a skew of {skew} samples in a file of {samples}", "unreadable")
    plain = one.format == "16" and len(signals) == sum(signal.frame for signal in signals) and skew == 0
    return _SignalFile(file, mine[0], len(mine), one.offset, samples, plain)


def _size(file: Path) -> int | None:
    """Bytes in a regular file; None where there is none."""
    try:
        status = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _through_wfdb(
    path: Path, header: Header, channels: list[int], samples: int
) -> list[Integer[np.ndarray, " time"]]:
    """The samples of a record, frames of several samples as their mean, read by the package wfdb."""
    import wfdb

    stem = str(path.with_suffix(""))
    found = wfdb.rdheader(stem)
    layout = (found.file_name, found.fmt, found.samps_per_frame, found.skew, found.byte_offset)
    theirs = [
        (file, kind, frame, skew or 0, offset or 0)
        for file, kind, frame, skew, offset in zip(*layout, strict=True)
    ]
    if theirs != [signal[:5] for signal in header.signals] or (found.sig_len or samples) != samples:
        raise BadRecordError(f"{path}: a header that wfdb understands otherwise", "unreadable")
    return list(wfdb.rdrecord(stem, channels=channels, physical=False).d_signal.T)


def _millivolt(
    columns: Sequence[Integer[np.ndarray, " time"]], signals: Sequence[Signal], factors: Sequence[float]
) -> Float[np.ndarray, "lead time"]:
    """Samples as physical values; NaN where the format has no sample."""
    gain, baseline, factor = (
        np.array(values, dtype=np.float64)[:, None]
        for values in ([one.gain for one in signals], [one.baseline for one in signals], factors)
    )
    # A quotient of two numbers that float32 holds is the same, computed in float32 or in float64 and rounded.
    exact = (
        all(column.dtype == np.int16 for column in columns)
        and bool((gain.astype(np.float32) == gain).all() and (factor == 1).all())
        and np.abs(baseline).max() <= _EXACT
    )
    kind = np.float32 if exact else np.float64
    physical = np.empty((len(columns), len(columns[0])), dtype=kind)
    for row, column in zip(physical, columns, strict=True):
        row[:] = column
    invalid = np.array([_FORMATS[one.format][1] for one in signals])[:, None]
    gaps = physical == invalid if physical.min() <= invalid.max() else None
    with np.errstate(over="ignore"):  # infinite, which is refused with the lead's name
        if baseline.any():
            physical -= baseline.astype(kind)
        physical /= gain.astype(kind)
        if not exact:
            physical = (physical * factor).astype(np.float32)
    if gaps is not None:
        physical[gaps] = np.nan
    return physical
