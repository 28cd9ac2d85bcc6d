"""The identities of limb leads, and other signs that leads are misnamed."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
from jaxtyping import Float, Shaped

from melp.ecg import ECG
from melp.leads import LEADS

__all__ = [
    "check_lead_order", "identity_tolerance", "keeps_identities", "limb_residuals", "rms",
    "swapped_electrodes",
]  # fmt: skip

# In PTB-XL the identities hold to 0.0005 mV; with two leads swapped the error is 18 % or more.
_TOLERANCE = 0.005
_RELATIVE_TOLERANCE = 0.05
# I + III - II, aVR + (I + II)/2, aVL - (I - III)/2, aVF - (II + III)/2, of I II III aVR aVL aVF.
_IDENTITIES = np.array(
    [
        [1, -1, 1, 0, 0, 0],
        [0.5, 0.5, 0, 1, 0, 0],
        [-0.5, 0, 0.5, 0, 1, 0],
        [0, -0.5, -0.5, 0, 0, 1],
    ]
)
_LAG = 0.08  # s
_SWAPPED = {"I": "both arms", "II": "right arm and left leg"}


def limb_residuals(signal: Float[np.ndarray, "6 time"]) -> Float[np.ndarray, "4 time"]:
    """Return by how much six limb leads (I II III aVR aVL aVF, in mV) violate the identities, in mV.

    Einthoven: I + III = II. Goldberger: aVR = -(I + II)/2, aVL = (I - III)/2, aVF = (II + III)/2.
    """
    return np.asarray(_IDENTITIES.astype(signal.dtype) @ signal)


def check_lead_order(ecg: ECG) -> list[str]:
    """Describe the signs that leads are misnamed; empty if there are none.

    Swapped or inverted leads violate the identities of Einthoven and Goldberger: the swap or inversion that
    restores them is named. Electrodes on the wrong limb do not violate them, but lead I (arms swapped) or
    lead II (right arm and left leg swapped) is then opposite to V6, while aVR is not. Of 2,808 recordings of
    PTB-XL, the first test flags none; the second flags 0.6 % of the originals, 95 % of those with the arms
    and 96 % of those with right arm and left leg swapped on purpose. Swapped chest leads are not detected.

    Raises:
        MelpError: a standard lead is missing.
    """
    signal = ecg.ordered().signal.astype(np.float64)
    if not keeps_identities(signal[:6]):
        limb = _without_offset(signal[:6])
        return _repairs(limb) or _violations(limb)
    if not (lead := swapped_electrodes(signal, ecg.rate)):
        return []
    return [f"lead {lead} is opposite to V6: the electrodes of {_SWAPPED[lead]} may be swapped"]


def keeps_identities(limb: Float[np.ndarray, "6 time"]) -> bool:
    """Return whether six limb leads (I II III aVR aVL aVF, in mV) satisfy the identities, offsets aside."""
    limb = _without_offset(limb)
    return rms(limb_residuals(limb)) <= identity_tolerance(limb)


def swapped_electrodes(signal: Shaped[np.ndarray, "12 time"], rate: float) -> str:
    """Return the lead that indicates electrodes on the wrong limb: "I", "II", or "" for none.

    That lead correlates less with V6 than aVR does. Correlated are the changes of the leads over 80 ms, which
    weight QRS and T waves more than the baseline.

    Args:
        signal: twelve leads in standard order, in any unit.
        rate: Hz, at least 50.
    """
    leads = signal[[0, 1, 3, 11]].astype(np.float64)  # I, II, aVR, V6
    lag = max(1, round(_LAG * rate))
    changes = leads[:, lag:] - leads[:, :-lag]
    *_, with_v6 = products = (changes @ changes.T).tolist()
    correlation = {
        name: with_v6[row] / math.sqrt(products[row][row] * with_v6[3] or 1)
        for row, name in enumerate(("I", "II", "aVR"))
    }
    suspect = min(_SWAPPED, key=lambda name: correlation[name])
    # Disease can also make I or II opposite to V6, but then aVR is even more so.
    return suspect if correlation[suspect] < correlation["aVR"] else ""


def _without_offset(limb: Float[np.ndarray, "6 time"]) -> Float[np.ndarray, "6 time"]:
    # The offset of a lead differs between files and is unrelated to its name.
    return limb - limb.sum(axis=1, keepdims=True) / limb.shape[1]


def _repairs(limb: Float[np.ndarray, "6 time"]) -> list[str]:
    """Describe the swaps and inversions of limb leads that restore the identities."""
    swapped = [
        f"{LEADS[first]} and {LEADS[second]} look swapped"
        for first, second in combinations(range(6), 2)
        if keeps_identities(limb[_swap(first, second)])
    ]
    inverted = [
        f"{LEADS[lead]} looks inverted"
        for lead in range(6)
        if keeps_identities(limb * np.where(np.arange(6) == lead, -1, 1)[:, None])
    ]
    return swapped + inverted


def _swap(first: int, second: int) -> list[int]:
    return [{first: second, second: first}.get(lead, lead) for lead in range(6)]


def _violations(limb: Float[np.ndarray, "6 time"]) -> list[str]:
    names = ("II = I + III", "aVR = -(I + II)/2", "aVL = (I - III)/2", "aVF = (II + III)/2")
    off = [rms(residual) for residual in limb_residuals(limb)]
    least = max(off) / 10
    return [f"{name} is {value:.2f} mV off" for name, value in zip(names, off, strict=True) if value >= least]


def identity_tolerance(limb: Float[np.ndarray, "6 time"]) -> float:
    """Return the root mean square, in mV, up to which residuals of the identities count as zero."""
    return _TOLERANCE + _RELATIVE_TOLERANCE * rms(limb)


def rms(signal: Float[np.ndarray, "*any"]) -> float:
    """Return the root mean square of all samples."""
    return math.sqrt(np.vdot(signal, signal) / signal.size)
