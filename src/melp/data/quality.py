"""What makes a recording doubtful: it is kept, and flagged."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from melp.ecg import ECG, check_lead_order

LEAD_ORDER = "lead order"
CLIPPING = "clipping"
FLAT_LEAD = "flat lead"
EMPTY_REPORT = "empty report"

LIMIT = 32767  # the largest int16, in microvolt
_LEAST_SECONDS = 0.02
_LEAST_SAMPLES = 5
_LEAST_MILLIVOLT = 1.5


def signal_flags(ecg: ECG) -> list[str]:
    """Flags of a recording in standard lead order: order of leads, clipping, flat leads."""
    flat = np.ptp(ecg.signal, axis=1) == 0
    found = {LEAD_ORDER: bool(check_lead_order(ecg)), CLIPPING: is_clipped(ecg), FLAT_LEAD: flat.any()}
    return [flag for flag, holds in found.items() if holds]


def is_clipped(ecg: ECG) -> bool:
    """Whether a lead goes beyond what int16 holds, or rests on its own highest or lowest value.

    Resting means 20 ms and five samples at the least, 1.5 mV or more from zero: where an amplifier saturates.
    On 2,808 recordings of PTB-XL two do.
    """
    if np.abs(ecg.signal).max() > LIMIT / 1000:
        return True
    least = max(_LEAST_SAMPLES, round(_LEAST_SECONDS * ecg.rate))
    for lead in ecg.signal:
        for extreme in (lead.max(), lead.min()):
            if abs(extreme) >= _LEAST_MILLIVOLT and _longest_run(lead == extreme) >= least:
                return True
    return False


def _longest_run(mask: Bool[np.ndarray, " time"]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
