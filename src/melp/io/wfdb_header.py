"""Headers of WFDB records (WFDB Applications Guide, header(5)), read strictly and within bounds.

Nothing of a header reaches the disk, the memory or another reader before it has passed here.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from melp.ecg import BadRecordError

# The longest headers of PhysioNet, of recordings over days in thousands of segments, stay below this.
_MOST_BYTES = 1 << 20
# Outside of it no heart is recorded, and what resamples would make gigabytes of a small file.
_RATES = (1.0, 1e6)
_DEFAULT_RATE = 250.0
_DEFAULT_GAIN = 200.0
_DEFAULT_UNIT = "mV"

# Every run of digits is bounded: no number grows beyond 64 bits, and no pattern can take long to fail.
_RECORD = re.compile(r"([^\s/]+)(?:/(\d{1,9}))?\s+(\d{1,9})(?:\s+(\S+)(?:\s+(\S+))?)?(?:\s.*)?", re.ASCII)
_NUMBER = r"(?:\d{1,30}\.?\d{0,30}|\.\d{1,30})"
_RATE = re.compile(rf"({_NUMBER})(?:/-?{_NUMBER})?(?:\(-?{_NUMBER}\))?", re.ASCII)
_SAMPLES = re.compile(r"\d{1,18}", re.ASCII)
# What a match takes it never gives back: a line is read in one pass.
_SIGNAL = re.compile(
    r"(\S++)\s++(\S++)"  # file, format
    r"(?:\s++(\S++)"  # gain
    r"((?:\s++[-+]?\d{1,15}+(?!\S)){0,5}+)"  # resolution, zero, first sample, checksum, size of a block
    r"(?:\s++([^\t]*+)(?:\t.*)?)?)?",  # name
    re.ASCII,
)
# format x frame : skew + offset
_FORMAT = re.compile(r"(\d{1,9})(?:x(\d{1,9}))?(?::(\d{1,18}))?(?:\+(\d{1,18}))?", re.ASCII)
# gain(baseline)/unit
_GAIN = re.compile(rf"(-?{_NUMBER}(?:[eE][-+]?\d{{1,3}})?)(?:\(([-+]?\d{{1,15}})\))?(?:/(\S*))?", re.ASCII)
_SEGMENT = re.compile(r"(\S+)\s+(\d{1,18})(?:\s.*)?", re.ASCII)


class Signal(NamedTuple):
    """What a signal specification line says.

    Attributes:
        file: name of the signal file, in the header's folder; `~` where there is none.
        format: how samples are stored, such as "16".
        frame: samples of this signal a frame.
        skew: samples that this signal comes too late.
        offset: bytes before the first sample.
        gain: steps a unit, not 0; physical value = (sample - baseline) / gain.
        baseline: the sample at 0 units.
        unit: as it stands in the header.
        name: the description, empty where there is none.
    """

    file: str
    format: str
    frame: int
    skew: int
    offset: int
    gain: float
    baseline: int
    unit: str
    name: str


class Segment(NamedTuple):
    """A part of a record: another record in the same folder, `~` for a gap, and its samples."""

    record: str
    samples: int


@dataclass(frozen=True)
class Header:
    """A header.

    Attributes:
        rate: frames a second.
        samples: frames in each signal; None where the header does not say.
        signals: empty in a record of several segments.
        segments: empty in a record of one segment; the first of 0 samples lays out those that follow.
        comments: the lines that begin with #, without it.
    """

    rate: float
    samples: int | None
    signals: tuple[Signal, ...]
    segments: tuple[Segment, ...]
    comments: tuple[str, ...]


def read_header(path: Path) -> Header:
    """The header in `path`, a regular file.

    Raises:
        BadRecordError: see `parse_header`.
    """
    with path.open("rb", buffering=0) as file:
        content = file.read(min(os.fstat(file.fileno()).st_size, _MOST_BYTES) + 1)
    return parse_header(content, str(path))


def parse_header(content: bytes, source: str) -> Header:
    """The header in `content`.

    What the format leaves open is filled in as it says: 250 Hz, gain 200 (also for a gain of 0), the
    baseline at the ADC's zero, mV. Text is UTF-8 or Latin-1, of which the format knows only the ASCII part.

    Raises:
        BadRecordError: a line is not as the format wants it; `source` names the header.
    """
    try:
        return _parse(content)
    except ValueError as error:
        raise BadRecordError(f"{source}: not a readable WFDB record ({error})", "unreadable") from None


def _parse(content: bytes) -> Header:
    lines, comments = _lines(content)
    if not lines:
        raise ValueError("no record line")
    match = _RECORD.fullmatch(lines[0])
    if match is None:
        raise ValueError(f"record line {_short(lines[0])}, wanted a name and the number of signals")
    _, segments, signals, rate, samples = match.groups()
    common = (_rate(rate), _samples(samples))
    if segments is not None:
        return Header(*common, (), _segments(lines[1:], int(segments)), comments)
    if len(lines) - 1 != int(signals):
        raise ValueError(f"{len(lines) - 1} signal lines, the record line says {int(signals)}")
    return Header(*common, tuple(map(_signal, lines[1:])), (), comments)


def _lines(content: bytes) -> tuple[list[str], tuple[str, ...]]:
    """What is said, and the comments."""
    if len(content) > _MOST_BYTES:
        raise ValueError(f"over {_MOST_BYTES} bytes")
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines, comments = [], []
    # Not `splitlines`, for which letters of Latin-1 and of Unicode end a line, too.
    for line in text.replace("\r", "\n").split("\n"):
        line = line.strip(" \t")
        if line.startswith("#"):
            comments.append(line.strip(" \t#"))
        elif line:
            if not line.replace("\t", " ").isprintable():
                raise ValueError(f"control characters in line {_short(line)}")
            lines.append(line)
    return lines, tuple(comments)


def _rate(text: str | None) -> float:
    if text is None:
        return _DEFAULT_RATE
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"sampling frequency {_short(text)}, wanted a number")
    rate = float(match[1])
    if not _RATES[0] <= rate <= _RATES[1]:
        raise ValueError(f"sampling frequency {rate:g} Hz, wanted {_RATES[0]:g} to {_RATES[1]:g}")
    return rate


def _samples(text: str | None) -> int | None:
    if text is None:
        return None
    if _SAMPLES.fullmatch(text) is None:
        raise ValueError(f"number of samples {_short(text)}, wanted a whole number")
    return int(text) or None


def _signal(line: str) -> Signal:
    match = _SIGNAL.fullmatch(line)
    if match is None:
        raise _malformed(line)
    file, layout, scale, numbers, name = match.groups()
    if "/" in file or "\\" in file or file in (".", ".."):
        raise ValueError(f"signal file {_short(file)}, wanted a name without folders")
    stored, scaled = _stored(layout), _scaled(scale or "0")
    if stored is None or scaled is None:
        raise _malformed(line)
    if not stored[1]:
        raise ValueError(f"0 samples a frame in signal line {_short(line)}, wanted 1 or more")
    gain, baseline, unit = scaled
    if not math.isfinite(gain):
        raise ValueError(f"gain {scale}, wanted a finite number")
    if baseline is None:
        told = (numbers or "").split()
        baseline = int(told[1]) if len(told) > 1 else 0
    return Signal(file, *stored, gain or _DEFAULT_GAIN, baseline, unit or _DEFAULT_UNIT, name or "")


def _malformed(line: str) -> ValueError:
    return ValueError(f"signal line {_short(line)}, wanted file, format, gain(baseline)/unit ...")


# Of a corpus, millions of lines say the same.
@lru_cache(1024)
def _stored(text: str) -> tuple[str, int, int, int] | None:
    """Format, samples a frame, skew and offset."""
    match = _FORMAT.fullmatch(text)
    return match and (match[1], int(match[2] or 1), int(match[3] or 0), int(match[4] or 0))


@lru_cache(1024)
def _scaled(text: str) -> tuple[float, int | None, str] | None:
    """Gain, baseline and unit."""
    match = _GAIN.fullmatch(text)
    return match and (float(match[1]), int(match[2]) if match[2] else None, match[3] or "")


def _segments(lines: list[str], count: int) -> tuple[Segment, ...]:
    if len(lines) != count or not count:
        raise ValueError(f"{len(lines)} segment lines, the record line says {count}")
    segments = []
    for line in lines:
        match = _SEGMENT.fullmatch(line)
        if match is None:
            raise ValueError(f"segment line {_short(line)}, wanted a record and its number of samples")
        record, samples = match.groups()
        if "/" in record or "\\" in record or record in (".", ".."):
            raise ValueError(f"segment {_short(record)}, wanted a name without folders")
        segments.append(Segment(record, int(samples)))
    return tuple(segments)


def _short(text: str) -> str:
    """`text` in quotes, on one line and not too long."""
    return ascii(text if len(text) <= 60 else text[:57] + "...")
