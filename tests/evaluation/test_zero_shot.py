"""Zero-shot scores against a slow version, and a whole task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.zero_shot import embed_prompts, similarities, zero_shot
from melp.hub import Model, load
from melp.tasks import get_task
from melp.text.tokenizer import ReportEncoder, train_tokenizer
from small_judging import HashingMethod, small_model


def test_similarities_equal_a_slow_version() -> None:
    generator = np.random.default_rng(0)
    ecg = generator.normal(size=(5, 8))
    texts = {"A": generator.normal(size=(3, 8)) * 7, "B": generator.normal(size=(1, 8))}
    scores = similarities(ecg, texts)
    for name, prompts in texts.items():
        mean = sum(prompt / np.linalg.norm(prompt) for prompt in prompts)
        for row, vector in enumerate(ecg):
            cosine = vector @ mean / np.linalg.norm(vector) / np.linalg.norm(mean)
            assert scores[name][row] == pytest.approx(cosine)


def test_similarities_are_invariant_to_length_order_and_repetition() -> None:
    generator = np.random.default_rng(1)
    ecg, prompts = generator.normal(size=(4, 6)), generator.normal(size=(3, 6))
    plain = similarities(ecg, {"A": prompts})["A"]
    np.testing.assert_allclose(similarities(ecg * 9, {"A": prompts[::-1] * 2})["A"], plain)
    np.testing.assert_allclose(similarities(ecg, {"A": np.tile(prompts, (2, 1))})["A"], plain)


def test_prompts_shared_by_classes_have_one_embedding(model: Model) -> None:
    vectors = embed_prompts(model, {"A": ["a", "b"], "B": ["b"]})
    np.testing.assert_array_equal(vectors["A"][1], vectors["B"][0])
    assert vectors["A"].shape == (2, 12)


def test_zero_shot_auroc_is_that_of_cosines_by_scikit_learn(model: Model, store: Store) -> None:
    task = get_task("ptbxl-rhythm")
    prompts = {name: ["sinus rhythm"] for name in task.classes} | {
        "AFIB": ["atrial fibrillation"],
        "SBRAD": ["sinus bradycardia"],
        "STACH": ["sinus tachycardia"],
    }
    (result,) = zero_shot(model, store, [task], folds=(9, 10), prompts={task.name: prompts}, min_positives=5)
    index = store.index[store.index["fold"].isin((9, 10))]
    assert list(result.scores.index) == list(index["id"])
    assert result.metric()["n"] == len(index)
    truth = np.array(["AFIB" in codes for codes in index["labels"]])
    area = roc_auc_score(truth, result.scores["AFIB"])
    assert result.metric("auroc", "AFIB")["value"] == pytest.approx(area)
    assert area > 0.95
    assert "PACE" in result.left_out and "AFIB" not in result.left_out
    assert result.cell.folds == "9,10" and result.cell.fraction == 0 and result.cell.method == "hashing"


def test_unknown_prompts_of_a_user_are_refused_and_those_of_a_task_named(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    method = HashingMethod()
    method.reports = ReportEncoder(train_tokenizer(["sinus rhythm", "fibrillation"], 200), max_length=8)
    model, task = small_model(method), get_task("ptbxl-rhythm")
    zero_shot(model, store, [task])
    assert "prompt: no word of 'pacemaker ecg' is in the vocabulary" in capsys.readouterr().err
    prompts = dict(task.prompts) | {"SARRH": ["xyzzy"]}
    with pytest.raises(MelpError, match=r"^prompt: no word of "):
        zero_shot(model, store, [task], prompts={task.name: prompts})


def test_zero_shot_evaluates_the_test_fold_by_default(model: Model, store: Store) -> None:
    (result,) = zero_shot(model, store, [get_task("ptbxl-rhythm")])
    assert set(store.index.set_index("id")["fold"].loc[result.scores.index]) == {10}


def test_zero_shot_errors(model: Model, blind_model: Model, store: Store) -> None:
    with pytest.raises(MelpError, match="blind has no text tower, wanted a MELP or MERL model"):
        zero_shot(blind_model, store, [get_task("ptbxl-rhythm")])
    with pytest.raises(MelpError, match="found ptb-xl, wanted synthetic for task synthetic"):
        zero_shot(model, store, [get_task("synthetic")])
    with pytest.raises(MelpError, match="no record with a label of ptbxl-rhythm in folds 77"):
        zero_shot(model, store, [get_task("ptbxl-rhythm")], folds=(77,))


def test_texts_against_a_class_are_subtracted(model: Model, store: Store) -> None:
    task = get_task("ptbxl-rhythm")
    plain = dict(task.prompts)
    given = {**plain, "AFIB": {"for": plain["AFIB"], "against": ["sinus rhythm"]}}
    (without,), (found,), (against,) = (
        zero_shot(model, store, [task], folds=(9,), prompts={task.name: prompts})
        for prompts in (plain, given, {**plain, "AFIB": ["sinus rhythm"]})
    )
    difference = without.scores["AFIB"] - against.scores["AFIB"]
    np.testing.assert_allclose(found.scores["AFIB"], difference, atol=1e-6)
    pd.testing.assert_frame_equal(found.scores.drop(columns="AFIB"), without.scores.drop(columns="AFIB"))
    assert found.cell.options["prompts"]["AFIB"] == given["AFIB"]
    assert found.cell.key != without.cell.key


def test_local_scores_equal_a_loop_over_statements_and_beats(tiny_run: Path, synthetic_store: Path) -> None:
    model, store, task = load(tiny_run), Store(synthetic_store), get_task("synthetic")
    prompts = {name: ["sinus rhythm", "normal ecg"] for name in task.classes}
    prompts["AFIB"] = {"for": ["atrial fibrillation", "sinus tachycardia"], "against": ["sinus rhythm"]}
    (found,) = zero_shot(model, store, [task], folds=(10,), prompts={task.name: prompts}, similarity="local")
    (plain,) = zero_shot(model, store, [task], folds=(10,), prompts={task.name: prompts})
    assert found.cell.key != plain.cell.key and found.cell.options["similarity"] == "local"
    rows = [int(np.flatnonzero(store.column("id") == name)[0]) for name in found.scores.index[:3]]
    method = model.method
    with torch.no_grad():
        beats = method.beat_vectors(model.inputs(store.signals(np.array(rows)), store.rate)).numpy()

    def slow(ecg: np.ndarray, texts: list[str]) -> float:
        exponentials = []
        with torch.no_grad():
            statements = method.embed_statements(texts).numpy()
        for statement in statements:
            weights = np.exp(4 * ecg @ statement - (4 * ecg @ statement).max())
            context = weights / weights.sum() @ ecg
            cosine = context @ statement / np.linalg.norm(context) / np.linalg.norm(statement)
            exponentials.append(np.exp(5 * cosine))
        return float(np.log(np.mean(exponentials)))

    assert method.local.form == "paper" and method.local.aggregation == "mean"
    for row, ecg in enumerate(beats):
        stach = slow(ecg, prompts["STACH"])
        assert found.scores["STACH"].iloc[row] == pytest.approx(stach, abs=1e-4)
        afib = slow(ecg, prompts["AFIB"]["for"]) - slow(ecg, ["sinus rhythm"])
        assert found.scores["AFIB"].iloc[row] == pytest.approx(afib, abs=1e-4)


def test_a_method_without_beats_has_no_local_similarity(model: Model, store: Store) -> None:
    with pytest.raises(MelpError, match="hashing has no beats, wanted a MELP model, or --similarity global"):
        zero_shot(model, store, [get_task("ptbxl-rhythm")], similarity="local")
    with pytest.raises(MelpError, match="similarity: found 'beat', wanted global or local"):
        zero_shot(model, store, [get_task("ptbxl-rhythm")], similarity="beat")
