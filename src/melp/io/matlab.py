"""Read numbers and texts from a MATLAB 5 file.

Memory is bounded by the size of the file. `scipy.io.loadmat` is equally fast but not safe: a damaged file of
208 bytes makes it allocate 1.6 GB, and deeply nested structs crash the process.

Source: MathWorks, MAT-File Format, level 5.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

_HEADER = 128
# The header ends with version and byte order; here as the character for that order in numpy and struct.
ORDERS = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHARACTERS, _NUMERIC = 1, 2, 4, range(6, 16)
_COMPLEX = 0x0800
# A real recording is noisy and compresses to no less than a tenth of its size.
_MOST_UNPACKED = 100


Value = np.ndarray | str | list[str]


class _Array(NamedTuple):
    """An array: its class, shape and name, and the elements of its content."""

    kind: int
    shape: tuple[int, ...]
    name: str
    content: Iterator[tuple[int, memoryview]]


def is_matlab5(path: Path) -> bool:
    """Return whether the 128-byte header of `path` is that of a MATLAB 5 file."""
    with path.open("rb", buffering=0) as file:
        return file.read(_HEADER)[124:] in ORDERS


def read_variables(content: bytes) -> dict[str, Value]:
    """Return the variables of a MATLAB 5 file that are numbers or texts; a cell array of texts is a list.

    The fields of a single struct are variables as well, named STRUCT/FIELD.

    Raises:
        ValueError: the file is damaged before its first variable ends.
    """
    order = ORDERS.get(content[124:_HEADER], "")
    if not order:
        raise ValueError("not a file of MATLAB 5")
    found: dict[str, Value] = {}
    try:
        for array in _arrays(content, order):
            if array.kind == _STRUCT and math.prod(array.shape) == 1:
                found |= {f"{array.name}/{name}": value for name, value in _fields(array, order).items()}
            elif (value := _content(array, order)) is not None:
                found[array.name] = value
    except ValueError:
        if not found:  # what follows a whole variable may be damaged
            raise
    return found


def _arrays(content: bytes, order: str) -> Iterator[_Array]:
    for kind, data in _elements(memoryview(content)[_HEADER:], order):
        if kind == _COMPRESSED:
            kind, data = next(_elements(_unpack(data, _MOST_UNPACKED * len(content)), order))
        if kind != _MATRIX:
            raise ValueError(f"found an element of type {kind}, wanted an array; a damaged file")
        yield _array(data, order)


def _elements(content: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Yield type and content of each element."""
    position = 0
    while position < len(content):
        if len(content) - position < 8:
            raise ValueError("cut short")
        kind, size = struct.unpack_from(order + "II", content, position)
        start = position + 8
        if kind >> 16:  # a small element: its content, at most four bytes, is in the second half of the tag
            kind, size, start = kind & 0xFFFF, min(kind >> 16, 4), position + 4
        if start + size > len(content):
            raise ValueError("cut short")
        yield kind, content[start : start + size]
        position = start + size + (0 if kind == _COMPRESSED else -(start + size) % 8)


def _unpack(data: memoryview, most: int) -> memoryview:
    decompressor = zlib.decompressobj()
    try:
        content = decompressor.decompress(data, most)
    except zlib.error as error:
        raise ValueError(f"a damaged file ({error})") from None
    if not decompressor.eof:
        raise ValueError(f"cut short, or over {_MOST_UNPACKED} times its size unpacked")
    return memoryview(content)


def _array(data: memoryview, order: str) -> _Array:
    content = _elements(data, order)
    flags = _numbers(_next(content), order)
    shape = _numbers(_next(content), order)
    kind, name = _next(content)
    if not len(flags) or not 2 <= len(shape) <= 32 or kind not in _TEXTS:
        raise ValueError("a damaged array")
    kind = int(flags[0]) & 0xFF
    if int(flags[0]) & _COMPLEX:
        kind = 0
    return _Array(kind, tuple(int(size) for size in shape), bytes(name).decode("latin-1"), content)


def _next(content: Iterator[tuple[int, memoryview]]) -> tuple[int, memoryview]:
    element = next(content, None)
    if element is None:
        raise ValueError("a damaged array")
    return element


def _numbers(element: tuple[int, memoryview], order: str) -> np.ndarray:
    kind, data = element
    if kind not in _NUMBERS or len(data) % (dtype := np.dtype(order + _NUMBERS[kind])).itemsize:
        raise ValueError(f"numbers of type {kind} in {len(data)} bytes, a damaged file")
    return np.frombuffer(data, dtype)


def _fields(array: _Array, order: str) -> dict[str, Value]:
    length = _numbers(_next(array.content), order)
    _, names = _next(array.content)
    if len(length) != 1 or not 0 < length[0] <= len(names):
        raise ValueError("a damaged struct")
    size = int(length[0])
    fields: dict[str, Value] = {}
    for start in range(0, len(names), size):
        name = bytes(names[start : start + size]).split(b"\0")[0].decode("latin-1")
        value = _value(_next(array.content), order)
        if value is not None:
            fields[name] = value
    return fields


def _value(element: tuple[int, memoryview], order: str) -> Value | None:
    kind, data = element
    if kind != _MATRIX:
        raise ValueError("a damaged struct")
    if not len(data):  # an empty array may be written without any content
        return None
    return _content(_array(data, order), order)


def _content(array: _Array, order: str) -> Value | None:
    """Return numbers, a text, or the texts of a cell array; None for anything else."""
    if array.kind == _CHARACTERS:
        return _text(_next(array.content), order)
    if array.kind == _CELL:
        cells = [_array(data, order) for kind, data in array.content if kind == _MATRIX and len(data)]
        if any(cell.kind != _CHARACTERS for cell in cells):
            return None
        return [_text(_next(cell.content), order) for cell in cells]
    if array.kind not in _NUMERIC:
        return None
    values = _numbers(_next(array.content), order)
    if min(array.shape) < 0 or math.prod(array.shape) != len(values):
        raise ValueError(f"{len(values)} numbers in an array of shape {array.shape}")
    return values.reshape(array.shape, order="F")


def _text(element: tuple[int, memoryview], order: str) -> str:
    kind, data = element
    if kind not in _TEXTS:
        raise ValueError("a damaged text")
    encoding = _TEXTS[kind]
    if encoding.startswith("utf-") and encoding != "utf-8":
        encoding += "-le" if order == "<" else "-be"
    return bytes(data).decode(encoding, errors="replace")
