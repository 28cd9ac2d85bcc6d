"""QUEST: the loss against loops, the bank, answers."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.linear_model import Ridge

from melp.errors import MelpError
from melp.hub.folder import load_weights
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
    found = method.askers[0].log_odds
    np.testing.assert_allclose(found.weight[0], expected.coef_, atol=1e-3)
    np.testing.assert_allclose(found.bias, expected.intercept_, atol=1e-3)


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
@pytest.mark.parametrize("members", [1, 2])
def test_an_answer_is_the_cosine_with_the_frames_that_the_statement_attends_to(
    workshop: Workshop, members: int
) -> None:
    method: Any = workshop.method("quest", (f"members={members}", "heads=1")).eval()
    ecg = workshop.batch("quest", size=2)["ecg"]
    states = method.embed_statements(["sinus rhythm", "left bundle branch block"])
    weights, answers = method.attention(ecg, states), method.answers(ecg, states)
    every_weight, every_answer = [], []
    encoders = method.encoder.members if members > 1 else [method.encoder]
    for encoder, asker in zip(encoders, method.askers, strict=True):
        torch.nn.init.normal_(asker.memory_norm.bias)
        frames = asker.memory_norm(encoder(ecg))
        for row, column in np.ndindex(2, 2):
            state = torch.nn.functional.layer_norm(states[column], states.shape[1:])
            query = asker.pooler.query(states[column] + asker.text_head(state))
            weight = (frames[row] @ asker.pooler.key.weight.T @ query / 32**0.5).softmax(0)
            target = asker.pooler.target(states[column] + asker.text_head(state))
            cosine = torch.cosine_similarity(weight @ asker.pooler.value(frames[row]), target, dim=0)
            every_weight.append(weight)
            every_answer.append(asker.logit_scale.exp() * cosine + asker.log_odds(state)[0])
    weights, answers = method.attention(ecg, states), method.answers(ecg, states)
    wanted = torch.stack(every_weight).view(members, 2, 2, -1).mean(0).transpose(1, 2)
    torch.testing.assert_close(weights, wanted, atol=1e-5, rtol=1e-4)
    mean = torch.stack(every_answer).view(members, 2, 2).mean(0)
    torch.testing.assert_close(answers, mean, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(weights.sum(1), torch.ones(2, 2))


def test_each_member_is_trained_by_its_own_errors(workshop: Workshop) -> None:
    both: Any = workshop.method("quest", ("members=2",)).eval()
    batch = workshop.batch("quest")
    states = both._bank_states(batch["bank"])
    assert not torch.equal(*(next(encoder.parameters()) for encoder in both.encoder.members))
    losses = []
    for encoder, asker in zip(both.encoder.members, both.askers, strict=True):
        logits = asker(encoder(batch["ecg"]), states)
        stated = batch["stated"].float()
        errors = -(stated * logits.sigmoid().log() + (1 - stated) * (-logits).sigmoid().log())
        losses.append(errors.sum(1).mean())
    torch.testing.assert_close(both(batch)["loss"], (losses[0] + losses[1]) / 2)
    weight = both.askers[0].pooler.value.weight
    (gradient,) = torch.autograd.grad(both(batch)["loss"], weight)
    torch.testing.assert_close(gradient, torch.autograd.grad(losses[0], weight)[0] / 2)


@torch.no_grad()
def test_the_embedding_of_answers_contains_the_cosine_of_each_statement_of_the_bank(
    workshop: Workshop,
) -> None:
    method: Any = workshop.method("quest", ("members=2", "probe=answers")).eval()
    ecg = workshop.batch("quest", size=3)["ecg"]
    with pytest.raises(MelpError, match="bank: no statements found"):
        method.embed(ecg)
    texts = ["sinus rhythm", "left bundle branch block"]
    method.inputs = replace(method.inputs, statements=texts)
    stages = [stage.mean(-1) for stage in method.encoder.stages(ecg)]
    embedded, width = method.embed(ecg), sum(stage.shape[1] for stage in stages)
    torch.testing.assert_close(embedded[:, :width], torch.cat(stages, 1))
    cosines = []
    for encoder, asker in zip(method.encoder.members, method.askers, strict=True):
        logits = asker(encoder(ecg), method.embed_statements(texts))
        evidence = logits - asker.prior(method.embed_statements(texts))
        cosines.append(evidence / asker.logit_scale.exp())
    torch.testing.assert_close(embedded[:, width:], (cosines[0] + cosines[1]) / 2, atol=1e-5, rtol=1e-4)


def test_weights_of_models_before_members_are_read(workshop: Workshop, tmp_path: Path) -> None:
    method: Any = workshop.method("quest")
    state = {name: weight.clone() for name, weight in method.state_dict().items()}
    old = {
        name.replace("askers.0.", "").replace("memory_norm", "frame_norm"): weight
        for name, weight in state.items()
    }
    assert {"frame_norm.weight", "pooler.value.weight", "logit_scale"} <= set(old)
    save_file(old, tmp_path / "model.safetensors")
    for weight in method.parameters():
        torch.nn.init.zeros_(weight)
    load_weights(method, tmp_path / "model.safetensors")
    assert all(torch.equal(method.state_dict()[name], weight) for name, weight in state.items())
