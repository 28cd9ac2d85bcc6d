"""CPSC 2018 as its organisers published it (Liu et al., J. Med. Imaging Health Inform. 8:1368, 2018).

Each recording is a MATLAB file with one struct `ECG`: `sex`, `age`, and `data` of twelve leads in mV. All are
sampled at 500 Hz, which is not in the files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from melp.ecg import ECG, LEADS, BadRecordError
from melp.io.matlab import read_struct
from melp.io.values import is_nothing, parse_age, parse_sex
from melp.io.wfdb import check_content

RATE = 500.0
"""Samples a second of every recording."""


def read_cpsc_struct(path: Path) -> ECG:
    """Read a recording in the original form of CPSC 2018 as an ECG in mV.

    `meta` has `age` in years and `sex` ("male" or "female") if the file has them, and the names of those that
    cannot be read in `unread`.

    Raises:
        BadRecordError: the file is damaged, has no struct `ECG` with twelve leads, or the signal contains NaN
            or only zeros.
    """
    fields = read_struct(path, "ECG")
    data = fields.get("data")
    if not isinstance(data, np.ndarray):
        names = ", ".join(fields) or "none"
        raise BadRecordError(f"{path}: no numbers ECG.data; fields found {names[:100]!a}", "unreadable")
    if data.ndim != 2 or len(data) != len(LEADS):
        raise BadRecordError(
            f"{path}: ECG.data of shape {data.shape}, wanted [12 leads, time]", "missing lead"
        )
    meta: dict[str, Any] = {"path": str(path)}
    for name, parse in (("age", parse_age), ("sex", parse_sex)):
        text = _text(fields.get(name, ""))
        try:
            meta |= {} if is_nothing(text) else {name: parse(text)}
        except ValueError:
            meta["unread"] = [*meta.get("unread", ()), name]
    with np.errstate(over="ignore"):  # infinite values raise an error that names the lead
        signal = data.astype(np.float32, order="C")
    return check_content(ECG(signal, RATE, LEADS, meta), str(path))


def _text(value: np.ndarray | str) -> str:
    """Return a text, or the only number of an array, as text."""
    return value if isinstance(value, str) else str(value.item() if value.size == 1 else value.tolist())
