"""NumPy arrays: `.npy` and `.npz`, without pickles.

An array of shape [lead, time] or [time, lead]. An `.npz` may name leads, rate and unit (`leads`, `rate` or
`fs`, `unit`); `.npy` cannot, so that they are asked for.
"""

from __future__ import annotations

import io
import math
import zipfile
from typing import BinaryIO

import numpy as np
from jaxtyping import Shaped

from melp.ecg import ECG
from melp.io.arrays import ecg_of_arrays
from melp.io.source import Source

NAME = "NumPy"
ENDINGS = (".npy", ".npz")
NEEDS = ""

_NPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"
_MOST_UNPACKED = 100
"""Times its size that an archive may unpack to: real recordings are noisy."""
_SMALL = 1 << 20


def matches(source: Source) -> bool:
    """Return whether the file begins as an array, or as an archive of arrays."""
    head = source.head
    name = head[30 : 30 + int.from_bytes(head[26:28], "little")] if head.startswith(_ZIP) else b""
    return head.startswith(_NPY) or name.endswith(b".npy")


def read(source: Source) -> ECG:
    """Read the array, or the arrays of an archive.

    Raises:
        BadRecordError: an array is damaged or needs a pickle, or see `ecg_of_arrays`.
    """
    data = source.data
    try:
        if data.startswith(_NPY):
            return ecg_of_arrays(source, {"signal": _array(io.BytesIO(data), len(data))})
        return ecg_of_arrays(source, _arrays(data))
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        raise source.error(f"a damaged or foreign array ({str(error).splitlines()[0][:120]})") from None


def _arrays(data: bytes) -> dict[str, Shaped[np.ndarray, "..."]]:
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        if sum(member.file_size for member in members) > _MOST_UNPACKED * len(data) + _SMALL:
            raise ValueError(f"over {_MOST_UNPACKED} times its size unpacked")
        for member in members:
            with archive.open(member) as file:
                content = file.read(member.file_size)
            arrays[member.filename[: -len(".npy")]] = _array(io.BytesIO(content), len(content))
    return arrays


def _array(file: BinaryIO, size: int) -> Shaped[np.ndarray, "..."]:
    """Return the array of a file of `size` bytes; NumPy would allocate whatever the header says."""
    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, kind = reader(file)
    if kind.hasobject:
        raise ValueError("Python objects, which are pickles, found, wanted numbers and texts")
    if math.prod(shape) * kind.itemsize > size - file.tell():
        raise ValueError(f"cut short: shape {list(shape)} of {kind}")
    flat = np.frombuffer(file.read(), kind, math.prod(shape)) if math.prod(shape) else np.empty(0, kind)
    return flat.reshape(shape, order="F" if fortran else "C")
