"""Robustness: equal to the plain evaluations without a disturbance, and paired with them under one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.comparison import compare
from melp.evaluation.disturbances import DISTURBANCES, get_disturbances
from melp.evaluation.probe import probe
from melp.evaluation.robustness import robustness
from melp.evaluation.split import patients_of
from melp.evaluation.zero_shot import zero_shot
from melp.hub import Model
from melp.leads import LEADS
from melp.tasks import get_task
from small_judging import FINDINGS, AnsweringMethod, direction, small_model

FOLDS = (9, 10)
TASK = replace(
    get_task("ptbxl-rhythm"),
    classes=tuple(FINDINGS),
    prompts={code: [text] for code, text in FINDINGS.items()},
)


def test_the_undisturbed_recordings_have_the_plain_scores(model: Model, store: Store) -> None:
    by_probe, by_prompts = robustness(model, store, TASK, get_disturbances(["12"]), folds=FOLDS)
    for found, plain in (
        (by_probe, probe(model, store, [TASK], folds=FOLDS)[0]),
        (by_prompts, zero_shot(model, store, [TASK], folds=FOLDS)[0]),
    ):
        pd.testing.assert_frame_equal(found.scores, plain.scores)
        assert found.metric()["value"] == plain.metric()["value"]
        assert found.metric("auroc_change")["value"] == 0
        assert found.cell.n_train == plain.cell.n_train


def test_conditions_have_the_same_records_and_a_paired_difference(
    model: Model, store: Store, tmp_path: Path
) -> None:
    conditions = get_disturbances(["V5", "12", "noise-0.2"])
    chosen = {"readings": ["zero-shot"], "folds": FOLDS, "min_positives": 5, "out": tmp_path}
    found = robustness(model, store, TASK, conditions, **chosen)
    assert len({one.cell.key for one in found}) == 3
    one_lead, clean = found[0], found[1]
    for other in found[1:]:
        pd.testing.assert_frame_equal(other.labels, one_lead.labels)
    patients = patients_of(store, clean.labels.index)
    expected = compare([one_lead.scores], [clean.scores], clean.labels, patients, min_positives=5)
    row = one_lead.metric("auroc_change")
    assert (row["value"], row["lo"], row["hi"]) == (expected.difference, expected.lo, expected.hi)
    assert row["value"] < 0
    assert row["value"] == pytest.approx(one_lead.metric()["value"] - clean.metric()["value"])
    assert one_lead.cell.options["disturbance"]["leads"] == ["V5"]
    again = robustness(model, store, TASK, conditions, **chosen)
    assert [one.cell.key for one in again] == [one.cell.key for one in found]


def test_answers_are_about_the_disturbed_recordings(store: Store) -> None:
    model = small_model(AnsweringMethod())
    clean, one_lead = robustness(
        model, store, TASK, get_disturbances(["12", "V5"]), readings=["zero-shot"], folds=FOLDS
    )
    mean = np.stack([store.ecg(name).signal.mean(axis=1) for name in clean.scores.index])
    for found, keep in ((clean, range(12)), (one_lead, [LEADS.index("V5")])):
        rows = list(keep)
        for code, text in FINDINGS.items():
            np.testing.assert_allclose(found.scores[code], mean[:, rows] @ direction(text)[rows], atol=1e-4)


def test_noise_is_a_function_of_the_seed(model: Model, store: Store) -> None:
    scores = [
        robustness(
            model,
            store,
            TASK,
            get_disturbances(["noise-0.2"]),
            readings=["zero-shot"],
            folds=FOLDS,
            seed=seed,
        )[0].scores.to_numpy()
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])


def test_errors(model: Model, blind_model: Model, store: Store) -> None:
    with pytest.raises(MelpError, match="by: found knn, wanted probe or zero-shot"):
        robustness(model, store, TASK, DISTURBANCES, readings=["knn"])
    with pytest.raises(MelpError, match="blind has no text tower"):
        robustness(blind_model, store, TASK, DISTURBANCES)
