"""The nine electrodes of a standard ECG, and the leads as differences of their potentials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from melp.ecg import LEADS
from melp.errors import MelpError

ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")

_THIRD = 1 / 3
_LIMB = {
    "I": (-1.0, 1.0, 0.0),
    "II": (-1.0, 0.0, 1.0),
    "III": (0.0, -1.0, 1.0),
    "aVR": (1.0, -0.5, -0.5),
    "aVL": (-0.5, 1.0, -0.5),
    "aVF": (-0.5, -0.5, 1.0),
}


def electrodes_to_leads(leads: Sequence[str] = LEADS) -> Float[np.ndarray, "lead 9"]:
    """Return the matrix that maps potentials of `ELECTRODES` to leads.

    Einthoven: I = LA - RA, II = LL - RA, III = LL - LA. Goldberger: aVR = RA - (LA + LL)/2 and so on.
    Wilson: V1 = its electrode minus the mean of RA, LA and LL, and so on.

    Raises:
        MelpError: a lead is not one of the twelve.
    """
    if unknown := [lead for lead in leads if lead not in LEADS]:
        raise MelpError(f"electrodes: lead {unknown[0]!r} found, wanted leads among {', '.join(LEADS)}")
    limb = [_LIMB.get(lead, (-_THIRD, -_THIRD, -_THIRD)) for lead in leads]
    chest = [[float(lead == electrode) for electrode in ELECTRODES[3:]] for lead in leads]
    return np.hstack([limb, chest])
