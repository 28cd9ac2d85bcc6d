"""QUEST from a store to zero-shot answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from melp.data.bank import StatementBank
from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.answers import any_of
from melp.evaluation.zero_shot import zero_shot
from melp.hub import load
from melp.plans.kinds import can_be_evaluated
from melp.recipes import load_recipe
from melp.reports.implied import implied_statements
from melp.reports.write import compose_report, join_statements
from melp.tasks import get_task
from melp.training.pretrain import pretrain


@pytest.fixture(scope="module")
def banks() -> list[list[list[str]]]:
    return []


@pytest.fixture(scope="module")
def run(synthetic_store: Path, tmp_path_factory: pytest.TempPathFactory, banks: list[Any]) -> Path:
    recipe = load_recipe("quest", "quest/tiny", ["training.epochs=1", "stage1.training.max_steps=5"])
    of_reports = StatementBank.of_reports

    def seen(reports: Any, *options: Any) -> StatementBank:
        banks.append(list(reports))
        return of_reports(banks[-1], *options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StatementBank, "of_reports", seen)
        folder = tmp_path_factory.mktemp("quest") / "run"
        return pretrain("quest", Store(synthetic_store), recipe, folder, progress=False)


def test_the_bank_is_that_of_the_training_folds(run: Path, synthetic_store: Path, banks: list[Any]) -> None:
    index = Store(synthetic_store).index
    expected = index[index["fold"].isin(range(1, 8))]["statements"]
    assert [sorted(map(list, reports)) for reports in banks] == [sorted(map(list, expected))]


def test_zero_shot_asks_for_every_prompt(run: Path, synthetic_store: Path) -> None:
    model, store, task = load(run), Store(synthetic_store), get_task("synthetic")
    prompts: dict[str, Any] = {name: ["sinus rhythm", "normal ecg"] for name in task.classes}
    prompts["AFIB"] = {"for": ["atrial fibrillation", "atrial flutter"], "against": ["sinus rhythm"]}
    (found,) = zero_shot(model, store, [task], folds=(10,), prompts={task.name: prompts})
    assert found.cell.options["similarity"] == "answers"
    rows = [int(np.flatnonzero(store.column("id") == name)[0]) for name in found.scores.index]
    with torch.no_grad():
        ecg = model.inputs(store.signals(np.array(rows)), store.rate)
        normal, afib, sinus = (
            any_of(model.method.answers(ecg, model.method.embed_statements(texts))).numpy()
            for texts in (
                ["sinus rhythm", "normal ecg"],
                ["atrial fibrillation", "atrial flutter"],
                ["sinus rhythm"],
            )
        )
    np.testing.assert_allclose(found.scores["STACH"], normal, atol=1e-4)
    np.testing.assert_allclose(found.scores["AFIB"], afib - sinus, atol=1e-4)


def test_it_reports_the_statements_of_the_training_that_apply(run: Path, synthetic_store: Path) -> None:
    model, store = load(run), Store(synthetic_store)
    index, bank = store.index, model.method.inputs.statements
    training = index["statements"][index["fold"].isin(range(1, 8))]
    assert tuple(bank) == StatementBank.of_reports(training, implied_statements, 64).statements
    texts = model.report(store, folds=[10])["report"]
    with torch.no_grad():
        for text, row in zip(texts, np.flatnonzero(index["fold"] == 10), strict=True):
            ecg = model.inputs(store.signals(np.array([row])), store.rate)
            logits = model.method.answers(ecg, model.method.embed_statements(bank))[0]
            assert text == join_statements(compose_report(bank, logits.sigmoid().tolist()))


def test_its_reports_need_no_beams_but_a_bank(run: Path, synthetic_store: Path, tmp_path: Path) -> None:
    with pytest.raises(MelpError, match="beams: found 4, wanted 1"):
        load(run).report(synthetic_store, 4)
    earlier = shutil.copytree(run, tmp_path / "earlier")
    config = json.loads((earlier / "config.json").read_text())
    del config["inputs"]["statements"]
    (earlier / "config.json").write_text(json.dumps(config))
    with pytest.raises(MelpError, match="no statements found"):
        load(earlier).report(synthetic_store)


def test_a_method_without_answers_says_so(tiny_run: Path, synthetic_store: Path) -> None:
    with pytest.raises(Exception, match="melp has no answers, wanted a QUEST model, or --similarity global"):
        zero_shot(load(tiny_run), Store(synthetic_store), [get_task("synthetic")], similarity="answers")


def test_plans_evaluate_it_by_prompts() -> None:
    recipe = load_recipe("quest", "quest/tiny")
    assert can_be_evaluated("zero-shot", "quest", recipe)
    assert not can_be_evaluated("retrieval", "quest", recipe)
