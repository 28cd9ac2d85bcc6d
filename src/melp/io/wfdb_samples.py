"""Read the signal files of WFDB records and convert their samples to millivolts.

Format 16, that of nearly every ECG on PhysioNet, is read here; the samples of other formats are decoded by
the package wfdb, after the header and the file sizes have been checked.
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
from melp.io.values import in_millivolt
from melp.io.wfdb_header import Header, Signal

# Bytes per sample of each format, and the value that marks an invalid sample. For the compressed formats
# (FLAC), the minimum of bytes, which is reached by blocks of a constant value.
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
# Gains whose steps are a whole number of microvolts.
_WHOLE_GAINS = frozenset(float(gain) for gain in range(1, 1001) if 1000 % gain == 0)
# Integers up to this one are exact in float32.
_EXACT = 2**23


class Channels(NamedTuple):
    """Channels of a record of one segment.

    Attributes:
        samples: the integers in the files; those of a frame follow one another.
        signals: the specification of each channel.
        factors: the unit of each channel in mV.
        left_out: frames in the longest file beyond the length that the header says.
    """

    samples: Integer[np.ndarray, "channel time"]
    signals: Sequence[Signal]
    factors: Sequence[float]
    left_out: int

    def damaged(self) -> list[int]:
        """Return the channels of which the samples do not add up to the checksum in the header.

        With a skew, it is not defined which samples count.
        """
        signals = self.signals
        if any(signal.skew for signal in signals):
            return []
        # int16 wraps around as the checksum does, and its sum takes a twentieth of the time of int64's.
        kind = np.int16 if self.samples.dtype == np.int16 else np.int64
        sums = self.samples.sum(axis=1, dtype=kind).tolist()
        return [
            channel
            for channel, (signal, total) in enumerate(zip(signals, sums, strict=True))
            if signal.checksum not in (None, total & 0xFFFF)
        ]

    def microvolt(self) -> tuple[Int16[np.ndarray, "channel time"], Int16[np.ndarray, "2 channel"]] | None:
        """Return the samples in microvolts, and minimum and maximum of each channel.

        None if they are not whole or do not fit into int16.
        """
        if (
            self.samples.dtype != np.int16
            or set(self.factors) != {1}
            or any(signal.baseline for signal in self.signals)
        ):
            return None
        gains = {signal.gain for signal in self.signals}
        if not all(gain in _WHOLE_GAINS for gain in gains):
            return None
        limit = 32767 * min(gains) / 1000
        extremes = np.empty((2, len(self.samples)), dtype=np.int16)
        self.samples.min(axis=1, out=extremes[0])
        self.samples.max(axis=1, out=extremes[1])
        if extremes.min() < -limit or extremes.max() > limit:
            return None
        steps = [round(1000 / signal.gain) for signal in self.signals]
        factors = np.array(steps, dtype=np.int16)
        return self.samples * factors[:, None], extremes * factors

    def millivolt(self) -> Float[np.ndarray, "channel time"]:
        """Return the samples in mV as float32, invalid ones as NaN."""
        samples, signals = self.samples, self.signals
        gains, baselines = [signal.gain for signal in signals], [signal.baseline for signal in signals]
        # The quotient of two float32 numbers is the same whether computed in float32 or rounded from float64.
        exact = (
            samples.dtype == np.int16
            and all(float(np.float32(gain)) == gain for gain in set(gains))
            and set(self.factors) == {1}
            and max(map(abs, baselines)) <= _EXACT
        )
        kind = np.float32 if exact else np.float64
        markers = [_FORMATS[signal.format][1] for signal in signals]
        invalid = samples == np.array(markers)[:, None] if samples.min() <= max(markers) else None
        physical = np.empty(samples.shape, dtype=kind)
        physical[:] = samples
        with np.errstate(over="ignore"):  # infinite values raise an error that names the lead
            if any(baselines):
                physical -= np.array(baselines, dtype=kind)[:, None]
            physical /= np.array(gains, dtype=kind)[:, None]
            if not exact:
                physical = (physical * np.array(self.factors)[:, None]).astype(np.float32)
        if invalid is not None:
            physical[invalid] = np.nan
        return physical


def read_channels(path: Path, header: Header, channels: Sequence[int]) -> Channels:
    """Read channels of a record of one segment.

    Args:
        path: the header; the signal files are in the same folder.
        header: its content.
        channels: indices into `header.signals`.

    Raises:
        BadRecordError: a signal file is missing, truncated or inconsistent with the header, a unit is
            unknown, or the channels differ in the number of samples in a frame.
    """
    signals = [header.signals[channel] for channel in channels]
    factor = {unit: _factor(path, unit) for unit in dict.fromkeys(signal.unit for signal in signals)}
    factors = [factor[signal.unit] for signal in signals]
    frames = sorted({signal.frame for signal in signals})
    if len(frames) > 1:
        found = " and ".join(map(str, frames))
        raise BadRecordError(
            f"{path}: leads of {found} samples a frame, wanted the same for all", "unreadable"
        )
    files = {
        name: _find_file(path, header, name) for name in dict.fromkeys(signal.file for signal in signals)
    }
    length = _length(path, header, list(files.values()))
    left_out = max(file.left_out(length) for file in files.values())
    blocks = {name: file.read(length) for name, file in files.items()}
    if len(files) == 1:
        ((name, block),) = blocks.items()
        if isinstance(block, np.ndarray):  # the usual case
            return Channels(
                block[[channel - files[name].first for channel in channels]], signals, factors, left_out
            )
    rows = [
        blocks[signal.file][channel - files[signal.file].first]
        for channel, signal in zip(channels, signals, strict=True)
    ]
    return Channels(np.stack(rows), signals, factors, left_out)


def _length(path: Path, header: Header, files: Sequence[_SignalFile]) -> int:
    """Return the number of samples of a record, after checking that every file has as many."""
    samples = header.samples or files[0].samples
    for file in files:
        if file.samples < samples:
            source = "the header says" if header.samples else "the first file has"
            raise BadRecordError(f"{file.path}: {file.samples} samples, {source} {samples}", "truncated")
    if not samples:
        raise BadRecordError(f"{path}: no samples", "no samples")
    return samples


def _factor(path: Path, unit: str) -> float:
    """Return `unit` in mV."""
    factor = in_millivolt(unit)
    if factor is None:
        raise BadRecordError(f"{path}: unit {unit!r}, wanted V, mV or uV", "unknown unit")
    return factor


class _SignalFile(NamedTuple):
    """A signal file.

    Attributes:
        first: the first of its channels.
        signals: the specification of each channel.
        samples: number of complete frames.
        skew: the largest delay of a channel, in frames.
    """

    path: Path
    first: int
    signals: Sequence[Signal]
    samples: int
    skew: int

    @property
    def compressed(self) -> bool:
        """Whether its size does not tell its length: `samples` is an upper bound."""
        return self.signals[0].format in _COMPRESSED

    def left_out(self, samples: int) -> int:
        """Return how many frames are not read if the record has `samples`."""
        return 0 if self.compressed else max(0, self.samples - samples - self.skew)

    def read(self, samples: int) -> Integer[np.ndarray, "channel time"] | list[Integer[np.ndarray, " time"]]:
        """Read the first `samples` frames of each channel; channels may differ in samples a frame."""
        if self.signals[0].format != "16" or self.skew:
            return _decode_with_wfdb(self, samples)
        frames = [signal.frame for signal in self.signals]
        width = sum(frames)
        with self.path.open("rb", buffering=0) as file:
            if offset := self.signals[0].offset:
                file.seek(offset)
            block = np.frombuffer(file.read(2 * samples * width), dtype="<i2").reshape(samples, width)
        if width == len(frames):
            return block.T
        return [part.reshape(-1) for part in np.split(block, np.cumsum(frames)[:-1], axis=1)]


def _find_file(path: Path, header: Header, name: str) -> _SignalFile:
    """Return the signal file `name` after checking it against the header."""
    file = path.with_name(name)
    channels = [channel for channel, signal in enumerate(header.signals) if signal.file == name]
    signals = [header.signals[channel] for channel in channels]
    first = signals[0]
    if channels[-1] - channels[0] >= len(channels):
        raise BadRecordError(f"{path}: signals of {name} with others between them", "unreadable")
    if len({(signal.format, signal.offset) for signal in signals}) > 1:
        raise BadRecordError(f"{path}: signals of {name} differ in format or offset", "unreadable")
    if first.format not in _FORMATS:
        raise BadRecordError(
            f"{path}: format {first.format}, wanted one of {', '.join(_FORMATS)}", "unreadable"
        )
    size = _size(file)
    if size is None:
        raise BadRecordError(f"{path}: its signal file {name} is missing", "missing file")
    if first.format in _COMPRESSED and header.samples is None:
        raise BadRecordError(f"{path}: no number of samples, wanted for format {first.format}", "unreadable")
    frame = _FORMATS[first.format][0] * sum(signal.frame for signal in signals)
    samples = max(0, int((size - first.offset) // frame))
    skew = max(signal.skew for signal in signals)
    if skew > samples:
        raise BadRecordError(f"{path}: a skew of {skew} samples in a file of {samples}", "unreadable")
    if file.suffix == ".mat" and is_matlab5(file):
        raise BadRecordError(f"{file}: a MATLAB 5 file, not the samples of {path.name}", "unreadable")
    return _SignalFile(file, channels[0], signals, samples, skew)


def _size(file: Path) -> int | None:
    """Return the size of a regular file in bytes; None if there is none."""
    try:
        status = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _decode_with_wfdb(file: _SignalFile, samples: int) -> list[Integer[np.ndarray, " time"]]:
    """Decode the first `samples` frames of each channel with the package wfdb.

    Its function for one signal file is called instead of `rdrecord`, which would parse the header by other
    rules (it refuses names, dates and text that the format, or this package, allows).
    """
    from wfdb.io._signal import _rd_dat_signals

    signals = file.signals
    rows = _rd_dat_signals(
        file_name=file.path.name,
        dir_name=str(file.path.parent),
        pn_dir=None,
        fmt=signals[0].format,
        n_sig=len(signals),
        # A skewed channel goes on beyond the length in the header.
        sig_len=samples if file.compressed else file.samples,
        byte_offset=signals[0].offset,
        samps_per_frame=[signal.frame for signal in signals],
        skew=[signal.skew for signal in signals],
        init_value=[signal.initial for signal in signals],
        sampfrom=0,
        sampto=samples,
    )
    return [row.astype(np.int64) for row in rows]
