"""Flags of doubtful recordings, which are kept.

For speed on 800,000 recordings, each rule first checks two numbers per lead or a few hundred samples, and all
samples only if these are suspicious.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Shaped

from melp.ecg import ECG, LEADS
from melp.lead_order import keeps_identities, swapped_electrodes

Values = Shaped[np.ndarray, "12 time"]
Limits = Shaped[np.ndarray, " 12"]

LEAD_ORDER = "lead order"
LEAD_SWAP = "lead swap"
CLIPPING = "clipping"
FLAT_LEAD = "flat lead"
LOW_AMPLITUDE = "low amplitude"
HIGH_AMPLITUDE = "high amplitude"
MISSING_SECONDS = "missing seconds"
EMPTY_REPORT = "empty report"
NOT_UNDERSTOOD = "report not understood"
DUPLICATE_SIGNAL = "duplicate signal"
CHECKSUM = "checksum"
DERIVED_LEADS = "derived leads"
NOT_READ = {"age": "age not read", "sex": "sex not read"}

LIMIT = 32767  # largest int16, in microvolt
_MIN_CLIPPED_SECONDS = 0.02
_MIN_CLIPPED_SAMPLES = 5
_MIN_CLIPPED_MILLIVOLT = 1.5
_LOW_MILLIVOLT = 0.5
_HIGH_MILLIVOLT = 8  # the most in 2,808 recordings of PTB-XL at 100 Hz is 4.6
_COMPARISON_RATE = 50  # Hz, enough to compare leads
_IDENTITY_STEP = 2  # every second one of these samples is enough to check the identities
_CONSTANT_RATE = 10  # Hz, enough to suspect a second without signal


def signal_flags(ecg: ECG, seconds: float | None = None) -> list[str]:
    """Return the flags of a recording in standard lead order, of which leads may be missing.

    flat lead        a lead is constant.
    low amplitude    no lead spans 0.5 mV: low voltage in a limb lead, and even lower in a chest lead.
    high amplitude   half of the leads span 8 mV or more: the unit or the gain may be wrong.
    clipping         see `is_clipped`.
    missing seconds  see `has_missing_seconds`.
    lead order       see `melp.lead_order.keeps_identities`.
    lead swap        see `melp.lead_order.swapped_electrodes`.
    checksum         the samples of a lead differ from the checksum in the header (`ECG.meta`).
    derived leads    leads were computed from I and II (`ECG.meta`).
    age not read     the recording has an age that cannot be read (`ECG.meta`); so "sex not read".

    Args:
        ecg: the recording, with finite values. Lead order is checked if it has the six limb leads, lead swap
            if it has all twelve.
        seconds: check only the first `seconds`, which a store keeps; None for all.
    """
    values, units_per_mv, (low, high) = _values(ecg)
    if seconds is not None and round(seconds * ecg.rate) < values.shape[1]:
        values = values[:, : round(seconds * ecg.rate)]
        low, high = values.min(axis=1), values.max(axis=1)
    # Every n-th sample is enough to compare leads, and much faster.
    step = max(1, int(ecg.rate) // _COMPARISON_RATE)
    sparse = values[:, ::step]
    limb = sparse[:6, ::_IDENTITY_STEP] / float(units_per_mv)
    in_order = ecg.leads[:6] != LEADS[:6] or keeps_identities(limb)
    may_be_swapped = in_order and ecg.leads == LEADS
    span = np.subtract(high, low, dtype=np.float64) / units_per_mv
    flags = {
        LEAD_ORDER: not in_order,
        LEAD_SWAP: may_be_swapped and swapped_electrodes(sparse, ecg.rate / step) != "",
        CLIPPING: is_clipped(values, ecg.rate, low, high, units_per_mv),
        FLAT_LEAD: bool((low == high).any()),
        LOW_AMPLITUDE: bool(span.max() < _LOW_MILLIVOLT),
        HIGH_AMPLITUDE: bool(np.median(span) >= _HIGH_MILLIVOLT),
        MISSING_SECONDS: has_missing_seconds(values, ecg.rate, seconds),
        CHECKSUM: "checksum" in ecg.meta,
        DERIVED_LEADS: "derived" in ecg.meta,
    }
    return [flag for flag, is_set in flags.items() if is_set] + [
        NOT_READ[name] for name in ecg.meta.get("unread", ())
    ]


def _values(ecg: ECG) -> tuple[Values, int, Shaped[np.ndarray, "2 12"]]:
    """Return the samples in the unit of the recording, units per mV, and each lead's minimum and maximum."""
    if ecg.microvolt is not None:
        return ecg.microvolt, 1000, ecg.limits
    return ecg.signal, 1, ecg.extent


def is_clipped(values: Values, rate: float, low: Limits, high: Limits, units_per_mv: int = 1) -> bool:
    """Return whether a lead exceeds the range of int16, or stays at its own maximum or minimum.

    It stays there if at least 20 ms and five consecutive samples have that value, 1.5 mV or more from zero,
    as when an amplifier saturates. This is the case for 2 of 2,808 recordings of PTB-XL.

    Args:
        values: the recording.
        rate: Hz.
        low, high: minimum and maximum of each lead.
        units_per_mv: units of the values per mV.
    """
    if max(high.max(), -low.min()) > LIMIT * units_per_mv / 1000:
        return True
    least = max(_MIN_CLIPPED_SAMPLES, round(_MIN_CLIPPED_SECONDS * rate))
    for extremes in (low, high):
        for lead in np.flatnonzero(np.abs(extremes) >= _MIN_CLIPPED_MILLIVOLT * units_per_mv):
            extreme = values[lead] == extremes[lead]
            if np.count_nonzero(extreme) >= least and _longest_run(extreme) >= least:
                return True
    return False


def has_missing_seconds(values: Values, rate: float, seconds: float | None = None) -> bool:
    """Return whether a recording is shorter than `seconds` or all leads are constant for a second or more."""
    samples, second = values.shape[1], round(rate)
    if seconds is not None and samples < round(seconds * rate):
        return True
    # A constant second is also constant when sampled sparsely.
    step = max(1, second // _CONSTANT_RATE)
    if _longest_run(_unchanged(values[:, ::step])) < second // step - 1:
        return False
    return _longest_run(_unchanged(values)) >= second - 1


def _unchanged(values: Values) -> Bool[np.ndarray, " change"]:
    """Return at which samples all leads equal the previous sample."""
    return (values[:, 1:] == values[:, :-1]).all(axis=0)


def _longest_run(mask: Bool[np.ndarray, " time"]) -> int:
    if not mask.any():
        return 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
