"""Leads from the potentials of the electrodes."""

from __future__ import annotations

import numpy as np
import pytest

from melp.ecg import LEADS
from melp.errors import MelpError
from melp.signal.electrodes import ELECTRODES, electrodes_to_leads


def by_definition(potential: dict[str, float], lead: str) -> float:
    """Return a lead by its textbook definition."""
    ra, la, ll = potential["RA"], potential["LA"], potential["LL"]
    limb = {
        "I": la - ra,
        "II": ll - ra,
        "III": ll - la,
        "aVR": ra - (la + ll) / 2,
        "aVL": la - (ra + ll) / 2,
        "aVF": ll - (ra + la) / 2,
    }
    return limb[lead] if lead in limb else potential[lead] - (ra + la + ll) / 3


def test_electrodes_to_leads_by_definition() -> None:
    potentials = np.random.default_rng(0).standard_normal(len(ELECTRODES))
    named = dict(zip(ELECTRODES, potentials.tolist(), strict=True))
    order = ("V3", "aVF", "I", "III")
    for leads in (LEADS, order):
        signal = electrodes_to_leads(leads) @ potentials
        assert signal.tolist() == pytest.approx([by_definition(named, lead) for lead in leads], abs=1e-6)
    assert np.abs(electrodes_to_leads().sum(1)).max() < 1e-6, "a common potential of all electrodes cancels"


def test_unknown_lead_raises() -> None:
    with pytest.raises(MelpError, match="electrodes: lead 'X' found, wanted leads among I, II"):
        electrodes_to_leads(("I", "X"))
