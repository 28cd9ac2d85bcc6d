"""MERL: both alignments against slow versions, the space shared with text, frozen parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import melp.methods.merl
from melp.errors import MelpError
from melp.methods._base import Inputs
from melp.methods.merl import MERL, MERLConfig
from melp.text.model import LanguageModel
from small_methods import BERT, Workshop

TEXTS = ["sinus rhythm", "left bundle branch block with st depression", "", "normal ecg"]


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


def both_ways(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return the sum of the cross entropies over rows and over columns."""
    logits = F.normalize(one, dim=1) @ F.normalize(other, dim=1).t() / 0.07
    own = torch.arange(len(logits))
    return F.cross_entropy(logits, own) + F.cross_entropy(logits.t(), own)


@torch.no_grad()
@pytest.mark.parametrize("pooling", ["attention", "mean"])
def test_loss_is_the_sum_of_both_alignments(workshop: Workshop, pooling: str) -> None:
    method: Any = workshop.method("merl", (f"pooling={pooling}", "cross_modal_weight=0.5")).eval()
    batch = workshop.batch("merl")
    result = method(batch)
    if pooling == "attention":
        frames = method.encoder(batch["ecg"]) @ method.reduction.weight.t() + method.reduction.bias
        features, ecg = frames.mean(1), method.pooler(frames)
    else:
        features = ecg = method.projector(method.encoder(batch["ecg"]).mean(1))
    text = method.text(batch["tokens"], batch["sentence"]).latent
    torch.testing.assert_close(result["cross_modal"], both_ways(ecg, text))
    copies = [features @ copy[0].weight.t() for copy in method.copies]
    torch.testing.assert_close(result["uni_modal"], both_ways(*copies))
    torch.testing.assert_close(result["loss"], 0.5 * result["cross_modal"] + result["uni_modal"])


@torch.no_grad()
def test_the_two_copies_have_dropouts_of_their_own(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    method: Any = workshop.method("merl").train()
    for copy in method.copies:
        copy[0].weight.copy_(torch.eye(len(copy[0].weight)))
        copy[1].p = 0.5
    seen, contrast = [], melp.methods.merl.batch_contrast

    def watched(first: torch.Tensor, second: torch.Tensor, *others: Any) -> torch.Tensor:
        seen.append((first, second))
        return contrast(first, second, *others)

    monkeypatch.setattr(melp.methods.merl, "batch_contrast", watched)
    batch = workshop.batch("merl")
    method(batch)
    first, second = seen[-1]
    features = method._features(batch["ecg"])[0]
    for copy in (first, second):
        assert 0.3 < float((copy == 0).float().mean()) < 0.7
        torch.testing.assert_close(copy, torch.where(copy == 0, 0, 2 * features))
    # Two independent masks of one half each differ in a half of the places.
    assert 0.3 < float(((first == 0) != (second == 0)).float().mean()) < 0.7


def test_the_option_is_the_rate_of_both_dropouts() -> None:
    torch.manual_seed(0)
    language = LanguageModel.from_scratch(TEXTS, 100, BERT)
    sizes = {"dim": 16, "pooler_heads": 2, "frozen_layers": 0, "text_length": 50}
    config = MERLConfig(encoder="resnet18_narrow", feature_dropout=0.3, **sizes)
    method: Any = MERL(config, Inputs(samples=1000, rate=100, language=language))
    assert [copy[1].p for copy in method.copies] == [0.3, 0.3]


@torch.no_grad()
def test_texts_and_ecgs_share_a_space(workshop: Workshop) -> None:
    method: Any = workshop.method("merl").eval()
    together = method.embed_text(TEXTS)
    torch.testing.assert_close(together, torch.cat([method.embed_text([text]) for text in TEXTS]))
    ecg = method.project_ecg(workshop.batch("merl")["ecg"])
    assert ecg.shape == (8, 32) and together.shape == (4, 32)
    assert [*ecg.norm(dim=1).tolist(), *together.norm(dim=1).tolist()] == pytest.approx([1] * 12)


def test_only_layers_above_the_frozen_ones_are_trained(workshop: Workshop) -> None:
    method: Any = workshop.method("merl", ("frozen_layers=1",))
    method(workshop.batch("merl"))["loss"].backward()
    frozen, trained = method.text.bert.layers
    assert all(weight.grad is None for weight in frozen.parameters())
    assert all(weight.grad is not None for weight in trained.parameters())


def test_wrong_options_are_refused(workshop: Workshop) -> None:
    with pytest.raises(MelpError, match="both losses have weight 0"):
        workshop.method("merl", ("cross_modal_weight=0", "uni_modal_weight=0"))
    with pytest.raises(MelpError, match=r"text_length: 200 found, wanted at most 160"):
        workshop.method("merl", ("text_length=200",))
    with pytest.raises(MelpError, match=r"method\.pooling: 'max' found, wanted one of attention, mean"):
        workshop.method("merl", ("pooling=max",))
