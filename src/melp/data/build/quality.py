"""What makes a recording doubtful: it is kept, and flagged.

Every rule looks at two numbers a lead or at some hundred samples, and at all samples only of what these make
suspect: 800,000 recordings are flagged while they are read.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Shaped

from melp.ecg import ECG, keeps_identities, swapped_electrodes

Values = Shaped[np.ndarray, "12 time"]
Limits = Shaped[np.ndarray, " 12"]

LEAD_ORDER = "lead order"
LEAD_SWAP = "lead swap"
CLIPPING = "clipping"
FLAT_LEAD = "flat lead"
LOW_AMPLITUDE = "low amplitude"
MISSING_SECONDS = "missing seconds"
EMPTY_REPORT = "empty report"
DUPLICATE_SIGNAL = "duplicate signal"

LIMIT = 32767  # the largest int16, in microvolt
_LEAST_SECONDS = 0.02
_LEAST_SAMPLES = 5
_LEAST_MILLIVOLT = 1.5
_WEAK = 0.5  # mV
_SPARSE = 50  # samples a second that do to compare leads
_SPARSER = 2  # every so many of these do where all leads are compared at the same moment
_NOTICED = 10  # samples a second that do to suspect a second without signal


def signal_flags(ecg: ECG, seconds: float | None = None) -> list[str]:
    """Flags of a recording in standard lead order.

    flat lead        a lead never changes.
    low amplitude    no lead spans 0.5 mV, which is low voltage in a limb lead, and lower in a chest lead.
    clipping         see `is_clipped`.
    missing seconds  see `misses_seconds`.
    lead order       see `melp.ecg.keeps_identities`.
    lead swap        see `melp.ecg.swapped_electrodes`.

    Args:
        ecg: the recording, of finite values.
        seconds: look at the first so many alone, which a store keeps; None for all.
    """
    values, steps, (low, high) = _values(ecg)
    if seconds is not None and round(seconds * ecg.rate) < values.shape[1]:
        values = values[:, : round(seconds * ecg.rate)]
        low, high = values.min(axis=1), values.max(axis=1)
    # Leads are as like or unlike on every n-th sample, at a fraction of the time.
    step = max(1, int(ecg.rate) // _SPARSE)
    sparse = values[:, ::step]
    in_order = keeps_identities(sparse[:6, ::_SPARSER] / float(steps))
    found = {
        LEAD_ORDER: not in_order,
        LEAD_SWAP: in_order and swapped_electrodes(sparse, ecg.rate / step) != "",
        CLIPPING: is_clipped(values, ecg.rate, low, high, steps),
        FLAT_LEAD: bool((low == high).any()),
        LOW_AMPLITUDE: bool(np.subtract(high, low, dtype=np.float64).max() < _WEAK * steps),
        MISSING_SECONDS: misses_seconds(values, ecg.rate, seconds),
    }
    return [flag for flag, holds in found.items() if holds]


def _values(ecg: ECG) -> tuple[Values, int, Shaped[np.ndarray, "2 12"]]:
    """The samples as the recording holds them, steps a mV, the least and the greatest value of each lead."""
    if ecg.microvolt is not None:
        return ecg.microvolt, 1000, ecg.limits
    return ecg.signal, 1, ecg.extent


def is_clipped(values: Values, rate: float, low: Limits, high: Limits, steps: int = 1) -> bool:
    """Whether a lead goes beyond what int16 holds, or rests on its own highest or lowest value.

    Resting means 20 ms and five samples at the least, 1.5 mV or more from zero: where an amplifier saturates.
    On 2,808 recordings of PTB-XL two do.

    Args:
        values: the recording.
        rate: Hz.
        low, high: the least and the greatest value of each lead.
        steps: of the values a mV.
    """
    if max(high.max(), -low.min()) > LIMIT * steps / 1000:
        return True
    least = max(_LEAST_SAMPLES, round(_LEAST_SECONDS * rate))
    for extremes in (low, high):
        for number in np.flatnonzero(np.abs(extremes) >= _LEAST_MILLIVOLT * steps):
            resting = values[number] == extremes[number]
            if np.count_nonzero(resting) >= least and _longest_run(resting) >= least:
                return True
    return False


def misses_seconds(values: Values, rate: float, seconds: float | None = None) -> bool:
    """Whether a recording is shorter than `seconds`, or no lead changes for a second or more."""
    samples, second = values.shape[1], round(rate)
    if seconds is not None and samples < round(seconds * rate):
        return True
    # A second without change has so many equal samples in a row however sparsely it is looked at.
    step = max(1, second // _NOTICED)
    if _longest_run(_unchanged(values[:, ::step])) < second // step - 1:
        return False
    return _longest_run(_unchanged(values)) >= second - 1


def _unchanged(values: Values) -> Bool[np.ndarray, " change"]:
    """Whether all leads are at a sample as they were at the one before."""
    return (values[:, 1:] == values[:, :-1]).all(axis=0)


def _longest_run(mask: Bool[np.ndarray, " time"]) -> int:
    if not mask.any():
        return 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
