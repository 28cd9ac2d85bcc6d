"""HeartLang: masked beats, words, both losses, and resuming in both stages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from melp.corpora.synthetic import simulate_records
from melp.data.store import Store
from melp.errors import MelpError
from melp.hub.folder import WEIGHTS
from melp.methods._base import Inputs
from melp.methods.heartlang import HeartLang, HeartLangConfig
from melp.recipes import load_recipe
from melp.signal.sentences import Sentences
from melp.training.module import PretrainingModule
from melp.training.pretrain import pretrain

OPTIONS = load_recipe("heartlang", "heartlang/tiny").method


def heartlang(**options: Any) -> HeartLang:
    torch.manual_seed(0)
    config = HeartLangConfig(**{**vars(OPTIONS), **options})
    return HeartLang(config, Inputs(12, 1000, 100))


@pytest.fixture(scope="module")
def batch() -> dict[str, Tensor]:
    ecg = torch.tensor(np.stack([each.ecg.signal for each in simulate_records(5, 4, 100)]))
    return {"ecg": ecg, "key": torch.arange(len(ecg)) + 11}


@pytest.mark.parametrize("masked", [0.5, 0.2])
def test_the_same_share_of_beats_is_masked_in_each_recording(masked: float, batch: dict[str, Tensor]) -> None:
    method = heartlang(masked=masked)
    used = torch.zeros(40, 96, dtype=torch.bool)
    for row in range(40):
        used[row, : 2 * row + 1] = True
    keys = torch.arange(40)
    mask = method._masked(used, keys)
    assert not bool((mask & ~used).any()), "no empty position"
    assert mask.sum(1).tolist() == [max(round(masked * (2 * row + 1)), 1) for row in range(40)]
    order = torch.randperm(40)
    assert torch.equal(method._masked(used[order], keys[order]), mask[order])
    assert not torch.equal(method._masked(used, keys + 40), mask)
    often = method._masked(torch.ones(400, 96, dtype=torch.bool), torch.arange(400)).float().mean(0)
    assert float((often - masked).abs().max()) < 0.15, "no position is favoured"


@torch.no_grad()
def test_words_depend_on_leads_and_seconds(batch: dict[str, Tensor]) -> None:
    method = heartlang().eval()
    sentences = method.encoder.sentences(batch["ecg"])
    words = method._words(sentences)
    vectors = method.quantiser.vectors(sentences)
    codes = method.quantiser.codebook.codes
    for row, slot in ((0, 0), (2, 17), (4, 30)):
        cosines = [float(F.cosine_similarity(vectors[row, slot], code, dim=0)) for code in codes]
        assert int(words[row, slot]) == int(np.argmax(cosines))
    moved = replace(sentences, lead=(sentences.lead % 12 + 1) * sentences.used)
    later = replace(sentences, second=(sentences.second + 3) * sentences.used)
    for changed in (moved, later):
        assert float((method.quantiser.vectors(changed) - vectors)[sentences.used].abs().max()) > 1e-3


@torch.no_grad()
def test_sentences_loss_is_the_mean_over_masked_beats(batch: dict[str, Tensor]) -> None:
    method = heartlang().eval()
    sentences = method.encoder.sentences(batch["ecg"])
    mask = method._masked(sentences.used, batch["key"])
    words = method._words(sentences)
    embedded = method.encoder.embed_beats(torch.where(mask[..., None], 0.0, sentences.beats))
    embedded[mask] = method.mask_token
    states = method.encoder.contextualise(embedded, sentences)[1]
    losses = [
        -float(method.head(states[row, slot]).log_softmax(0)[words[row, slot]])
        for row, slot in mask.nonzero().tolist()
    ]
    result = method(batch)
    assert float(result["loss"]) == pytest.approx(np.mean(losses), rel=1e-5)
    correct = [method.head(states[r, s]).argmax() == words[r, s] for r, s in mask.nonzero().tolist()]
    assert float(result["accuracy"]) == pytest.approx(np.mean(correct))


@torch.no_grad()
def test_masked_beats_do_not_reach_their_neighbours(batch: dict[str, Tensor]) -> None:
    method = heartlang().eval()
    seen: list[Tensor] = []
    method.encoder.norm.register_forward_hook(lambda module, given, out: seen.append(out))
    sentences = method.encoder.sentences(batch["ecg"])
    mask = method._masked(sentences.used, batch["key"])
    changed = replace(sentences, beats=torch.where(mask[..., None], 5.0, sentences.beats))
    for each in (sentences, changed):
        method._sentences(each, batch["key"])
    # The quantiser has its own norm.
    assert len(seen) == 2 and torch.equal(seen[0], seen[1])


def test_codebook_loss_is_the_mean_over_beats(batch: dict[str, Tensor]) -> None:
    method = heartlang(stage="codebook", commitment=3.0).eval()
    sentences = method.encoder.sentences(batch["ecg"])
    with torch.no_grad():
        result = method(batch)
        vectors = method.quantiser.vectors(sentences)
        codes = method.quantiser.codebook.codes[method._words(sentences)]
        reconstruction = method.quantiser.decode(codes, sentences)
    errors, distances = [], []
    for row, slot in sentences.used.nonzero().tolist():
        errors.append(float((reconstruction[row, slot] - sentences.beats[row, slot]).square().mean()))
        distances.append(float((vectors[row, slot] - codes[row, slot]).square().mean()))
    assert float(result["reconstruction"]) == pytest.approx(np.mean(errors), rel=1e-4)
    assert float(result["commitment"]) == pytest.approx(np.mean(distances), rel=1e-4)
    assert float(result["loss"]) == pytest.approx(np.mean(errors) + 3 * np.mean(distances), rel=1e-4)


def test_the_gradient_of_a_word_reaches_its_vector(batch: dict[str, Tensor]) -> None:
    method = heartlang(stage="codebook", commitment=0.0).eval()
    sentences = method.encoder.sentences(batch["ecg"])
    vectors = method.quantiser.vectors(sentences).detach().requires_grad_()
    words = method.quantiser.codebook.codes[method._words(sentences)].requires_grad_()
    method.quantiser.vectors = lambda sentences: vectors  # type: ignore[method-assign]
    method(batch)["loss"].backward()
    reconstruction = method.quantiser.decode(words, sentences)
    loss = (reconstruction - sentences.beats).square().mean(-1)[sentences.used].mean()
    (expected,) = torch.autograd.grad(loss, words)
    assert vectors.grad is not None
    torch.testing.assert_close(vectors.grad, expected, rtol=1e-4, atol=1e-8)


def test_empty_positions_do_not_change_the_codebook(batch: dict[str, Tensor]) -> None:
    method = heartlang(stage="codebook").train()
    accumulated: list[Tensor] = []
    accumulate = method.quantiser.codebook.accumulate
    method.quantiser.codebook.accumulate = lambda *given: (  # type: ignore
        accumulated.append(given[0]) or accumulate(*given)
    )
    result = method(batch)["loss"]
    used = int(method.encoder.sentences(batch["ecg"]).used.sum())
    assert [len(vectors) for vectors in accumulated] == [used] and used < 5 * 160
    before = method.quantiser.codebook.codes.clone()
    assert torch.equal(method.eval()(batch)["loss"], result), "tiny has no dropout"
    assert len(accumulated) == 1, "validation is not a step"
    method.after_step(1, 10)
    assert not torch.equal(method.quantiser.codebook.codes, before)


def test_each_stage_trains_its_own_parameters() -> None:
    for stage, first in (("codebook", True), ("sentences", False)):
        method = heartlang(stage=stage)
        for name, weight in method.named_parameters():
            assert weight.requires_grad is (name.startswith("quantiser.") is first), name
        assert method.train().quantiser.training is first and method.encoder.training
    with pytest.raises(MelpError, match=r"method\.stage: 'words' found, wanted one of codebook, sentences"):
        heartlang(stage="words")
    with pytest.raises(MelpError, match="'resnet18' found, wanted one of heartlang_base, heartlang_narrow"):
        heartlang(encoder="resnet18", encoder_options={})


def test_the_codebook_overfits_one_batch_and_is_used(batch: dict[str, Tensor]) -> None:
    method = heartlang(stage="codebook", decay=0.9).train()
    optimiser = torch.optim.AdamW(method.param_groups(), lr=4e-3)
    losses = []
    for step in range(60):
        optimiser.zero_grad()
        loss = method(batch)["loss"]
        loss.backward()
        optimiser.step()
        method.after_step(step + 1, 60)
        losses.append(float(loss.detach()))
    assert min(losses[-5:]) < 0.4 * losses[0], losses
    sentences: Sentences = method.encoder.sentences(batch["ecg"])
    assert len(method._words(sentences)[sentences.used].unique()) > 8


def test_both_stages_resume(synthetic_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = "{epochs: 1, batch_size: 16, precision: fp32, max_steps: 5, validate_every: 2, select: last}"
    recipe = load_recipe("heartlang", "heartlang/tiny", [f"training={training}"])
    store = Store(synthetic_store)
    complete = pretrain("heartlang", store, recipe, tmp_path / "whole", progress=False)
    original = PretrainingModule.training_step

    def cut(stage: str) -> None:
        def training_step(self: PretrainingModule, batch: dict[str, Tensor], index: int) -> Any:
            if self.method.config.stage == stage and self.step == 3:  # type: ignore[union-attr]
                raise RuntimeError("power cut")
            return original(self, batch, index)

        monkeypatch.setattr(PretrainingModule, "training_step", training_step)

    for stage in ("codebook", "sentences"):
        cut(stage)
        with pytest.raises(RuntimeError, match="power cut"):
            pretrain("heartlang", store, recipe, tmp_path / "cut", progress=False)
    monkeypatch.setattr(PretrainingModule, "training_step", original)
    pretrain("heartlang", store, recipe, tmp_path / "cut", progress=False)
    for part in ("codebook", ""):
        first, second = (load_file(run / part / WEIGHTS) for run in (complete, tmp_path / "cut"))
        for name, value in first.items():
            torch.testing.assert_close(second[name], value, rtol=1e-5, atol=1e-6)
    trained, last = load_file(complete / "codebook" / WEIGHTS), load_file(complete / WEIGHTS)
    for name, value in trained.items():
        # Some vectors are still 0, or differ by rounding only.
        if value.ndim > 1:
            assert torch.equal(last[name], value) is name.startswith("quantiser."), name
