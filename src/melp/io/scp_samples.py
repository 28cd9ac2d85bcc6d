"""Decode the samples of SCP-ECG: Huffman codes, differences, decimation, reference beats (EN 1064)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

_PADDING = 64
"""Bits; up to 15 are usual at the end of a lead, more are samples that the header does not count."""

Zone = tuple[int, int]
"""First and last sample, counted from 1."""


class Code(NamedTuple):
    """A Huffman code: its value, or the number of bits that hold it, or the table of the next codes."""

    value: int
    bits: int = 0
    table: int | None = None


Table = dict[str, Code]
"""By the bits of each code's prefix."""


def _default_table() -> Table:
    """Return table 19999: 0 for 0, then ones as many as |value|, a zero and the sign."""
    table = {"0": Code(0), "1" * 9 + "0": Code(0, 8), "1" * 10: Code(0, 16)}
    for size in range(1, 9):
        table["1" * size + "00"] = Code(size)
        table["1" * size + "01"] = Code(-size)
    return table


def huffman_tables(section: bytes) -> list[Table]:
    """Return the tables of section 2; none for an empty section: the samples are 16-bit integers.

    Raises:
        ValueError: the section is damaged.
    """
    if not section:
        return []
    (count,) = struct.unpack_from("<H", section)
    if count == 19999:
        return [_default_table()]
    tables, position = [], 2
    for _ in range(count):
        (codes,) = struct.unpack_from("<H", section, position)
        position += 2
        table: Table = {}
        for _ in range(codes):
            prefix, whole, mode, value, bits = struct.unpack_from("<BBBhI", section, position)
            position += 9
            if not 0 < prefix <= 32 or not prefix <= whole <= prefix + 32:
                raise ValueError(f"a Huffman code of {prefix} and {whole} bits found")
            # The first bit of a code is the lowest of the number.
            text = f"{bits:032b}"[::-1][:prefix]
            table[text] = Code(0, 0, value - 1) if mode == 0 else Code(value, whole - prefix)
        tables.append(table)
    return tables


def decode(data: bytes, tables: Sequence[Table], count: int) -> Int[np.ndarray, " {count}"]:
    """Return `count` values.

    Raises:
        ValueError: there are fewer, or bits that are no code.
    """
    if not tables:
        if len(data) < 2 * count:
            raise ValueError(f"{len(data) // 2} samples found, wanted {count}")
        return np.frombuffer(data, "<i2", count).astype(np.int64)
    if count > 8 * len(data):
        raise ValueError(f"{len(data)} bytes found for {count} samples")
    text = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}" if data else ""
    values, table, position = np.empty(count, np.int64), tables[0], 0
    longest, found = max(map(len, table), default=0), 0
    while found < count:
        for end in range(position + 1, min(position + longest, len(text)) + 1):
            code = table.get(text[position:end])
            if code is not None:
                break
        else:
            raise ValueError(f"{found} samples found before bits that are not a Huffman code, wanted {count}")
        position = end + code.bits
        if code.table is not None:
            if not 0 <= code.table < len(tables):
                raise ValueError(f"Huffman table {code.table + 1} found, wanted 1 to {len(tables)}")
            table = tables[code.table]
            longest = max(map(len, table), default=0)
            continue
        if position > len(text):
            raise ValueError(f"{found} samples found, wanted {count}")
        values[found] = _signed(text[end:position]) if code.bits else code.value
        found += 1
    if (left := len(text) - position) >= _PADDING:
        raise ValueError(f"{left} bits found after {count} samples")
    return values


def _signed(bits: str) -> int:
    return int(bits, 2) - (1 << len(bits) if bits[0] == "1" else 0)


def integrate(values: Int[np.ndarray, " time"], differences: int) -> Int[np.ndarray, " time"]:
    """Return the samples for their first or second differences, of which the first ones are samples."""
    if differences == 2 and len(values) > 1:
        steps = values.copy()
        steps[1] -= values[0]
        values = np.concatenate([values[:1], values[0] + np.cumsum(np.cumsum(steps[1:]))])
    elif differences:
        values = np.cumsum(values)
    # Samples have 16 bits; so have their differences, which may overflow.
    return values.astype(np.int16).astype(np.int64)


def stored_samples(length: int, factor: int, protected: Sequence[Zone]) -> Int[np.ndarray, " stored"]:
    """Return which samples, in quarters of one and from 0, the stored ones of a decimated lead stand for.

    In protected zones every sample is stored, outside them the mean of each `factor` of them.
    """
    places, next_ = [], 0
    for first, last in [*sorted(protected), (length + 1, length)]:
        start, end = min(max(first - 1, next_), length), min(last, length)
        blocks = np.arange(next_, start, factor)
        ends = np.minimum(blocks + factor, start)
        places += [2 * (blocks + ends - 1), 4 * np.arange(start, max(end, start))]
        next_ = max(end, start)
    return np.concatenate(places)


def expand(
    values: Int[np.ndarray, " stored"], places: Int[np.ndarray, " stored"], length: int
) -> Float[np.ndarray, " {length}"]:
    """Return all samples of a decimated lead, interpolated between those that are stored."""
    return np.interp(4 * np.arange(length), places, values)


class Beat(NamedTuple):
    """A beat: its type, and first, trigger and last sample of where the reference beat is subtracted."""

    kind: int
    first: int
    trigger: int
    last: int


class Beats(NamedTuple):
    """Section 4: length and trigger of the reference beat, beats, and zones that are not decimated."""

    milliseconds: int
    trigger: int
    beats: tuple[Beat, ...]
    protected: tuple[Zone, ...]


def read_beats(section: bytes) -> Beats:
    """Return section 4, in which either part may be absent.

    Raises:
        ValueError: its length is not that of its number of beats.
    """
    milliseconds, trigger, count = struct.unpack_from("<HHH", section)
    rest = (len(section) - 6) // max(count, 1)
    if count and rest < 8:
        return Beats(milliseconds, trigger, (), ())
    beats = [struct.unpack_from("<HIII", section, 6 + 14 * i) for i in range(count)] if rest >= 14 else []
    start = 6 + 14 * len(beats)
    zones = struct.iter_unpack("<II", section[start : start + 8 * count]) if rest != 14 else ()
    protected = tuple((first, last) for first, last in zones)
    return Beats(milliseconds, trigger, tuple(Beat(*beat) for beat in beats), protected)


def add_reference(
    samples: Float[np.ndarray, " time"], reference: Float[np.ndarray, " beat"], beats: Beats
) -> Float[np.ndarray, " time"]:
    """Return samples with the reference beat added to the beats of type 0, where it was subtracted."""
    samples = samples.copy()
    for beat in beats.beats:
        if beat.kind != 0 or not beat.first:
            continue
        # Sample `trigger` of the reference beat lies on sample `beat.trigger`; both are counted from 1.
        shift = beat.trigger - beats.trigger
        first = max(beat.first - 1, shift, 0)
        last = min(beat.last, shift + len(reference), len(samples))
        if first < last:
            samples[first:last] += reference[first - shift : last - shift]
    return samples
