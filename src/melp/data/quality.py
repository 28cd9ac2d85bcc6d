"""What makes a recording doubtful: it is kept, and flagged.

Every rule looks at two numbers a lead or at some hundred samples, and at all samples only of what these make
suspect: 800,000 recordings are flagged while they are read.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from melp.ecg import ECG, keeps_identities, swapped_electrodes

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
_SPARSE = 100  # samples a second that do to compare leads
_SPARSER = 4  # every so many of these do where all leads are compared at the same moment
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
    signal = ecg.signal if seconds is None else ecg.signal[:, : round(seconds * ecg.rate)]
    whole = signal.shape == ecg.signal.shape
    low, high = ecg.extent if whole else (signal.min(axis=1), signal.max(axis=1))
    # Leads are as like or unlike on every n-th sample, at a fraction of the time.
    step = max(1, int(ecg.rate) // _SPARSE)
    sparse = signal[:, ::step]
    in_order = keeps_identities(sparse[:6, ::_SPARSER].astype(np.float64))
    found = {
        LEAD_ORDER: not in_order,
        LEAD_SWAP: in_order and swapped_electrodes(sparse, ecg.rate / step) != "",
        CLIPPING: is_clipped(signal, ecg.rate, low, high),
        FLAT_LEAD: bool((low == high).any()),
        LOW_AMPLITUDE: bool((high - low).max() < _WEAK),
        MISSING_SECONDS: misses_seconds(signal, ecg.rate, seconds),
    }
    return [flag for flag, holds in found.items() if holds]


def is_clipped(
    signal: Float[np.ndarray, "12 time"],
    rate: float,
    low: Float[np.ndarray, " 12"],
    high: Float[np.ndarray, " 12"],
) -> bool:
    """Whether a lead goes beyond what int16 holds, or rests on its own highest or lowest value.

    Resting means 20 ms and five samples at the least, 1.5 mV or more from zero: where an amplifier saturates.
    On 2,808 recordings of PTB-XL two do.

    Args:
        signal, rate: the recording in mV, and Hz.
        low, high: the least and the greatest value of each lead.
    """
    if max(high.max(), -low.min()) > LIMIT / 1000:
        return True
    least = max(_LEAST_SAMPLES, round(_LEAST_SECONDS * rate))
    for extremes in (low, high):
        for number in np.flatnonzero(np.abs(extremes) >= _LEAST_MILLIVOLT):
            resting = signal[number] == extremes[number]
            if np.count_nonzero(resting) >= least and _longest_run(resting) >= least:
                return True
    return False


def misses_seconds(signal: Float[np.ndarray, "12 time"], rate: float, seconds: float | None = None) -> bool:
    """Whether a recording is shorter than `seconds`, or no lead changes for a second or more."""
    samples, second = signal.shape[1], round(rate)
    if seconds is not None and samples < round(seconds * rate):
        return True
    # A second without change has so many equal samples in a row however sparsely it is looked at.
    step = max(1, second // _NOTICED)
    if _longest_run(_unchanged(signal[:, ::step])) < second // step - 1:
        return False
    return _longest_run(_unchanged(signal)) >= second - 1


def _unchanged(signal: Float[np.ndarray, "12 time"]) -> Bool[np.ndarray, " change"]:
    """Whether all leads are at a sample as they were at the one before."""
    return (signal[:, 1:] == signal[:, :-1]).all(axis=0)


def _longest_run(mask: Bool[np.ndarray, " time"]) -> int:
    if not mask.any():
        return 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
