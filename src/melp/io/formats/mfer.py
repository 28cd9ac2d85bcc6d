"""MFER, medical waveform format encoding rules (ISO 22077-1, ISO/TS 11073-92001).

A file is a row of definitions: tag, length, value. A definition holds until another one of its tag; a
definition of waveform data makes a frame of what was defined before it: sequences of blocks, one a channel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Num

from melp.ecg import ECG
from melp.io.lead_codes import LEAD_CODES
from melp.io.recording import Channel, Key, age_and_sex, lead_names, most_samples, to_ecg
from melp.io.source import Source, decoded

NAME = "MFER"
ENDINGS = (".mwf",)
NEEDS = ""

(_ORDER, _BLOCK, _CHANNELS, _SEQUENCES, _KIND, _LEAD, _TYPE, _INTERVAL, _UNIT, _OFFSET, _COMPRESSED) = (
    1, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14
)  # fmt: skip
_NULL, _MAKER, _WAVEFORM, _CHANNEL, _PREAMBLE, _END, _AGE, _SEX = (
    0x12,
    0x17,
    0x1E,
    0x3F,
    0x40,
    0x80,
    0x83,
    0x84,
)
_TAGS = {*range(16), 0x11, _NULL, 0x15, 0x16, _MAKER, _WAVEFORM, *range(0x3F, 0x47), 0x67, *range(0x80, 0x89)}
_TYPES = {0: "i2", 1: "u2", 2: "i4", 3: "u1", 4: "u2", 5: "i1", 6: "u4", 7: "f4", 8: "f8"}
_STATUS, _DOMINANT_BEAT = 4, 9
_SEXES = {1: "m", 2: "f"}


class _Definition(NamedTuple):
    """A definition; `channel` is None if it is of all channels."""

    tag: int
    value: bytes
    channel: int | None = None


class _State:
    """What is defined so far: for all channels, and for single ones."""

    def __init__(self) -> None:
        self.common: dict[int, bytes] = {}
        self.single: dict[int, dict[int, bytes]] = {}

    def set(self, definition: _Definition) -> None:
        """Add a definition; a number of channels removes what is defined for single ones."""
        if definition.channel is not None:
            self.single.setdefault(definition.channel, {})[definition.tag] = definition.value
            return
        self.common[definition.tag] = definition.value
        if definition.tag == _CHANNELS:
            self.single = {}

    def value(self, tag: int, channel: int = -1) -> bytes:
        """Return what is defined for a channel, else for all; b"" if nothing is."""
        return self.single.get(channel, {}).get(tag, self.common.get(tag, b""))

    def number(self, tag: int, default: int, channel: int = -1) -> int:
        """Return a value as a whole number."""
        value = self.value(tag, channel)
        return int.from_bytes(value, self.order) if value else default

    def quantity(self, tag: int, channel: int = -1) -> tuple[int, float] | None:
        """Return the unit and the number of a value with an exponent of ten; None if it is not defined."""
        value = self.value(tag, channel)
        if len(value) < 3:
            return None
        exponent = int.from_bytes(value[1:2], self.order, signed=True)
        # Neither a rate nor a sensitivity is negative: writers store 250 in one byte.
        return value[0], float(f"{int.from_bytes(value[2:10], self.order)}e{exponent}")

    @property
    def order(self) -> Literal["little", "big"]:
        """The order of bytes."""
        return "little" if self.common.get(_ORDER, b"")[:1] == b"\1" else "big"


def matches(source: Source) -> bool:
    """Return whether the file has the preamble, or is a row of known definitions up to a waveform."""
    head = source.head
    if head[:1] == bytes([_PREAMBLE]) and head[2:5] == b"MFR":
        return True
    tags = set()
    for definition in _definitions(head, cut=True):
        tags.add(definition.tag)
        if definition.tag not in _TAGS:
            return False
    return {_WAVEFORM, _CHANNELS} <= tags


def read(source: Source) -> ECG:
    """Read the rhythm; of several frames that with most samples.

    Raises:
        BadRecordError: samples are missing, compressed, or without rate or unit.
    """
    sets: list[tuple[Key, list[Channel]]] = []
    state, beats = _State(), 0
    try:
        for definition in _definitions(source.data):
            if definition.tag != _WAVEFORM:
                state.set(definition)
            elif state.number(_KIND, 0) == _DOMINANT_BEAT:
                beats += 1
            else:
                sets += _frame(source, state, definition.value, str(len(sets)))
    except ValueError as error:
        raise source.error(str(error)) from None
    if beats:
        source.warnings.append(f"frames of dominant beats left out: {beats}")
    (rate, *_), channels = most_samples(source, sets)
    device = " ".join(decoded(state.value(_MAKER)).split("^")[:2])
    # The age in years; days and the date of birth follow.
    age = state.value(_AGE)[:1]
    patient = age_and_sex(str(age[0]) if age else "", _SEXES.get(state.number(_SEX, 0), ""))
    return to_ecg(source, channels, source.sampling_rate(rate), device=device, **patient)


def _definitions(data: bytes, cut: bool = False, channel: int | None = None) -> Iterator[_Definition]:
    """Yield the definitions up to the end; with `cut`, the last one may be shorter than it says.

    Args:
        data: a file, or the value of a definition that holds those of a channel.
        cut: whether the end is missing.
        channel: the number of that channel.

    Raises:
        ValueError: the last one is shorter.
    """
    position = 0
    while position < len(data) and (tag := data[position]) != _END:
        position += 1
        if not tag:  # padding, or the end of what has no length
            continue
        inner = -1
        if tag == _CHANNEL and channel is None:
            inner, position = _channel(data, position)
        length, position = _length(data, position)
        if position + length > len(data) and not cut:
            raise ValueError(f"{len(data) - position} bytes found after tag {tag}, wanted {length}")
        value = data[position : position + length]
        position += length
        if inner < 0:
            yield _Definition(tag, value, channel)
        else:
            yield from _definitions(value, cut, inner)


def _channel(data: bytes, position: int) -> tuple[int, int]:
    """Return the number of a channel at a position, in bytes of 7 bits, and the position after it."""
    number, more = 0, True
    while more and position < len(data):
        number = number << 7 | data[position] & 0x7F
        more = data[position] >= 0x80 and number < 1 << 14
        position += 1
    return number, position


def _length(data: bytes, position: int) -> tuple[int, int]:
    """Return the length at a position, and the position after it."""
    first = data[position] if position < len(data) else 0
    if first <= 0x80:  # 0x80: no length, so that what follows is read as definitions
        return first & 0x7F, position + 1
    end = position + 1 + (first & 0x7F)
    return int.from_bytes(data[position + 1 : end], "big"), end


def _frame(source: Source, state: _State, data: bytes, start: str) -> list[tuple[Key, list[Channel]]]:
    """Return the channels of a frame, each with its rate, number of samples and start."""
    if state.number(_COMPRESSED, 0):
        raise source.error("compressed MFER samples found, wanted others")
    count = state.number(_CHANNELS, 1)
    if not 0 < count <= min(256, len(data)):
        raise source.error(f"{count} channels in {len(data)} bytes found", "truncated")
    kinds = [state.number(_TYPE, 0, channel) for channel in range(count)]
    if unknown := set(kinds) - set(_TYPES):
        raise source.error(f"MFER samples of type {unknown.pop()} found, wanted one of 0 to 8")
    types = [np.dtype(_TYPES[kind]).newbyteorder(state.order) for kind in kinds]
    blocks = [state.number(_BLOCK, 1, channel) for channel in range(count)]
    size = sum(block * dtype.itemsize for block, dtype in zip(blocks, types, strict=True))
    found = len(data) // size if size else 0
    sequences = state.number(_SEQUENCES, found)
    if not found or found < sequences:
        raise source.error(f"{found} sequences of {count} channels found, wanted {sequences}", "truncated")
    fields = [(str(i), dtype, (block,)) for i, (dtype, block) in enumerate(zip(types, blocks, strict=True))]
    frame = np.frombuffer(data, np.dtype(fields), sequences)
    names = _names(source, state, count)
    sets: list[tuple[Key, list[Channel]]] = []
    for channel in range(count):
        factor = None if kinds[channel] == _STATUS else _millivolt(source, state, channel)
        if factor is None:
            source.warnings.append(f"channel {names[channel]}, which is not a voltage, left out")
            continue
        samples = _samples(state, channel, frame[str(channel)].ravel()) * factor
        sets.append(((_rate(state, channel), len(samples), start), [(names[channel], samples)]))
    return sets


def _samples(state: _State, channel: int, values: Num[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
    """Return samples with their offset; NaN where they have the value that stands for none."""
    offset, missing = (state.value(tag, channel) for tag in (_OFFSET, _NULL))
    size, samples = values.itemsize, values.astype(np.float64)
    if len(offset) == size:
        samples += float(np.frombuffer(offset, values.dtype)[0])
    if len(missing) == size:
        samples[values == np.frombuffer(missing, values.dtype)[0]] = np.nan
    return samples


def _names(source: Source, state: _State, count: int) -> Sequence[str]:
    """Return the names of the channels: by their codes, else as the user says."""
    codes = [int.from_bytes(state.value(_LEAD, channel)[:2], state.order) for channel in range(count)]
    if not any(codes):
        return lead_names(source, [""] * count)
    return [LEAD_CODES.get(code, f"lead{number}") for number, code in enumerate(codes, start=1)]


def _millivolt(source: Source, state: _State, channel: int) -> float | None:
    """Return the factor to mV of a channel, or None if it is not a voltage."""
    found = state.quantity(_UNIT, channel)
    if found is None:
        return source.millivolt(None)
    unit, number = found
    return number * source.millivolt("V") if unit == 0 else None


def _rate(state: _State, channel: int) -> float | None:
    """Return the rate of a channel in Hz, or None if it is not said."""
    found = state.quantity(_INTERVAL, channel)
    if found is None or not found[1] > 0:
        return None
    return {0: found[1], 1: 1 / found[1]}.get(found[0])
