"""From named arrays and texts, as NumPy, HDF5 and MATLAB files have them, to an ECG."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Num, Shaped

from melp.ecg import ECG
from melp.io.recording import Channel, age_and_sex, to_ecg
from melp.io.source import Source
from melp.io.times import rate_of_times
from melp.leads import normalise_lead_name

Value = Shaped[np.ndarray, "..."] | str | Sequence[str]

_RATE = frozenset(
    (
        "rate", "fs", "sf", "sfreq", "freq", "frequency", "hz", "fsamp", "srate", "samplingrate",
        "samplerate", "samplingfrequency", "samplefrequency", "samplingfreq", "ratehz", "fshz",
    )
)  # fmt: skip
_UNIT = frozenset(("unit", "units", "physicalunit", "physicalunits"))
_LEADS = frozenset(
    (
        "lead", "leads", "leadname", "leadnames", "leadorder", "channels", "channelnames", "labels", "names",
        "signame", "signames", "columns", "desc", "description",
    )
)  # fmt: skip
_TIME = frozenset(("t", "time", "times"))
_SIGNAL = (
    "signal", "signals", "ecg", "data", "tracings", "tracing", "waveform", "waveforms", "psignal", "val", "x",
    "samples", "values", "sig",
)  # fmt: skip
_MAX_LEADS = 64


def ecg_of_arrays(source: Source, values: Mapping[str, Value], unit: str | None = None) -> ECG:
    """Return the recording that named values describe.

    The signal is an array [lead, time] or [time, lead], or one array for each lead, named for it. Names of
    leads, rate and unit are values of the usual names (leads, rate, fs, unit ...), or asked for.

    Args:
        source: what is read.
        values: by name; of a name with slashes, the last part counts.
        unit: the unit if no value says it.

    Raises:
        BadRecordError: there is no signal, or more than one, or leads, rate or unit are not known.
    """
    plain = {_plain(name): value for name, value in values.items()}
    channels = _leads_by_name(values) or _leads_of_matrix(source, values, plain)
    rate = source.sampling_rate(_rate(source, plain, len(channels[0][1])))
    factor = source.millivolt(_text(plain, _UNIT) or unit)
    scaled = [(name, samples.astype(np.float64) * factor) for name, samples in channels]
    sex = _text(plain, frozenset(("sex", "gender")))
    return to_ecg(source, scaled, rate, **age_and_sex(_text(plain, frozenset(("age",))), sex))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.rpartition("/")[2].lower())


def _is_numeric(value: Value) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "iuf"


def _text(plain: Mapping[str, Value], names: frozenset[str]) -> str:
    """Return the first value of one of the names as text: a number, a text, or the same for all leads."""
    for name in names & plain.keys():
        words = {str(word).strip() for word in np.ravel(np.asarray(plain[name])).tolist()[:_MAX_LEADS]}
        if len(words) == 1:
            return words.pop()
    return ""


def _rate(source: Source, plain: Mapping[str, Value], samples: int) -> float | None:
    try:
        return float(_text(plain, _RATE))
    except ValueError:
        pass
    times = next((plain[name] for name in sorted(_TIME & plain.keys()) if _is_numeric(plain[name])), None)
    if not isinstance(times, np.ndarray) or times.size != samples or times.dtype.kind != "f":
        return None
    # Times of float32 are exact to 1 part in 2^24, those of float64 were often computed by addition.
    quantum = float(np.abs(times).max()) * (1e-7 if times.dtype.itemsize < 8 else 1e-11)
    try:
        return rate_of_times(times.reshape(-1).astype(np.float64), quantum)
    except ValueError as error:
        raise source.error(str(error)) from None


def _leads_by_name(values: Mapping[str, Value]) -> list[Channel]:
    """Return the arrays of one dimension that are named for a lead."""
    found = [
        (name.rpartition("/")[2], np.squeeze(value))
        for name, value in values.items()
        if isinstance(value, np.ndarray) and _is_numeric(value) and value.size > 1
    ]
    return [(name, value) for name, value in found if value.ndim == 1 and normalise_lead_name(name)]


def _leads_of_matrix(
    source: Source, values: Mapping[str, Value], plain: Mapping[str, Value]
) -> list[Channel]:
    matrix = _matrix(source, values)
    names = _names(plain) or source.leads or ()
    if not names:
        shape = list(matrix.shape)
        raise source.error(
            f"no names of leads found for a signal of shape {shape}, wanted them in order (--leads I,II,...)",
            "unknown leads",
        )
    for rows in (matrix, matrix.T):
        if len(rows) == len(names):
            return list(zip(names, rows, strict=True))
    raise source.error(f"a signal of shape {list(matrix.shape)} and {len(names)} names of leads found")


def _names(plain: Mapping[str, Value]) -> tuple[str, ...]:
    """Return the names of the leads, of which at least one is a standard one."""
    for name in sorted(_LEADS & plain.keys()):
        value = plain[name]
        words = [str(word).strip() for word in np.ravel(np.asarray(value))[:_MAX_LEADS].tolist()]
        names = tuple(re.split(r"[\s,;]+", words[0]) if len(words) == 1 else words)
        if any(normalise_lead_name(word) for word in names):
            return names
    return ()


def _matrix(source: Source, values: Mapping[str, Value]) -> Num[np.ndarray, "one other"]:
    """Return the only signal as a matrix; that of one lead may have one dimension."""
    found = {
        name: np.squeeze(value)
        for name, value in values.items()
        if isinstance(value, np.ndarray) and _is_numeric(value) and value.size > 1
    }
    usual = [name for part in _SIGNAL for name in found if _plain(name) == part]
    others = [name for name in found if found[name].ndim >= 2]
    chosen = usual[:1] or others
    if len(chosen) != 1:
        names = ", ".join(f"{name} {list(found[name].shape)}" for name in found)[:200] or "none"
        raise source.error(f"arrays {names!a} found, wanted one named signal")
    matrix = found[chosen[0]]
    if matrix.ndim > 2:
        raise source.error(f"an array of shape {list(matrix.shape)} found, wanted one recording [lead, time]")
    return matrix.reshape(1, -1) if matrix.ndim == 1 else matrix
