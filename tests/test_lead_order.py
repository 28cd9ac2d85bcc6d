"""The signs that leads are misnamed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melp.ecg import ECG, LEADS
from melp.lead_order import check_lead_order, limb_residuals
from small_ptb_xl import beats

ORDER = {lead: row for row, lead in enumerate(LEADS)}


def ecg(rows: list[np.ndarray] | np.ndarray | None = None) -> ECG:
    return ECG(beats(1) / 1000 if rows is None else np.asarray(rows), 500)


def test_generated_beats_satisfy_the_identities() -> None:
    assert np.abs(limb_residuals(beats(3)[:6].astype(np.float32))).max() == 0
    assert check_lead_order(ecg()) == []


@pytest.mark.parametrize(("first", "second"), [("aVL", "aVF"), ("I", "II"), ("II", "III"), ("I", "aVR")])
def test_swapped_limb_leads_are_named(first: str, second: str) -> None:
    rows = list(range(12))
    rows[ORDER[first]], rows[ORDER[second]] = rows[ORDER[second]], rows[ORDER[first]]
    assert check_lead_order(ecg(ecg().signal[rows])) == [f"{first} and {second} look swapped"]


@pytest.mark.parametrize("lead", LEADS[:6])
def test_inverted_limb_leads_are_named(lead: str) -> None:
    signal = ecg().signal.copy()
    signal[ORDER[lead]] *= -1
    assert check_lead_order(ecg(signal)) == [f"{lead} looks inverted"]


def test_other_violations_are_given_in_millivolt() -> None:
    signal = ecg().signal.copy()
    signal[ORDER["aVL"]] = signal[ORDER["V2"]] * 3
    (violation,) = check_lead_order(ecg(signal))
    assert violation.startswith("aVL = (I - III)/2 is 0.") and violation.endswith("mV off")


@given(st.floats(-2, 2), st.integers(0, 5))
def test_offsets_are_ignored(offset: float, row: int) -> None:
    signal = ecg().signal.copy()
    signal[row] += offset
    assert check_lead_order(ecg(signal)) == []


def swap_electrodes(signal: np.ndarray, one: str, other: str) -> np.ndarray:
    """Return the signal with two limb electrodes swapped, computed from potentials."""
    # The sum of the three potentials is arbitrary; the chest leads do not depend on their order.
    potential = {"RA": np.zeros_like(signal[0]), "LA": signal[ORDER["I"]], "LL": signal[ORDER["II"]]}
    potential[one], potential[other] = potential[other], potential[one]
    right, left, foot = potential["RA"], potential["LA"], potential["LL"]
    limb = [
        left - right, foot - right, foot - left,
        right - (left + foot) / 2, left - (right + foot) / 2, foot - (right + left) / 2,
    ]  # fmt: skip
    return np.stack(limb + list(signal[6:]))


def test_swapped_electrodes_satisfy_the_identities_and_are_detected_by_v6() -> None:
    arms = ecg(swap_electrodes(ecg().signal, "RA", "LA"))
    assert np.abs(limb_residuals(arms.signal[:6])).max() < 1e-6
    assert check_lead_order(arms) == ["lead I is opposite to V6: the electrodes of both arms may be swapped"]
    foot = ecg(swap_electrodes(ecg().signal, "RA", "LL"))
    assert check_lead_order(foot) == [
        "lead II is opposite to V6: the electrodes of right arm and left leg may be swapped"
    ]


def test_flat_recording() -> None:
    assert check_lead_order(ecg(np.zeros((12, 500)))) == []
