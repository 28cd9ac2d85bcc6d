"""MATLAB 5: a recording of CPSC 2018 in its original form, or variables of the usual names.

CPSC 2018 (Liu et al., J. Med. Imaging Health Inform. 8:1368, 2018): a struct `ECG` with `sex`, `age`, and
`data` of twelve leads in mV. All are sampled at 500 Hz, which is not in the files.
Other files: a matrix [lead, time] or [time, lead], or a vector for each lead, and `leads`, `rate` or `fs`,
`unit`; the fields of a struct count as variables.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from melp.ecg import ECG, LEADS
from melp.io.arrays import ecg_of_arrays
from melp.io.matlab import ORDERS, Value, read_variables
from melp.io.recording import age_and_sex
from melp.io.source import Source

NAME = "MATLAB 5"
ENDINGS = (".mat",)
NEEDS = ""

RATE = 500.0
"""Samples a second of every recording."""


def matches(source: Source) -> bool:
    """Return whether the 128-byte header is that of a MATLAB 5 file."""
    return source.head[124:128] in ORDERS


def read(source: Source) -> ECG:
    """Read the recording.

    `meta` has `age` and `sex` if the file has them, and the names of those that cannot be read in `unread`.

    Raises:
        BadRecordError: the file is damaged, its struct `ECG` does not have twelve leads, or see
            `ecg_of_arrays`.
    """
    try:
        values = read_variables(source.data)
    except ValueError as error:
        raise source.error(str(error)) from None
    fields = {name.removeprefix("ECG/"): value for name, value in values.items() if name.startswith("ECG/")}
    return _cpsc_2018(source, fields) if fields else ecg_of_arrays(source, values)


def _cpsc_2018(source: Source, fields: Mapping[str, Value]) -> ECG:
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


def _text(value: Value) -> str:
    """Return a text, or the only number of an array, as text."""
    if not isinstance(value, np.ndarray):
        return str(value)
    return str(value.item() if value.size == 1 else value.tolist())
