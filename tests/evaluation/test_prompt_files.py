"""Prompts from files: texts of a class, texts for and against it, and the published form."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from melp.errors import MelpError
from melp.evaluation.prompts import contrasted, prompts_for, prompts_of, read_prompts, sides
from melp.hub import Model
from melp.tasks import get_task
from small_judging import AnsweringMethod, small_model


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
        ('{"ptbxl-super": {"HYP": {"for": ["a"]}}}', "HYP: found for, wanted texts for and texts against"),
        ('{"ptbxl-super": {"HYP": {"for": ["a"], "against": []}}}', "HYP: found for, against, wanted texts"),
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


def test_texts_for_and_against_a_class(tmp_path: Path) -> None:
    task = get_task("ptbxl-super")
    own = {name: [f"{name} one"] for name in task.classes} | {"MI": {"for": ["a", "b"], "against": ["c"]}}
    (tmp_path / "own.json").write_text(json.dumps({"ptbxl-super": own}))
    prompts = read_prompts(tmp_path / "own.json", task)
    assert prompts == own == prompts_of(task, prompts)
    assert sides(prompts)["for MI"] == ["a", "b"] and sides(prompts)["against MI"] == ["c"]
    assert len(sides(prompts)) == 6 and sides(prompts)["for CD"] == ["CD one"]
    table = pd.DataFrame({name: [1.0] for name in sides(prompts)}).assign(**{"against MI": [0.25]})
    scores = contrasted(table, prompts)
    assert list(scores.columns) == list(task.classes)
    assert scores.loc[0, "MI"] == 0.75 and scores.loc[0, "CD"] == 1
    assert prompts_of(task, None) == task.prompts


def test_a_model_with_answers_is_also_asked_for_the_findings_that_prompts_are_wordings_of(
    model: Model,
) -> None:
    task, answering = get_task("ptbxl-form"), small_model(AnsweringMethod())
    own, asked = prompts_of(task, None), prompts_for(answering, task)
    assert list(asked) == list(task.classes)
    assert asked["LPR"] == [*own["LPR"], "first degree av block"]
    assert asked["PAC"] == [*own["PAC"], "premature supraventricular contractions"]
    assert asked["ABQRS"] == own["ABQRS"]
    assert prompts_for(model, task) == own


def test_given_prompts_are_asked_as_they_are() -> None:
    task, answering = get_task("ptbxl-form"), small_model(AnsweringMethod())
    given = {name: ["prolonged pr interval"] for name in task.classes}
    assert prompts_for(answering, task, given) == given
