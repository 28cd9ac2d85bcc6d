"""Probes of a model: their cells."""

from __future__ import annotations

import pytest

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.probe import probe
from melp.hub import Model
from melp.tasks import get_task


def test_probe_of_a_model(model: Model, store: Store) -> None:
    task = get_task("ptbxl-rhythm")
    evaluations = probe(model, store, [task], fractions=(10, 100), seeds=(0, 1), folds=(9, 10))
    assert [(one.cell.fraction, one.cell.seed) for one in evaluations] == [(10, 0), (10, 1), (100, 0)]
    assert (
        evaluations[-1].metric()["value"] > 0.95
        and evaluations[-1].metric()["value"] >= evaluations[0].metric()["value"] - 0.02
    )
    assert evaluations[-1].cell.train_folds == "1,2,3,4,5,6,7,8" and evaluations[-1].cell.folds == "9,10"
    areas = evaluations[-1].metrics.dropna(subset="value")
    assert set(areas["class"].fillna("mean")) == {"mean", "AFIB", "STACH", "SBRAD", "SR"}


def test_probe_rejects_folds_on_both_sides(model: Model, store: Store) -> None:
    task = get_task("ptbxl-rhythm")
    with pytest.raises(MelpError, match="8 both evaluated and trained on"):
        probe(model, store, [task], folds=(8, 9), train_folds=(1, 8))
    with pytest.raises(MelpError, match="no record with a label in the training folds"):
        probe(model, store, [task], folds=(9,), train_folds=(77,))
