"""The axis that simulated reports state, and limb leads that do not look exchanged."""

from __future__ import annotations

import numpy as np
import pytest

from measuring import RATE, SEEDS, clean, qrs
from melp.corpora.synthetic import SyntheticRecord, simulate_records
from melp.data.quality import LEAD_SWAP, signal_flags
from melp.simulator.phrases import AXIS
from melp.simulator.recording import Recording
from melp.simulator.report import axis_name

# Other conditions that turn the axis to the right.
RIGHTWARD = {"LPFB", "RVH", "LMI", "WPW", "3AVB"}
NAMES = {phrase: name for name, styles in AXIS.items() for phrases in styles for phrase in phrases}


def early_axis(recording: Recording) -> float:
    """Return the axis (degrees) of the first 65 ms of the QRS, measured in leads I and aVF."""
    first = slice(0, round(0.065 * RATE))
    net = [qrs(recording, lead)[first].sum() for lead in ("I", "aVF")]
    return float(np.degrees(np.arctan2(net[1] * 2 / np.sqrt(3), net[0])))


@pytest.fixture(scope="module")
def records() -> list[SyntheticRecord]:
    return list(simulate_records(1200, 0, 250))


@pytest.mark.parametrize(
    ("degrees", "name"),
    [
        *((-90, "left"), (-31, "left"), (-30, "normal"), (0, "normal"), (90, "normal")),
        *((91, "right"), (180, "right"), (-180, "extreme"), (-91, "extreme")),
    ],
)
def test_names_of_axes(degrees: float, name: str) -> None:
    assert axis_name(degrees) == name


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("conditions", "name"),
    [
        (("CRBBB",), "normal"),
        (("LAFB",), "left"),
        (("LPFB",), "right"),
        (("CRBBB", "LAFB"), "left"),
        (("CRBBB", "LPFB"), "right"),
    ],
)
def test_the_axis_of_a_block(conditions: tuple[str, ...], name: str, seed: int) -> None:
    """It is that of the left ventricle, before the right one, which a bundle branch block delays."""
    recording = clean(*conditions, seed=seed)
    assert axis_name(recording.axis) == name
    if conditions == ("CRBBB",):
        assert abs(early_axis(recording) - recording.axis) < 20
    else:
        alone = clean(conditions[-1], seed=seed)
        assert recording.axis == pytest.approx(alone.axis), "not changed by the right ventricle"


def test_reports_state_the_axis_of_the_block(records: list[SyntheticRecord]) -> None:
    stated = {code: set[str]() for code in ("LAFB", "LPFB", "CRBBB")}
    for record in records:
        for code in stated.keys() & set(record.codes):
            if code != "CRBBB" or not RIGHTWARD & set(record.codes):
                stated[code] |= {NAMES[each] for each in record.statements if each in NAMES}
    assert stated["LAFB"] == {"left"}
    assert stated["LPFB"] == {"right"}
    assert stated["CRBBB"] == {"normal", "left"}


def test_under_one_record_in_a_hundred_looks_like_a_lead_swap(records: list[SyntheticRecord]) -> None:
    """As in PTB-XL, where 15 of 2,808 recordings are flagged."""
    flagged = [LEAD_SWAP in signal_flags(record.ecg) for record in records]
    assert np.mean(flagged) < 0.01
    for code in ("RVH", "PACE", "3AVB", "ARTEFACT"):
        own = [flag for flag, record in zip(flagged, records, strict=True) if code in record.codes]
        assert np.mean(own) < 0.13, "the share in paced recordings of PTB-XL"
