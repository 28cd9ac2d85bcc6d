"""Protocol "paper": the published defects, one by one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.metrics import metric_rows
from melp.evaluation.paper_probe import EPOCHS, PATIENCE, fit_paper_probe, paper_probe
from melp.evaluation.paper_split import embed_together, sample_as_published, split_as_published
from melp.evaluation.paper_zero_shot import paper_zero_shot
from melp.evaluation.probe import probe_features
from melp.hub import Model
from melp.tasks import get_task
from small_published_labels import write_files

TASK = get_task("ptbxl-rhythm")
KNOWN = ("STACH", "SBRAD", "AFIB", "SR")


@pytest.fixture
def files(store: Store, tmp_path: Path) -> Path:
    """Published files, each with three records that the store lacks."""
    return write_files(tmp_path / "published", store.index, absent=3)


def test_records_of_the_files_and_missing_records(store: Store, files: Path) -> None:
    split = split_as_published(TASK, store, files)
    fold = store.index.set_index("id")["fold"]
    assert set(fold.loc[split.training.index]) == set(range(1, 9))
    assert set(fold.loc[split.validation.index]) == {9} and set(fold.loc[split.test.index]) == {10}
    assert len(split.training_file) == len(split.training) + 3
    assert [note.replace(str(store.path), "STORE") for note in split.notes.values()] == [
        f"ptbxl_rhythm_{split}.csv: 3 of {total} records are not in STORE (x{split}0, x{split}1, x{split}2)"
        for split, total in (("train", 195), ("val", 27), ("test", 27))
    ]
    test = split_as_published(TASK, store, files, "val").test
    assert list(test.index) == list(split.validation.index)
    none = write_files(files.parent / "none", store.index.iloc[:0], absent=7)
    with pytest.raises(MelpError, match=r"found none of the 7 records of .*ptbxl_rhythm_test\.csv"):
        split_as_published(TASK, store, none)


def test_probes_read_labels_by_position_and_zero_shot_by_name(store: Store, tmp_path: Path) -> None:
    files = write_files(tmp_path, store.index, swapped=("AFIB", "STACH"))
    split = split_as_published(TASK, store, files)
    truth = TASK.labels(store.index).loc[split.test.index]
    assert (split.test["AFIB"] == truth["AFIB"]).all() and (split.test["STACH"] == truth["STACH"]).all()
    assert (split.by_position["AFIB"] == truth["STACH"]).all()
    assert (split.by_position["STACH"] == truth["AFIB"]).all()
    assert (split.by_position["SBRAD"] == truth["SBRAD"]).all()
    held_out = TASK.labels(store.index).loc[split.validation.index]
    assert (split.validation["AFIB"] == held_out["STACH"]).all()


def test_a_class_without_positives_counts_zero() -> None:
    generator = np.random.default_rng(0)
    index = [f"r{number}" for number in range(60)]
    scores = pd.DataFrame(generator.normal(size=(60, 3)), index=index, columns=list("ABC"))
    labels = pd.DataFrame(generator.random((60, 3)) < 0.4, index=index, columns=list("ABC"))
    labels["B"] = False
    rows = metric_rows(scores, labels, empty_as_zero=True)
    areas = [roc_auc_score(labels[name], scores[name]) for name in "AC"]
    mean, (_, zero, _) = rows.iloc[0], rows.iloc[1:].itertuples(index=False)
    assert (zero.value, zero.positives) == (0, 0) and np.isnan([zero.lo, zero.hi]).all()
    assert mean["value"] == pytest.approx(sum(areas) / 3)
    assert mean["lo"] < mean["value"] < mean["hi"] < mean["lo"] + 0.2


def test_subsets_are_pandas_samples_of_the_file() -> None:
    ids = pd.Index([f"r{number}" for number in range(1000)])
    expected = pd.DataFrame({"id": ids}).sample(frac=0.1, random_state=42)["id"]
    assert list(sample_as_published(ids, 10)) == list(expected)


def test_records_are_embedded_once_per_kept_length() -> None:
    calls: list[tuple[list[str], float | None]] = []

    def embed(ids: pd.Index, keep: float | None) -> pd.DataFrame:
        calls.append((list(ids), keep))
        return pd.DataFrame({"x": [int(name) for name in ids]}, index=ids)

    tasks = [get_task(name) for name in ("ptbxl-super", "cpsc2018", "ptbxl-form")]
    parts = [pd.Index(["1", "2"]), pd.Index(["3", "1"]), pd.Index(["4", "2"])]
    found = embed_together(tasks, parts, embed)
    assert calls == [(["1", "2", "4"], None), (["3", "1"], 5)]
    assert [list(each["x"]) for each in found] == [[1, 2], [3, 1], [4, 2]]


def test_samples_after_the_kept_seconds_are_zero(model: Model, store: Store) -> None:
    ids = pd.Index(["r003", "r007"])
    found = probe_features(model, store, ids, keep=0.5).to_numpy()
    signals = store.signals(np.array([3, 7])).astype(float) / 1000
    np.testing.assert_allclose(found, signals[:, :, :25].sum(-1) / signals.shape[-1], rtol=1e-5)
    whole = probe_features(model, store, ids).to_numpy()
    np.testing.assert_allclose(whole, signals.mean(-1), rtol=1e-5)


def problem(records: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(records, 6))
    return x, x[:, :3] + 0.3 * generator.normal(size=(records, 3)) > 0.5


def test_probe_is_adamw_with_a_cosine_by_epoch() -> None:
    """Against the same layer trained step by step, with the rates and the decay written out."""
    (x, y), (x_val, y_val) = problem(300), problem(100, 1)
    fitted = fit_paper_probe(x, y, x_val, y_val)
    inputs, targets = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    torch.manual_seed(42)
    layer = torch.nn.Linear(6, 3)
    state = [(torch.zeros_like(p), torch.zeros_like(p)) for p in layer.parameters()]
    step = 0
    for epoch in range(fitted.epoch + 1):
        rate = 1e-5 + (1e-3 - 1e-5) * (1 + np.cos(np.pi * epoch / EPOCHS)) / 2
        for rows in torch.randperm(300).split(128):
            step += 1
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = layer(inputs[rows])
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), targets[rows])
            gradients = torch.autograd.grad(loss, list(layer.parameters()))
            with torch.no_grad():
                for weight, slope, (first, second) in zip(layer.parameters(), gradients, state, strict=True):
                    weight.mul_(1 - rate * 1e-4)
                    first.mul_(0.9).add_(slope, alpha=0.1)
                    second.mul_(0.999).add_(slope**2, alpha=0.001)
                    mean, spread = first / (1 - 0.9**step), second / (1 - 0.999**step)
                    weight.sub_(rate * mean / (spread.sqrt() + 1e-8))
    np.testing.assert_allclose(fitted.layer.weight.detach(), layer.weight.detach(), atol=2e-4)
    np.testing.assert_allclose(fitted.layer.bias.detach(), layer.bias.detach(), atol=2e-4)


def test_probe_stops_after_five_epochs_without_a_larger_area() -> None:
    (x, y), (x_val, y_val) = problem(400), problem(200, 1)
    fitted = fit_paper_probe(x, y, x_val, y_val)
    assert fitted.epoch < EPOCHS and fitted.epochs == min(EPOCHS, fitted.epoch + PATIENCE + 1)
    # Inverted held-out labels are fitted best before anything is learned.
    inverted = fit_paper_probe(x, y, x_val, ~y_val)
    assert inverted.epoch + PATIENCE + 1 == inverted.epochs < 20


def test_scores_are_softmax_over_bfloat16_logits() -> None:
    (x, y), (x_val, y_val) = problem(200), problem(100, 1)
    fitted = fit_paper_probe(x, y, x_val, y_val)
    weight, bias = (p.detach().bfloat16().float().numpy() for p in fitted.layer.parameters())
    logits = torch.tensor(x_val).bfloat16().float().numpy() @ weight.T + bias
    scores = fitted(x_val)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(scores, expected, rtol=0.02)


def test_probe_of_a_model(model: Model, store: Store, files: Path) -> None:
    evaluations = paper_probe(model, store, [TASK], files, fractions=(50, 100))
    assert [(one.cell.protocol, one.cell.fraction, one.cell.seed) for one in evaluations] == [
        ("paper", 50, 42),
        ("paper", 100, 42),
    ]
    full = evaluations[1]
    assert full.cell.folds == "test" and full.cell.train_folds == "train"
    assert len(full.messages) == 4 and full.left_out == ()
    assert full.messages[-1] == (
        "ptbxl-rhythm: no positive of SVARR, BIGU, SARRH, TRIGU, SVTAC, PSVT, AFLT, PACE among the records "
        "evaluated; these count 0"
    )
    areas = full.metrics.set_index("class")["value"]
    assert len(areas) == 13
    assert {name for name in TASK.classes if areas[name] > 0} == set(KNOWN)
    assert full.metric()["value"] == pytest.approx(sum(areas[name] for name in KNOWN) / 12)
    labels = split_as_published(TASK, store, files).by_position
    for name in KNOWN:
        assert areas[name] == pytest.approx(roc_auc_score(labels[name], full.scores[name]))
    again = paper_probe(model, store, [TASK], files)[0]
    pd.testing.assert_frame_equal(again.metrics, full.metrics)
    with pytest.raises(MelpError, match=r"no record of the published 0\.2 % of the training file"):
        paper_probe(model, store, [TASK], files, fractions=(0.2,))


def test_zero_shot_of_a_model(model: Model, store: Store, files: Path) -> None:
    prompts = {name: ["sinus rhythm", "atrial fibrillation"] for name in TASK.classes}
    prompts |= {"AFIB": ["atrial fibrillation", "sinus rhythm"], "SBRAD": ["sinus bradycardia"]}
    (result,) = paper_zero_shot(model, store, [TASK], files, prompts={TASK.name: prompts})
    split = split_as_published(TASK, store, files)
    assert result.cell.protocol == "paper" and result.cell.seed == 0 and result.cell.train_folds == ""
    vectors = store.signals(np.flatnonzero(store.index["id"].isin(split.test.index))).mean(-1)
    prompt = model.method.embed_text(["atrial fibrillation"])[0].numpy()
    cosine = vectors @ prompt / np.linalg.norm(vectors, axis=1)
    np.testing.assert_allclose(result.scores["AFIB"], cosine, rtol=1e-4)
    assert result.metric("auroc", "AFIB")["value"] == pytest.approx(roc_auc_score(split.test["AFIB"], cosine))
    assert result.metric("auroc", "PACE")["value"] == 0
    (held_out,) = paper_zero_shot(model, store, [TASK], files, file="val")
    assert [note[:20] for note in held_out.messages] == [
        "ptbxl-rhythm: no CKE",
        "ptbxl_rhythm_val.csv",
        "ptbxl-rhythm: no pos",
    ]
    assert held_out.cell.folds == "val" and len(held_out.scores) == len(split.validation)


def test_zero_shot_reads_the_published_prompts(model: Model, store: Store, files: Path) -> None:
    def cosine(prompt: str) -> np.ndarray:
        ids = split_as_published(TASK, store, files).test.index
        vectors = store.signals(np.flatnonzero(store.index["id"].isin(ids))).mean(-1)
        return vectors @ model.method.embed_text([prompt])[0].numpy() / np.linalg.norm(vectors, axis=1)

    (own,) = paper_zero_shot(model, store, [TASK], files)
    np.testing.assert_allclose(own.scores["AFIB"], cosine(TASK.prompts["AFIB"][0]), rtol=1e-3, atol=1e-5)
    assert own.messages[0] == (
        f"ptbxl-rhythm: no CKEPE_prompt*.json found in {files}, so the package's own first prompt of each "
        "class is used instead of the published one"
    )
    published = {name: f"{name} Beats, or Others" for name in (*TASK.classes, "MI")}
    (files / "prompts").mkdir()
    (files / "prompts" / "CKEPE_prompt.json").write_text(json.dumps(published))
    (found,) = paper_zero_shot(model, store, [TASK], files)
    np.testing.assert_allclose(found.scores["AFIB"], cosine("afib beats, or others"), rtol=1e-3, atol=1e-5)
    assert not any("CKEPE" in line for line in found.messages) and found.cell.key != own.cell.key
    mine = {name: ["sinus bradycardia"] for name in TASK.classes}
    (given,) = paper_zero_shot(model, store, [TASK], files, prompts={TASK.name: mine})
    np.testing.assert_allclose(given.scores["AFIB"], cosine("sinus bradycardia"), rtol=1e-3, atol=1e-5)
    (files / "CKEPE_prompt_2.json").write_text("{}")
    with pytest.raises(MelpError, match=r"CKEPE_prompt\.json: differs from .*CKEPE_prompt_2\.json, wanted"):
        paper_zero_shot(model, store, [TASK], files)
