"""Recordings that lack leads of a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from melp.ecg import ECG
from melp.leads import available_leads, standard_leads

__all__ = ["fill_leads"]


def fill_leads(ecg: ECG, leads: Sequence[str]) -> ECG:
    """Return a recording with 0 mV in those of `leads` that it lacks; `meta["missing_leads"]` names them.

    Leads that follow from I and II are computed, as by `ECG.select`; other leads of the recording are left
    out.

    Raises:
        BadRecordError: it has none of `leads`.
    """
    wanted, available = standard_leads(leads), available_leads(ecg.leads)
    missing = tuple(lead for lead in wanted if lead not in available)
    if not missing:
        return ecg
    if len(missing) == len(wanted):
        return ecg.select(wanted)  # the error
    known = ecg.select([lead for lead in wanted if lead in available])
    signal = np.zeros((len(wanted), known.signal.shape[1]), np.float32)
    signal[[wanted.index(lead) for lead in known.leads]] = known.signal
    return ECG(signal, known.rate, wanted, {**known.meta, "missing_leads": missing})
