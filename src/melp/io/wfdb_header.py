"""Parse headers of WFDB records (WFDB Applications Guide, header(5)), strictly and within bounds.

Files are opened, memory is allocated and the package wfdb is called only for headers that passed this parser.
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

# More than the longest headers of PhysioNet, those of recordings over days in thousands of segments.
_MAX_BYTES = 1 << 20
# Hz; beyond any ECG. With other rates, resampling could turn a small file into gigabytes.
MIN_RATE, MAX_RATE = 1.0, 1e6
_DEFAULT_RATE = 250.0
_DEFAULT_GAIN = 200.0
_DEFAULT_UNIT = "mV"
# After the text: the end of a file of DOS, and a block filled up with zero bytes.
_PADDING = b"\x00\x1a \t\r\n"

# Every run of digits is bounded, so that numbers fit into 64 bits and patterns fail fast.
_RECORD = re.compile(r"(\S+)\s+(\d{1,9})(?:\s+(\S+)(?:\s+(\S+))?)?(?:\s.*)?", re.ASCII)
_SEGMENTS = re.compile(r"(.+)/(\d{1,9})", re.ASCII)
_NUMBER = r"(?:(?:\d{1,30}\.?\d{0,30}|\.\d{1,30})(?:[eE][-+]?\d{1,3})?)"
_RATE = re.compile(rf"({_NUMBER})(?:/-?{_NUMBER})?(?:\(-?{_NUMBER}\))?", re.ASCII)
_SAMPLES = re.compile(r"\d{1,18}", re.ASCII)
# Possessive quantifiers: no backtracking, a line is read in one pass.
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
_GAIN = re.compile(rf"(-?{_NUMBER})(?:\(([-+]?\d{{1,15}})\))?(?:/(\S*))?", re.ASCII)
_SEGMENT = re.compile(r"(\S+)\s+(\d{1,18})(?:\s.*)?", re.ASCII)


class Signal(NamedTuple):
    """A signal specification line.

    Attributes:
        file: name of the signal file, in the header's folder (a folder before it is left out); `~` for none.
        format: storage format of the samples, such as "16".
        frame: samples of this signal in a frame.
        skew: delay of this signal in samples.
        offset: bytes before the first sample.
        gain: steps per unit, not 0; physical value = (sample - baseline) / gain.
        baseline: the sample value of 0 units.
        unit: as written in the header.
        name: the description, which may be empty.
        initial: the first sample, from which format 8 counts.
        checksum: the sum of all samples, modulo 2^16; None if not in the header.
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
    initial: int = 0
    checksum: int | None = None


class Segment(NamedTuple):
    """A part of a record: the name of another record in the same folder, or `~` for a gap, and its length."""

    record: str
    samples: int


@dataclass(frozen=True)
class Header:
    """A header.

    Attributes:
        rate: frames per second.
        samples: frames in each signal; None if not in the header.
        signals: empty for a record of several segments.
        segments: empty for a record of one segment; a first segment of 0 samples defines the layout.
        comments: the lines that begin with #, without it.
        further: number of lines beyond those that the record line counts; they are disregarded.
    """

    rate: float
    samples: int | None
    signals: tuple[Signal, ...]
    segments: tuple[Segment, ...]
    comments: tuple[str, ...]
    further: int = 0

    @property
    def has_checksums(self) -> bool:
        """Whether the checksums were computed: some programs write 0, or one number, for all signals."""
        checksums = {signal.checksum for signal in self.signals}
        return len(checksums) > 1 or (len(self.signals) == 1 and checksums != {0})


def read_header(path: Path) -> Header:
    """Read a header from `path`, a regular file.

    Raises:
        BadRecordError: see `parse_header`.
    """
    with path.open("rb", buffering=0) as file:
        content = file.read(min(os.fstat(file.fileno()).st_size, _MAX_BYTES) + 1)
    return parse_header(content, str(path))


def parse_header(content: bytes, source: str) -> Header:
    """Parse the content of a header.

    Omitted fields have the defaults of the format: 250 Hz, gain 200 (also for a gain of 0), the ADC's zero as
    baseline, mV. Text may be UTF-8 or Latin-1, although the format allows ASCII only.

    Raises:
        BadRecordError: a line does not conform to the format; the message begins with `source`.
    """
    try:
        return _parse(content, source)
    except ValueError as error:
        raise BadRecordError(f"{source}: not a readable WFDB record ({error})", "unreadable") from None


def _parse(content: bytes, source: str) -> Header:
    lines, comments = _lines(content)
    if not lines:
        raise ValueError("no record line")
    match = _RECORD.fullmatch(_printable(lines[0]))
    if match is None:
        raise ValueError(f"record line {_short(lines[0])}, wanted a name and the number of signals")
    name, signals, rate, samples = match.groups()
    common = (_rate(rate), _samples(samples))
    segments = _number_of_segments(name, source) if "/" in name else None
    count = int(signals) if segments is None else segments
    following, further = lines[1 : 1 + count], max(0, len(lines) - 1 - count)
    kind = "signal" if segments is None else "segment"
    if len(following) < count or segments == 0:
        raise ValueError(f"{len(following)} {kind} lines, the record line says {count}")
    if not _is_printable(" ".join(following)):
        following = [_printable(line) for line in following]  # the first of them raises
    if segments is not None:
        return Header(*common, (), tuple(map(_segment, following)), comments, further)
    return Header(*common, tuple(map(_signal, following)), (), comments, further)


def _number_of_segments(name: str, source: str) -> int | None:
    """Return the number after the slash of a record's name; None for a record of one segment.

    In `folder/00001` the last part is the record's name, not a number of segments, if the header's file
    `source` is called so.
    """
    match, stem = _SEGMENTS.fullmatch(name), Path(source).stem
    if match is None or (match[2] == stem and _last_part(match[1]) != stem):
        return None
    return int(match[2])


def _last_part(name: str) -> str:
    """Return a name without the folders before it."""
    return name.replace("\\", "/").rpartition("/")[2]


def _file_name(name: str, what: str) -> str:
    last = _last_part(name)
    if last in ("", ".", ".."):
        raise ValueError(f"{what} {_short(name)}, wanted a name")
    return last


def _lines(content: bytes) -> tuple[list[str], tuple[str, ...]]:
    """Return the lines with content, and the comments."""
    if len(content) > _MAX_BYTES:
        raise ValueError(f"over {_MAX_BYTES} bytes")
    content = content.removeprefix(b"\xef\xbb\xbf").rstrip(_PADDING)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines, comments = [], []
    # Not `splitlines`, which also splits at characters of Latin-1 and Unicode.
    for line in text.replace("\r", "\n").split("\n"):
        line = line.strip(" \t")
        if line.startswith("#"):
            comments.append(line.strip(" \t#"))
        elif line:
            lines.append(line)
    return lines, tuple(comments)


def _is_printable(text: str) -> bool:
    return text.replace("\t", " ").isprintable()


def _printable(line: str) -> str:
    if not _is_printable(line):
        raise ValueError(f"control characters in line {_short(line)}")
    return line


def _rate(text: str | None) -> float:
    if text is None:
        return _DEFAULT_RATE
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"sampling frequency {_short(text)}, wanted a number")
    rate = float(match[1])
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ValueError(f"sampling frequency {rate:g} Hz, wanted {MIN_RATE:g} to {MAX_RATE:g}")
    return rate


def _samples(text: str | None) -> int | None:
    if text is None:
        return None
    if _SAMPLES.fullmatch(text) is None:
        raise ValueError(f"number of samples {_short(text)}, wanted a whole number")
    return int(text) or None


def _signal(line: str) -> Signal:
    match = _SIGNAL.fullmatch(line)
    stored = match and _stored(*match.group(1, 2, 3))
    if match is None or stored is None:
        raise ValueError(f"signal line {_short(line)}, wanted file, format, gain(baseline)/unit ...")
    numbers, name = match.group(4, 5)
    # Resolution, the ADC's zero, first sample, checksum, size of a block.
    fields = numbers.split() if numbers else []
    zero = int(fields[1]) if len(fields) > 1 else 0
    initial = int(fields[2]) if len(fields) > 2 else zero
    checksum = int(fields[3]) & 0xFFFF if len(fields) > 3 else None
    file, form, frame, skew, offset, gain, baseline, unit = stored
    baseline = zero if baseline is None else baseline
    return Signal(file, form, frame, skew, offset, gain, baseline, unit, name or "", initial, checksum)


# Cached because the lines of a header differ in little, and the headers of a corpus as well.
@lru_cache(1024)
def _stored(
    file: str, layout: str, scale: str | None
) -> tuple[str, str, int, int, int, float, int | None, str] | None:
    """Parse the name of the file, format, samples in a frame, skew, offset, gain, baseline and unit."""
    name = _file_name(file, "signal file")
    form, scaled = _FORMAT.fullmatch(layout), _GAIN.fullmatch(scale or "0")
    if form is None or scaled is None:
        return None
    frame, gain = int(form[2] or 1), float(scaled[1])
    if not frame:
        raise ValueError(
            f"0 samples a frame in {_short(layout)} of signal file {_short(file)}, wanted 1 or more"
        )
    if not math.isfinite(gain):
        raise ValueError(f"gain {scale}, wanted a finite number")
    storage = (name, form[1], frame, int(form[3] or 0), int(form[4] or 0))
    baseline = int(scaled[2]) if scaled[2] else None
    return (*storage, gain or _DEFAULT_GAIN, baseline, scaled[3] or _DEFAULT_UNIT)


def _segment(line: str) -> Segment:
    match = _SEGMENT.fullmatch(line)
    if match is None:
        raise ValueError(f"segment line {_short(line)}, wanted a record and its number of samples")
    return Segment(_file_name(match[1], "segment"), int(match[2]))


def _short(text: str) -> str:
    """Return `text` in quotes, on one line, cut to 60 characters."""
    return ascii(text if len(text) <= 60 else text[:57] + "...")
