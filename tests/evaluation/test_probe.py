"""Probes of a model: their cells."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.probe import KINDS, probe
from melp.evaluation.probes.attentive import fit_attentive
from melp.evaluation.probes.neighbours import fit_neighbours
from melp.evaluation.split import patients_of, split_records
from melp.evaluation.subsets import stratified_subset
from melp.hub import Model
from melp.tasks import get_task
from small_judging import HashingMethod, small_model


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


class Framed(HashingMethod):
    """The frames are the means of the leads over tenths of the recording, times `gain`."""

    gain = 1.0

    def encoder(self, ecg: Tensor) -> Tensor:
        return self.gain * ecg.unflatten(2, (10, -1)).mean(3).transpose(1, 2)


@pytest.mark.parametrize("kind", ["neighbours", "attentive"])
def test_other_probes_are_fitted_to_their_records(
    kind: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, task = small_model(Framed()), get_task("ptbxl-rhythm")
    fit = {"neighbours": fit_neighbours, "attentive": partial(fit_attentive, steps=(10, 50))}[kind]
    monkeypatch.setitem(KINDS, kind, replace(KINDS[kind], fit=fit))
    (cell,) = probe(model, store, [task], kind=kind, fractions=(30,), seeds=(2,), out=tmp_path)
    assert cell.cell.kind == KINDS[kind].cell and cell.cell.n_train == 58
    split = split_records(task, store)
    chosen = split.training.iloc[stratified_subset(split.training.to_numpy(), 30, 2)]
    row = {name: number for number, name in enumerate(store.column("id"))}

    def features(ids: list[str]) -> np.ndarray:
        signals = store.signals(np.array([row[name] for name in ids])).astype(np.float32) / 1000
        frames = signals.reshape(len(ids), 12, 10, -1).mean(3).transpose(0, 2, 1)
        return frames.astype(np.float16) if kind == "attentive" else frames.mean(1)

    people = patients_of(store, split.training.index).loc[chosen.index].to_numpy()
    fitted = fit(features(list(chosen.index)), chosen.to_numpy(), people, seed=2)
    expected = fitted(features(list(split.test)))
    np.testing.assert_allclose(cell.scores.loc[split.test], expected, atol=5e-3)
    assert cell.selected == fitted.selected and cell.metric()["value"] > 0.8
    # A cell of one kind is not that of another.
    (linear,) = probe(model, store, [task], fractions=(30,), seeds=(2,), out=tmp_path)
    assert linear.cell.key != cell.cell.key and set(linear.selected) == {"C"}


def test_frames_that_half_precision_cannot_hold_are_refused(store: Store) -> None:
    method = Framed()
    method.gain = 1e6
    with pytest.raises(MelpError, match=r"embedding of record r\d+ is not finite"):
        probe(small_model(method), store, [get_task("ptbxl-rhythm")], kind="attentive")


def test_kinds_are_known(model: Model, store: Store) -> None:
    with pytest.raises(MelpError, match="kind: found 'knn', wanted one of linear, neighbours, attentive"):
        probe(model, store, [get_task("ptbxl-rhythm")], kind="knn")
