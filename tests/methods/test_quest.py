"""QUEST: the loss against loops, the bank, answers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from melp.reports.implied import implied_statements
from small_methods import Workshop


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


@torch.no_grad()
def test_loss_is_the_cross_entropy_of_every_statement_of_the_bank(workshop: Workshop) -> None:
    method: Any = workshop.method("quest").eval()
    batch = workshop.batch("quest", size=3)
    bank = method.new_bank(method.config, workshop.reports)
    total = 0.0
    for row in range(3):
        report = workshop.reports[row]
        true = {*report, *(text for statement in report for text in implied_statements(statement))}
        for text in bank.statements:
            logit = float(method.answers(batch["ecg"][row : row + 1], method.embed_statements([text])))
            probability = 1 / (1 + math.exp(-logit))
            total -= math.log(probability if text in true else 1 - probability)
    assert float(method(batch)["loss"]) == pytest.approx(total / 3, rel=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("augmentation", ["lead_masking=0.9", "shift=0.3", "scaling=0.5"])
def test_augmentation_is_for_training_only(workshop: Workshop, augmentation: str) -> None:
    off = ["lead_masking=0", "shift=0", "scaling=0"]
    method, batch = workshop.method("quest", (*off, augmentation)), workshop.batch("quest")
    plain = workshop.method("quest", off)
    torch.testing.assert_close(method.eval()(batch)["loss"], plain.eval()(batch)["loss"])
    assert not torch.equal(method.train()(batch)["loss"], plain.train()(batch)["loss"])


def test_another_bank_is_read_again(workshop: Workshop) -> None:
    method, batch = workshop.method("quest"), workshop.batch("quest")
    first = method(batch)["loss"].detach()
    order = torch.arange(len(batch["bank"]["tokens"])).flip(0)
    bank = {**{name: batch["bank"][name][order] for name in ("tokens", "sentence", "log_odds")}, "number": 1}
    torch.testing.assert_close(
        method({**batch, "bank": bank, "stated": batch["stated"][:, order]})["loss"], first
    )
    assert not torch.allclose(method({**batch, "bank": {**bank, "number": 2}})["loss"], first)


@torch.no_grad()
def test_the_log_odds_begin_at_a_regression_of_those_in_the_reports(workshop: Workshop) -> None:
    method, bank = workshop.method("quest"), workshop.batch("quest")["bank"]
    method.begin(bank)
    states = method.text(bank["tokens"], bank["sentence"]).statements[:, 0]
    states = (states - states.mean(1, keepdim=True)) / states.std(1, keepdim=True, correction=0)
    expected = Ridge(alpha=10).fit(states, bank["log_odds"])
    np.testing.assert_allclose(method.log_odds.weight[0], expected.coef_, atol=1e-3)
    np.testing.assert_allclose(method.log_odds.bias, expected.intercept_, atol=1e-3)


def test_the_language_model_is_trained_only_if_asked(workshop: Workshop) -> None:
    for option, trained in (("false", False), ("true", True)):
        method: Any = workshop.method("quest", (f"text_trained={option}",)).train()
        assert method.text.training == trained
        assert all(weight.requires_grad == trained for weight in method.text.bert.parameters())


@torch.no_grad()
def test_answers_keep_the_order_of_texts_and_do_not_depend_on_each_other(workshop: Workshop) -> None:
    method: Any = workshop.method("quest").eval()
    ecg = workshop.batch("quest", size=2)["ecg"]
    texts = ["sinus rhythm", "left bundle branch block", "atrial fibrillation"]
    together = method.answers(ecg, method.embed_statements(texts))
    alone = torch.cat([method.answers(ecg, method.embed_statements([text])) for text in texts], dim=1)
    torch.testing.assert_close(together, alone)


@torch.no_grad()
def test_an_answer_is_the_cosine_with_the_frames_that_the_statement_attends_to(workshop: Workshop) -> None:
    method: Any = workshop.method("quest").eval()
    torch.nn.init.normal_(method.frame_norm.bias)
    ecg = workshop.batch("quest", size=2)["ecg"]
    states = method.embed_statements(["sinus rhythm", "left bundle branch block"])
    weights, answers = method.attention(ecg, states), method.answers(ecg, states)
    frames = method.frame_norm(method.encoder(ecg))
    for row, column in np.ndindex(2, 2):
        state = torch.nn.functional.layer_norm(states[column], states.shape[1:])
        target = method.pooler.target(states[column] + method.text_head(state))
        context = weights[row, :, column] @ method.pooler.value(frames[row])
        cosine = torch.cosine_similarity(context, target, dim=0)
        wanted = method.logit_scale.exp() * cosine + method.log_odds(state)[0]
        torch.testing.assert_close(answers[row, column], wanted, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(weights.sum(1), torch.ones(2, 2))
