"""The names of the twelve leads, their order, and the limb leads that follow from I and II."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float

from melp.errors import MelpError

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

# Each as the factors of I and II (Einthoven and Goldberger).
_FACTORS = {"III": (-1.0, 1.0), "aVR": (-0.5, -0.5), "aVL": (1.0, -0.5), "aVF": (-0.5, 1.0)}
DERIVED = tuple(_FACTORS)
"""The leads that can be computed from I and II."""

_BY_LOWER = {lead.lower(): lead for lead in LEADS} | {
    "di": "I", "dii": "II", "diii": "III", "d1": "I", "d2": "II", "d3": "III",
    "la-ra": "I", "ll-ra": "II", "ll-la": "III",
    "c1": "V1", "c2": "V2", "c3": "V3", "c4": "V4", "c5": "V5", "c6": "V6",
}  # fmt: skip
_PREFIX = re.compile(r"^(mdc_ecg_lead_|mdc_ecg_|e[ck]g[ _:-]?|lead[ _:-]?|ch[ _:-])+")


def normalise_lead_name(name: str) -> str | None:
    """Return the standard name of a lead, or None if it is not one of the twelve.

    Accepts the spellings of IEEE 11073 (MDC_ECG_LEAD_I), EDF+ (ECG V1) and IEC 60601-2-25 (C1 for V1), those
    of Romance languages (DI, D1), pairs of electrodes (LA-RA), and any case.
    """
    lower = name.lower()
    if lower in _BY_LOWER:  # the usual case
        return _BY_LOWER[lower]
    plain = _PREFIX.sub("", lower.strip())
    return _BY_LOWER.get(re.sub(r"[\s_.]", "", plain))


def standard_leads(names: Iterable[str] | str) -> tuple[str, ...]:
    """Return lead names in standard spelling and order, each once; a string has names between commas.

    Raises:
        MelpError: there is none, or a name is not one of the twelve leads.
    """
    names = tuple(names.split(",") if isinstance(names, str) else names)
    standard = [normalise_lead_name(name) for name in names]
    if not names or None in standard:
        raise MelpError(f"leads: {', '.join(names) or 'none'} found, wanted names of the 12 leads")
    return tuple(lead for lead in LEADS if lead in standard)


def available_leads(own: Sequence[str]) -> tuple[str, ...]:
    """Return the standard leads that a recording with the leads `own` has or that follow from these."""
    derived = DERIVED if {"I", "II"} <= set(own) else ()
    return tuple(lead for lead in LEADS if lead in own or lead in derived)


def derive(
    lead: str, one: Float[np.ndarray, " time"], two: Float[np.ndarray, " time"]
) -> Float[np.ndarray, " time"]:
    """Return one of the `DERIVED` leads, computed from leads I and II in the same unit."""
    of_one, of_two = _FACTORS[lead]
    return np.asarray((of_one * one + of_two * two).astype(one.dtype))
