"""What is said of a recording before a model answers about it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from melp.answers.doubts import doubts
from melp.ecg import ECG, LEADS
from melp.errors import MelpError
from melp.hub import Model
from melp.leads import DERIVED, available_leads, derive
from small_judging import HashingMethod, small_model
from small_ptb_xl import beats, write_record


def recording(signal: np.ndarray, rows: list[int] | None = None, rate: float = 500) -> ECG:
    rows = list(range(12)) if rows is None else rows
    return ECG(signal[rows] / 1000, rate, tuple(LEADS[row] for row in rows), {"path": "x.hea"})


@pytest.mark.parametrize("value", [0, 1200])
def test_recordings_that_never_change_are_refused(model: Model, value: int) -> None:
    signal = np.full((12, 5000), value)
    with pytest.raises(MelpError, match=r"^x\.hea: (all samples are zero|no lead changes within 2 s)"):
        model.classify(recording(signal), ["atrial fibrillation"])
    with pytest.raises(MelpError, match=r"^x\.hea: no samples"):
        model.classify(recording(signal[:, :0]), ["atrial fibrillation"])
    later = np.hstack([signal + np.arange(12)[:, None], beats(1)])  # it changes after what the model sees
    with pytest.raises(MelpError, match=r"^x\.hea: no lead changes within 2 s, wanted an ECG"):
        model.classify(recording(later), ["atrial fibrillation"])


def test_doubts_are_the_flags_of_a_build(model: Model) -> None:
    assert doubts(model, recording(beats(1))) == {}
    swapped = beats(1)[[0, 2, 1, 4, 3, 5, *range(6, 12)]]
    swapped[0] *= -1  # both arms
    assert list(doubts(model, recording(swapped))) == ["lead swap"]
    assert "electrodes of both arms" in doubts(model, recording(swapped))["lead swap"]
    flat = beats(1)
    flat[7] = 3
    assert doubts(model, recording(flat)) == {"flat lead": "V2"}
    clipped = np.clip(5 * beats(1), -1600, 1600)
    assert "clipping" in doubts(model, recording(clipped))
    assert doubts(model, recording(beats(1)[:, :750])) == {"missing seconds": "1.5 s, wanted 2"}
    damaged = recording(beats(1)).with_meta(checksum=("V2",))
    assert doubts(model, damaged) == {"checksum": "lead V2"}
    eight = recording(beats(1), [0, 1, *range(6, 12)])
    assert doubts(model, eight) == {"derived leads": "III, aVR, aVL, aVF"}
    assert doubts(model, recording(beats(1), [1])) == {}


def with_leads(*leads: str) -> Model:
    model = small_model(HashingMethod())
    return replace(model, preprocessing=replace(model.preprocessing, leads=leads))


def test_a_model_of_fewer_leads_reads_files_that_have_them(model: Model, tmp_path: Path) -> None:
    signal = beats(1)
    write_record(tmp_path / "two", signal[[0, 1]], leads=("I", "II"))
    part = with_leads("aVF", "II")
    files, whole = part.embed(tmp_path / "two.hea"), part.embed(recording(signal))
    assert np.allclose(files.to_numpy(), whole.to_numpy(), atol=1e-5)
    with pytest.raises(MelpError, match=r"two\.hea: no lead V1, .*; found I, II \(--fill-leads takes "):
        model.embed(tmp_path / "two.hea")
    with pytest.raises(MelpError, match=r"x\.hea: no lead V1, .*; found I, II$"):
        model.inputs(recording(signal, [0, 1]))
    signal[7, 100] = -32768  # not a lead of the model
    write_record(tmp_path / "bad", signal)
    assert len(part.embed(tmp_path / "bad.hea")) == 1
    with pytest.raises(MelpError, match="1 samples are NaN"):
        model.embed(tmp_path / "bad.hea")


@pytest.mark.parametrize("leads", [("V5",), ("I", "II"), ("II", "V1", "V2")])
def test_missing_leads_are_zero_if_asked_for(model: Model, tmp_path: Path, leads: tuple[str, ...]) -> None:
    rows = [LEADS.index(lead) for lead in leads]
    signal = beats(1)
    write_record(tmp_path / "few", signal[rows], leads=leads)
    known = available_leads(leads)
    zeros = recording(signal).select(LEADS).signal.copy()
    zeros[[row for row, lead in enumerate(LEADS) if lead not in known]] = 0
    if "I" in leads:
        zeros[[LEADS.index(lead) for lead in DERIVED]] = [
            derive(lead, zeros[0], zeros[1]) for lead in DERIVED
        ]
    found = model.embed(tmp_path / "few.hea", fill_leads=True)
    expected = model.embed(ECG(zeros, recording(signal).rate, LEADS))
    np.testing.assert_allclose(found.to_numpy(), expected.to_numpy(), atol=1e-5)
    table = model.classify(tmp_path / "few.hea", ["sinus rhythm"], fill_leads=True)
    missing = ", ".join(lead for lead in LEADS if lead not in known)
    assert f"missing leads ({missing}: 0 mV)" in table["doubts"][0] and "flat" not in table["doubts"][0]


def test_a_recording_without_any_lead_of_the_model_is_refused(tmp_path: Path) -> None:
    write_record(tmp_path / "v6", beats(1)[[11]], leads=("V6",))
    (tmp_path / "v6.csv").write_text("V6\n" + "\n".join(map(str, beats(1)[11] / 1000)) + "\n")
    for name, fill_leads in itertools.product(("v6.hea", "v6.csv"), (False, True)):
        # Zeros would not help, so they are not offered.
        with pytest.raises(MelpError, match=rf"{name}: no lead I, II; found V6$"):
            with_leads("I", "II").embed(tmp_path / name, rate=500, unit="mV", fill_leads=fill_leads)
