"""XLI, the compression of samples in Philips Sierra XML.

A chunk for each lead: the number of its bytes, an unused number, the first of the second differences, and the
bytes of the others by LZW in codes of 10 bits. The high bytes of all samples come first, then the low ones.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int16

_HEADER = 8
_BITS = 10
_END = 1023
_BIAS = 64
"""What is added to each second difference so that small ones of either sign have a high byte of 0."""


def decode_leads(data: bytes, leads: int, samples: int) -> list[Int16[np.ndarray, " time"]]:
    """Return the samples of the first `leads` chunks, `samples` at most in each.

    Further chunks, which some devices allocate and leave unused, are not read.

    Raises:
        ValueError: the data are cut, or decode to more samples or to some beyond 16 bits.
    """
    return [_decode(first, body, samples) for first, body in _chunks(data, leads)]


def _chunks(data: bytes, count: int) -> Iterator[tuple[int, bytes]]:
    position = 0
    for number in range(count):
        if position + _HEADER > len(data):
            raise ValueError(f"{number} compressed leads found, wanted {count}")
        size, _, first = struct.unpack_from("<ihh", data, position)
        position += _HEADER
        if not 0 < size <= len(data) - position:
            raise ValueError(f"a compressed lead of {size} bytes in {len(data) - position}; cut short")
        yield first, data[position : position + size]
        position += size


def _decode(first: int, body: bytes, samples: int) -> Int16[np.ndarray, " time"]:
    content = _unpack(body, 2 * samples)
    half = len(content) // 2
    if half < 2:
        raise ValueError("a compressed lead without samples")
    high, low = np.frombuffer(content, np.uint8, 2 * half).reshape(2, half)
    stored = (high.astype(np.uint16) << 8 | low).view(np.int16).astype(np.int64)
    # The first two samples are stored as they are; `stored[n]` is the second difference that leads to n + 1.
    second = -np.concatenate([[first], stored[2:-1] - _BIAS])[: half - 2]
    slope = stored[1] - stored[0] + np.concatenate([[0], np.cumsum(second)])
    values = np.concatenate([stored[:1], stored[0] + np.cumsum(slope)])
    if np.abs(values).max() > 2**15:
        raise ValueError("compressed samples beyond 16 bits; a damaged file")
    return values.astype(np.int16)


def _unpack(body: bytes, most: int) -> bytes:
    """Return the bytes of an LZW stream: codes of 10 bits, the most significant first."""
    bits = np.unpackbits(np.frombuffer(body, np.uint8))
    codes = bits[: len(bits) // _BITS * _BITS].reshape(-1, _BITS) @ (1 << np.arange(_BITS - 1, -1, -1))
    words = [bytes([byte]) for byte in range(256)]
    content, last = bytearray(), b""
    for code in codes.tolist():
        if code == _END or len(content) >= most:
            break
        if code > len(words) or (code == len(words) and not last):
            raise ValueError("a compressed lead with an unknown code; a damaged file")
        word = words[code] if code < len(words) else last + last[:1]
        if last and len(words) < _END:
            words.append(last + word[:1])
        content += word
        last = word
    return bytes(content[:most])
