"""CPSC 2018 as its organisers published it (Liu et al., J. Med. Imaging Health Inform. 8:1368, 2018).

Each recording is a MATLAB 5 file with one struct `ECG`: `sex`, `age`, and `data` of twelve leads in mV. All
are sampled at 500 Hz, which is not in the files.
"""

from __future__ import annotations

import numpy as np

from melp.ecg import ECG, LEADS
from melp.io.matlab import ORDERS, read_struct
from melp.io.recording import age_and_sex
from melp.io.source import Source

NAME = "MATLAB struct of CPSC 2018"
ENDINGS = (".mat",)
NEEDS = ""

RATE = 500.0
"""Samples a second of every recording."""


def matches(source: Source) -> bool:
    """Return whether the 128-byte header is that of a MATLAB 5 file."""
    return source.head[124:128] in ORDERS


def read(source: Source) -> ECG:
    """Read a recording in the original form of CPSC 2018.

    `meta` has `age` and `sex` if the file has them, and the names of those that cannot be read in `unread`.

    Raises:
        BadRecordError: the file is damaged, or has no struct `ECG` with twelve leads.
    """
    try:
        fields = read_struct(source.data, "ECG")
    except ValueError as error:
        raise source.error(str(error)) from None
    data = fields.get("data")
    if not isinstance(data, np.ndarray):
        names = ", ".join(fields) or "none"
        raise source.error(f"no numbers ECG.data; fields found {names[:100]!a}")
    if data.ndim != 2 or len(data) != len(LEADS):
        raise source.error(f"ECG.data of shape {data.shape}, wanted [12 leads, time]", "missing lead")
    source.sampling_rate(RATE)
    with np.errstate(over="ignore"):  # infinite values raise an error that names the lead
        signal = data.astype(np.float32, order="C")
    return ECG(signal, RATE, LEADS, age_and_sex(_text(fields.get("age", "")), _text(fields.get("sex", ""))))


def _text(value: np.ndarray | str) -> str:
    """Return a text, or the only number of an array, as text."""
    return value if isinstance(value, str) else str(value.item() if value.size == 1 else value.tolist())
