"""Answers of several statements together."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from melp.data.store import Store
from melp.evaluation.answers import any_of
from melp.evaluation.scorers import task_scorer
from melp.evaluation.zero_shot import zero_shot
from melp.tasks import get_task
from small_judging import AnsweringMethod, small_model


def test_any_of_independent_statements() -> None:
    logits = torch.tensor([[-2.0, 0.5, 1.0], [-9.0, -9.5, -11.0]])
    for row, found in zip(logits.tolist(), any_of(logits).tolist(), strict=True):
        none = math.prod(1 - 1 / (1 + math.exp(-value)) for value in row)
        assert found == pytest.approx(math.log((1 - none) / none), rel=1e-5)


def test_one_statement_keeps_its_log_odds_however_large() -> None:
    logits = torch.tensor([[-80.0], [-3.0], [0.0], [3.0], [80.0]])
    torch.testing.assert_close(any_of(logits), logits[:, 0])


def test_a_class_is_any_of_its_prompts_and_of_the_findings_that_they_name(store: Store) -> None:
    model, task = small_model(AnsweringMethod()), get_task("ptbxl-rhythm")
    (result,) = zero_shot(model, store, [task], folds=(9, 10))
    asked = [*task.prompts["PSVT"], "supraventricular tachycardia"]
    assert result.cell.options["prompts"]["PSVT"] == asked
    rows = [int(name.removeprefix("r")) for name in result.scores.index]
    ecg = model.preprocessing(torch.from_numpy(store.signals(np.array(rows))), store.rate)
    wanted = any_of(model.method.answers(ecg, model.method.embed_statements(asked)))
    np.testing.assert_allclose(result.scores["PSVT"], wanted, atol=1e-4)
    one = task_scorer(model, task)
    np.testing.assert_allclose(one.score(ecg)[:, one.names.index("PSVT")], wanted, atol=1e-4)
