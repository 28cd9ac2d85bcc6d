"""HDF5, and MATLAB 7.3, which is HDF5: one recording.

The datasets of all groups are taken by the last part of their names: a signal [lead, time] or [time, lead],
or one dataset for each lead, and `leads`, `rate` or `fs`, `unit`, which may also be attributes. A dataset
`tracings` is of the CODE group: [1, time, 12] in mV at 400 Hz, see `melp.io.code_tracings`.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from melp.ecg import ECG
from melp.io.arrays import Value, ecg_of_arrays
from melp.io.code_tracings import RATE, TRACINGS, USUAL_ORDER, augmented_order, without_padding
from melp.io.recording import to_ecg
from melp.io.source import Source
from melp.leads import LEADS

NAME = "HDF5"
ENDINGS = (".h5", ".hdf5", ".mat")
NEEDS = "h5py"

_MAGIC = b"\x89HDF\r\n\x1a\n"
_MATLAB_HEADER = 512
_MOST_OBJECTS = 500
_MOST_UNPACKED = 100
_SMALL = 1 << 20


def matches(source: Source) -> bool:
    """Return whether the file begins as HDF5, at once or after the header of MATLAB 7.3."""
    # The header of MATLAB alone is enough: the rest may be damaged.
    return source.head.startswith((_MAGIC, b"MATLAB 7.3 MAT-file")) or source.head.startswith(
        _MAGIC, _MATLAB_HEADER
    )


def read(source: Source) -> ECG:
    """Read the recording.

    Raises:
        BadRecordError: there are several recordings, or see `ecg_of_arrays`.
    """
    import h5py

    data = source.data
    try:
        with h5py.File(io.BytesIO(data), "r") as opened:
            values = _values(source, opened, _MOST_UNPACKED * len(data) + _SMALL)
    except (OSError, RuntimeError, KeyError) as error:
        raise source.error(f"a damaged file ({str(error).splitlines()[0][:100]})") from None
    tracings = values.get(TRACINGS)
    if isinstance(tracings, np.ndarray) and tracings.ndim == 3 and tracings.shape[2] == len(LEADS):
        return _tracing(source, tracings)
    return ecg_of_arrays(source, values)


def _tracing(source: Source, tracings: np.ndarray) -> ECG:
    if len(tracings) != 1:
        raise source.error(
            f"{len(tracings)} tracings found, wanted one: build a store (melp data build code-test)"
        )
    signal = without_padding(tracings[0].T.astype(np.float64))
    names = (*LEADS[:3], *augmented_order(signal, USUAL_ORDER), *LEADS[6:])
    rate = source.sampling_rate(RATE)
    return to_ecg(source, zip(names, signal * source.millivolt("mV"), strict=True), rate)


def _values(source: Source, opened: Any, most: int) -> dict[str, Value]:
    """Return the attributes, numbers and texts of a file; links to other files are not followed."""
    import h5py

    values: dict[str, Value] = {}
    left = most

    def visit(name: str, item: Any) -> bool | None:
        nonlocal left
        if name.startswith("#refs#") or len(values) > _MOST_OBJECTS:
            return None
        for key, attribute in item.attrs.items():
            if isinstance(attribute, str | bytes | np.generic | np.ndarray):
                values.setdefault(key, _plain(np.asarray(attribute)))
        if not isinstance(item, h5py.Dataset) or item.is_virtual or item.external:
            return None
        if h5py.check_ref_dtype(item.dtype) is not None:
            values[name] = [_matlab_text(opened[reference][()]) for reference in np.ravel(item[()])[:100]]
            return None
        left -= item.size * item.dtype.itemsize if item.size else 0
        if left < 0:
            raise source.error(f"datasets of over {_MOST_UNPACKED} times the size of the file found")
        if item.size:
            is_text = item.attrs.get("MATLAB_class") == b"char"
            values[name] = _matlab_text(item[()]) if is_text else _plain(item[()])
        return None

    visit("", opened)
    opened.visititems(visit)
    return values


def _plain(value: Any) -> Value:
    """Return numbers as an array and texts as `str`."""
    array = np.asarray(value)
    if array.dtype.kind not in "SO":
        return array
    texts = [
        text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text) for text in array.ravel()
    ]
    return texts[0] if array.ndim == 0 and texts else texts


def _matlab_text(value: Any) -> str:
    """Return a text of MATLAB 7.3: numbers of characters."""
    return "".join(chr(code) for code in np.ravel(value)[:1000].tolist() if 0 < code < 0x110000)
