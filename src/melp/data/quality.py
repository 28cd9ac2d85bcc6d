"""What makes a recording doubtful: it is kept, and flagged."""

from __future__ import annotations

import numpy as np

from melp.ecg import ECG, check_lead_order

LEAD_ORDER = "lead order"
CLIPPING = "clipping"
FLAT_LEAD = "flat lead"
EMPTY_REPORT = "empty report"

LIMIT = 32767  # the largest int16, in microvolt


def signal_flags(ecg: ECG) -> list[str]:
    """Flags of a recording in standard lead order: identities between leads, range, flat leads."""
    flags = []
    if check_lead_order(ecg):
        flags.append(LEAD_ORDER)
    if np.abs(ecg.signal).max() > LIMIT / 1000:
        flags.append(CLIPPING)
    if (np.ptp(ecg.signal, axis=1) == 0).any():
        flags.append(FLAT_LEAD)
    return flags
