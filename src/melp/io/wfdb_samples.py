"""From the signal files of a WFDB record to millivolts.

Samples of format 16, as in nearly every ECG of PhysioNet, are read here; other formats by the package wfdb,
after the header and the sizes of the files have been found in order.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int16, Integer

from melp.ecg import BadRecordError
from melp.io.matlab import is_matlab5
from melp.io.wfdb_header import Header, Signal

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
# Steps a mV that are a whole number of microvolts.
_WHOLE_GAINS = frozenset(float(gain) for gain in range(1, 1001) if 1000 % gain == 0)
# Whole numbers up to here are exact in float32.
_EXACT = 2**23


class Channels(NamedTuple):
    """Some channels of a record of one segment.

    Attributes:
        samples: as the files have them.
        signals: what the header says of each channel.
        factors: mV a unit of each.
    """

    samples: Integer[np.ndarray, "channel time"]
    signals: Sequence[Signal]
    factors: Sequence[float]

    def microvolt(self) -> Int16[np.ndarray, "channel time"] | None:
        """In whole microvolts; None where that is not exact, or more than int16 holds."""
        if (
            self.samples.dtype != np.int16
            or set(self.factors) != {1}
            or any(one.baseline for one in self.signals)
        ):
            return None
        gains = {one.gain for one in self.signals}
        if not all(gain in _WHOLE_GAINS for gain in gains):
            return None
        most = 32767 * min(gains) / 1000
        if self.samples.min() < -most or self.samples.max() > most:
            return None
        steps = [round(1000 / one.gain) for one in self.signals]
        return self.samples * np.array(steps, dtype=np.int16)[:, None]

    def millivolt(self) -> Float[np.ndarray, "channel time"]:
        """As float32; NaN where the format has no sample."""
        samples, signals = self.samples, self.signals
        gains, baselines = [one.gain for one in signals], [one.baseline for one in signals]
        # A quotient of two numbers that float32 holds is the same in float32, and in float64 and rounded.
        exact = (
            samples.dtype == np.int16
            and all(float(np.float32(gain)) == gain for gain in set(gains))
            and set(self.factors) == {1}
            and max(map(abs, baselines)) <= _EXACT
        )
        kind = np.float32 if exact else np.float64
        invalid = [_FORMATS[one.format][1] for one in signals]
        gaps = samples == np.array(invalid)[:, None] if samples.min() <= max(invalid) else None
        physical = np.empty(samples.shape, dtype=kind)
        physical[:] = samples
        with np.errstate(over="ignore"):  # infinite, which is refused with the lead's name
            if any(baselines):
                physical -= np.array(baselines, dtype=kind)[:, None]
            physical /= np.array(gains, dtype=kind)[:, None]
            if not exact:
                physical = (physical * np.array(self.factors)[:, None]).astype(np.float32)
        if gaps is not None:
            physical[gaps] = np.nan
        return physical


def read_channels(path: Path, header: Header, channels: Sequence[int]) -> Channels:
    """Some channels of a record of one segment.

    Args:
        path: the header, beside which the signal files are.
        header: what is in it.
        channels: places in `header.signals`.

    Raises:
        BadRecordError: a signal file is missing, cut short or not as the header says, or a unit is unknown.
    """
    wanted = [header.signals[channel] for channel in channels]
    factors = [_factor(path, signal.unit) for signal in wanted]
    files = {name: _find(path, header, name) for name in dict.fromkeys(signal.file for signal in wanted)}
    samples = _length(path, header, list(files.values()))
    if not all(file.plain for file in files.values()):
        return Channels(np.stack(_through_wfdb(path, header, channels, samples)), wanted, factors)
    if len(files) == 1:
        (file,) = files.values()
        rows = [channel - file.first for channel in channels]
        return Channels(file.read(samples).T[rows], wanted, factors)
    blocks = {name: file.read(samples) for name, file in files.items()}
    columns = [
        blocks[signal.file][:, channel - files[signal.file].first]
        for channel, signal in zip(channels, wanted, strict=True)
    ]
    return Channels(np.stack(columns), wanted, factors)


def _length(path: Path, header: Header, files: Sequence[_SignalFile]) -> int:
    """The number of samples of a record, which all its files have."""
    samples = header.samples or files[0].samples
    for file in files:
        if file.samples < samples:
            told = "the header says" if header.samples else "the first file has"
            raise BadRecordError(f"{file.path}: {file.samples} samples, {told} {samples}", "truncated")
    if not samples:
        raise BadRecordError(f"{path}: no samples", "no samples")
    return samples


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
            if self.offset:
                file.seek(self.offset)
            return np.frombuffer(file.read(2 * count), dtype="<i2").reshape(samples, self.channels)


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
    if file.suffix == ".mat" and is_matlab5(file):
        raise BadRecordError(f"{file}: a MATLAB 5 file, not the samples of {path.name}", "unreadable")
    return _SignalFile(file, mine[0], len(mine), one.offset, samples, plain)


def _size(file: Path) -> int | None:
    """Bytes in a regular file; None where there is none."""
    try:
        status = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _through_wfdb(
    path: Path, header: Header, channels: Sequence[int], samples: int
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
    return list(wfdb.rdrecord(stem, channels=list(channels), physical=False).d_signal.T)
