"""Zero-shot scores against a slow version, prompts from files, and a whole task."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.zero_shot import embed_prompts, read_prompts, similarities, zero_shot
from melp.hub import Model
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


def test_read_prompts_accepts_both_forms(tmp_path: Path) -> None:
    task = get_task("ptbxl-super")
    own = {name: [f"{name} one", f"{name} two"] for name in task.classes}
    (tmp_path / "own.json").write_text(json.dumps({"ptbxl-super": own, "other": {}}))
    assert read_prompts(tmp_path / "own.json", task) == own
    flat = {name: f"{name} One, Two" for name in (*task.classes, "SR")}
    (tmp_path / "flat.json").write_text(json.dumps(flat))
    assert read_prompts(tmp_path / "flat.json", task)["MI"] == ["mi one, two"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[]", "found list"),
        ('{"HYP": "a"}', "no prompts for NORM, MI, CD, STTC of ptbxl-super"),
        ('{"ptbxl-super": {"HYP": 3}}', "HYP: found int"),
    ],
)
def test_read_prompts_errors(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "prompts.json").write_text(text)
    with pytest.raises(MelpError, match=message):
        read_prompts(tmp_path / "prompts.json", get_task("ptbxl-super"))


@pytest.mark.data
def test_published_prompts_cover_all_tasks(recordings: Path) -> None:
    path = recordings / "text" / "CKEPE_prompt_melp.json"
    published = json.loads(path.read_text())
    missing = {}
    for name in ("ptbxl-super", "ptbxl-sub", "ptbxl-form", "ptbxl-rhythm"):
        task = get_task(name)
        missing[name] = [label for label in task.classes if label not in published]
        if not missing[name]:
            assert set(read_prompts(path, task)) == set(task.classes)
    assert pd.Series(missing).map(len).sum() == 0, missing
