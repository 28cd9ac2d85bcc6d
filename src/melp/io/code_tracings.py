"""Padding and order of leads in tracings of the CODE group (Ribeiro et al., Nat. Commun. 11:1760, 2020).

Unit: mV. The authors' description has "scale 1e-4V" and, in the same sentence, that volts are to be
multiplied by 1000, which gives millivolts. Read as mV, the R waves of lead II have a median of 1.5 mV (test
set) and 1.75 mV (CODE-15), as others have measured; with 1e-4 V it would be 0.15 mV. CODE-15 is then still
1.4 to 2 times as large as PTB-XL, which its authors have not explained.

Order of leads: the descriptions differ (aVR aVL aVF; aVL aVF aVR), and so do the files. Each record has the
order that satisfies Goldberger's identities, or the usual order of its file if none does.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
from jaxtyping import Float

from melp.lead_order import identity_tolerance, limb_residuals, rms

TRACINGS = "tracings"
"""The dataset, of shape [exam, time, 12]."""
RATE = 400.0
USUAL_ORDER = ("aVR", "aVL", "aVF")

_AUGMENTED = USUAL_ORDER


def without_padding(signal: Float[np.ndarray, "lead time"]) -> Float[np.ndarray, "lead samples"]:
    """Return the signal without leading and trailing samples that are zero in all leads, unless all are."""
    nonzero = np.flatnonzero(signal.any(axis=0))
    return signal[:, nonzero[0] : nonzero[-1] + 1] if len(nonzero) else signal


def augmented_order(
    signal: Float[np.ndarray, "12 time"], usual: tuple[str, str, str]
) -> tuple[str, str, str]:
    """Return the order of rows 3 to 5 that satisfies Goldberger's identities, or `usual` if none does."""
    limb = signal[:6] - signal[:6].mean(axis=1, keepdims=True)
    errors = {order: rms(limb_residuals(limb[_rows(order)])[1:]) for order in permutations(_AUGMENTED)}
    best = min(errors, key=lambda order: (errors[order], order != usual))
    fits = errors[best] <= identity_tolerance(limb)
    return (best[0], best[1], best[2]) if fits else usual


def _rows(order: tuple[str, ...]) -> list[int]:
    """Return the rows that bring limb leads with the augmented ones in `order` into the standard order."""
    return [0, 1, 2, *(3 + order.index(lead) for lead in _AUGMENTED)]
