"""What the evaluations join, select by, draw and leave out: each against the same steps written out."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score
from test_finetune import QUICK

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.finetune import finetune
from melp.evaluation.generation import generate
from melp.evaluation.metrics import metric_rows
from melp.evaluation.paper_probe import fit_paper_probe, paper_probe
from melp.evaluation.paper_split import sample_as_published, split_as_published
from melp.evaluation.paper_zero_shot import paper_zero_shot
from melp.evaluation.probe import KINDS, probe
from melp.evaluation.probes.linear import Probe, fit_probe
from melp.evaluation.split import patients_of, split_records
from melp.evaluation.subsets import stratified_subset
from melp.evaluation.zero_shot import similarities, zero_shot
from melp.hub import Model, load
from melp.hub.records import read_training_records
from melp.tasks import get_task
from small_published_labels import write_files

TASK = get_task("ptbxl-rhythm")


def features_of(store: Store, ids: pd.Index) -> np.ndarray:
    """What `HashingMethod` embeds: the mean of each lead in millivolts."""
    rows = pd.Index(store.column("id")).get_indexer(ids)
    return np.asarray(store.signals(rows).astype(np.float32).mean(-1) / 1000)


def changed_store(store: Store, folder: Path, **columns: object) -> Store:
    """A copy of a store with other columns in its index."""
    shutil.copytree(store.path, folder)
    pd.read_parquet(folder / "index.parquet").assign(**columns).to_parquet(folder / "index.parquet")
    return Store(folder)


@pytest.mark.parametrize("protocol", ["corrected", "paper"])
def test_intervals_of_all_cells_are_over_patients(
    model: Model, store: Store, tmp_path: Path, protocol: str
) -> None:
    """Ten recordings per patient: over records the intervals would be narrower."""
    few = changed_store(store, tmp_path / "few", patient=[f"p{number // 10}" for number in range(240)])
    few = changed_store(few, tmp_path / "one", fold=[number // 10 % 10 + 1 for number in range(240)])
    if protocol == "corrected":
        options = {"folds": (9, 10)}
        cells = [*zero_shot(model, few, [TASK], **options), *probe(model, few, [TASK], **options)]
    else:
        files = write_files(tmp_path / "files", few.index)
        cells = [*paper_zero_shot(model, few, [TASK], files), *paper_probe(model, few, [TASK], files)]
    for cell in cells:
        people, zero = patients_of(few, cell.labels.index), protocol == "paper"
        expected = metric_rows(cell.scores, cell.labels, people, empty_as_zero=zero)
        pd.testing.assert_frame_equal(cell.metrics, expected)
        narrow = metric_rows(cell.scores, cell.labels, empty_as_zero=zero)
        assert not narrow["lo"].equals(expected["lo"])


def test_macro_interval_is_of_the_classes_that_count(model: Model, store: Store) -> None:
    # A class of two of the 48 records, whose interval is wide.
    labels = TASK.labels(store.index)
    (cell,) = zero_shot(model, store, [TASK], folds=(9, 10), min_positives=10)
    kept = [name for name in TASK.classes if cell.labels[name].sum() >= 10]
    (all_classes,) = zero_shot(model, store, [TASK], folds=(9, 10))
    people = patients_of(store, cell.labels.index)
    assert len(labels.columns) > len(kept) > 1
    expected = metric_rows(cell.scores, cell.labels[kept], people).iloc[0][["lo", "hi"]].tolist()
    assert cell.metric()[["lo", "hi"]].tolist() == pytest.approx(expected)
    rare = cell.labels.assign(PACE=np.arange(len(cell.labels)) < 2)
    counted = metric_rows(cell.scores, rare, people, min_positives=10)
    assert counted.iloc[0][["lo", "hi"]].tolist() == pytest.approx(expected)
    assert counted.set_index("class")["lo"].notna()["PACE"] and all_classes.metric()["n"] == 48


def test_zero_shot_uses_all_prompts_of_a_class(model: Model, store: Store) -> None:
    prompts = {name: ["sinus rhythm", "atrial fibrillation", "pacemaker"] for name in TASK.classes}
    (cell,) = zero_shot(model, store, [TASK], prompts={TASK.name: prompts})
    texts = model.method.embed_text(prompts["AFIB"]).numpy()
    expected = similarities(features_of(store, cell.scores.index), {"AFIB": texts})["AFIB"]
    np.testing.assert_allclose(cell.scores["AFIB"], expected, atol=1e-5)
    (own,) = zero_shot(model, store, [TASK])
    texts = model.method.embed_text(TASK.prompts["SBRAD"]).numpy()
    assert len(texts) > 1
    expected = similarities(features_of(store, own.scores.index), {"SBRAD": texts})["SBRAD"]
    np.testing.assert_allclose(own.scores["SBRAD"], expected, atol=1e-5)


def test_probe_is_fitted_to_the_subset_of_its_seed(
    model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = []

    def fit(*arrays: np.ndarray, seed: int, device: torch.device) -> Probe:
        groups.append(arrays[2].tolist())
        return fit_probe(*arrays, seed=seed)

    monkeypatch.setitem(KINDS, "linear", replace(KINDS["linear"], fit=fit))
    cells = probe(model, store, [TASK], fractions=(20,), seeds=(0, 3))
    split = split_records(TASK, store)
    people = patients_of(store, split.training.index)
    for cell, seed, found in zip(cells, (0, 3), groups, strict=True):
        rows = stratified_subset(split.training.to_numpy(), 20, seed)
        chosen = split.training.iloc[rows]
        # C is selected with the recordings of a patient on one side.
        assert found == people.iloc[rows].tolist()
        fitted = fit_probe(features_of(store, chosen.index), chosen.to_numpy(), np.array(found), seed=seed)
        expected = fitted(features_of(store, split.test))
        np.testing.assert_allclose(cell.scores.loc[split.test], expected, atol=1e-3)
    assert not np.allclose(cells[0].scores, cells[1].scores)


def test_patients_on_both_sides_are_refused(
    model: Model, store: Store, tiny_run: Path, synthetic_store: Path, tmp_path: Path
) -> None:
    """Folds by record: the two recordings of a patient are in different folds."""
    message = "patients have records both evaluated and trained on"
    torn = changed_store(store, tmp_path / "torn", fold=[number % 10 + 1 for number in range(240)])
    with pytest.raises(MelpError, match=message):
        probe(model, torn, [TASK], folds=(10,))
    whole = Store(synthetic_store)
    one = changed_store(whole, tmp_path / "one", patient=["p"] * len(whole))
    with pytest.raises(MelpError, match=message):
        finetune(load(tiny_run), one, get_task("synthetic"), tmp_path / "run", QUICK, progress=False)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def published(store: Store, tmp_path: Path) -> Path:
    """Published files with two swapped columns, and eighty records per file that the store lacks."""
    return write_files(tmp_path / "published", store.index, swapped=("AFIB", "STACH"), absent=80)


def test_paper_probe_step_by_step(model: Model, store: Store, published: Path) -> None:
    """A sample of the file, not of the records at hand; the epoch by the validation file; by position."""
    (cell,) = paper_probe(model, store, [TASK], published, fractions=(50,))
    split = split_as_published(TASK, store, published)
    sample = sample_as_published(split.training_file, 50)
    chosen = sample[sample.isin(split.training.index)]
    assert cell.cell.n_train == len(chosen) < len(sample)
    fitted = fit_paper_probe(
        features_of(store, chosen),
        split.training.loc[chosen].to_numpy(),
        features_of(store, split.validation.index),
        split.validation.to_numpy(),
    )
    scores = fitted(features_of(store, split.test.index))
    np.testing.assert_allclose(cell.scores.loc[split.test.index], scores, atol=1e-3)
    truth = TASK.labels(store.index).loc[split.test.index]
    # Trained by the training file's order of columns, evaluated by the test file's.
    for name, other in (("AFIB", "STACH"), ("STACH", "AFIB"), ("SBRAD", "SBRAD")):
        expected = roc_auc_score(truth[other], cell.scores[name])
        assert cell.metric("auroc", name)["value"] == pytest.approx(expected)
    right = roc_auc_score(truth["AFIB"], cell.scores["AFIB"])
    assert abs(right - cell.metric("auroc", "AFIB")["value"]) > 0.2


def test_epoch_of_the_paper_probe_is_that_of_the_validation_file(
    model: Model, store: Store, tmp_path: Path
) -> None:
    """With inverted labels in the validation file, no training looks best."""
    files = write_files(tmp_path, store.index)
    file = files / "ptbxl_rhythm_val.csv"
    table = pd.read_csv(file)
    table[list(TASK.classes)] = 1 - table[list(TASK.classes)]
    table.to_csv(file, index=False)
    (cell,) = paper_probe(model, store, [TASK], files)
    split = split_as_published(TASK, store, files)
    fitted = fit_paper_probe(
        features_of(store, split.training.index),
        split.training.to_numpy(),
        features_of(store, split.validation.index),
        split.validation.to_numpy(),
    )
    np.testing.assert_allclose(cell.scores, fitted(features_of(store, split.test.index)), atol=1e-3)


def test_baselines_of_reports_do_not_see_evaluated_folds(model: Model, store: Store, tmp_path: Path) -> None:
    shutil.copytree(store.path, tmp_path / "store")
    texts = pd.DataFrame({"id": [f"y{number}" for number in range(500)], "patient": "q", "fold": 10})
    texts["statements"] = [["paced rhythm"]] * 500
    texts.to_parquet(tmp_path / "store" / "texts.parquet")
    table = generate(model, Store(tmp_path / "store"), (10,)).table
    assert "paced rhythm." not in {*table["most_frequent"], *table["random"]}
    other = generate(model, Store(tmp_path / "store"), (9,)).table
    assert set(other["most_frequent"]) == {"paced rhythm."}


def test_classifier_scores_are_those_of_their_records(
    tiny_run: Path, synthetic_store: Path, tmp_path: Path
) -> None:
    store, task, out = Store(synthetic_store), get_task("synthetic"), tmp_path / "run"
    recipe = replace(QUICK, training=replace(QUICK.training, max_steps=2, batch_size=8))
    options = {"fraction": 50, "progress": False, "scratch": True}
    cell = finetune(load(tiny_run), store, task, out, recipe, seed=2, **options)
    classifier = load(out)
    for record in cell.scores.index[[0, 1, -1]]:
        with torch.inference_mode():
            logits = classifier.method.logits(classifier.inputs(store.ecg(record)))[0]
        np.testing.assert_allclose(cell.scores.loc[record], logits.numpy(), atol=1e-3)
    used, split = read_training_records(out), split_records(task, store)
    assert used is not None
    chosen = split.training.index[stratified_subset(split.training.to_numpy(), 50, 2)]
    assert set(used["id"]) == set(chosen) and cell.cell.n_train == len(chosen)
