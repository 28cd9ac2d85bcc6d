"""Which parameters weight decay shrinks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from melp.methods import list_methods
from melp.nn.classifier import Classifier
from melp.nn.parameters import weight_decay_groups
from melp.text.pretraining import MaskedLanguageModel
from melp.training.config import OptimiserConfig
from melp.training.module import PretrainingModule
from small_methods import Workshop

LAYERS = {"Conv1d.weight", "Linear.weight"}
MORE = {
    "melp": {"MELP.beat_projection", "ReportDecoder.output"},
    "ecg_fm": {"ParametrizationList.original1"},
}
"""Decayed matrices other than the weights of linear layers and convolutions."""
KEPT = {
    "melp": {"AttentionPooler.query", "Embedding.weight"},
    "merl": {"ClassTokenPooler.positions", "Embedding.weight"},
    "ecg_fm": {"GumbelQuantiser.codebooks", "ParametrizationList.original0"},
    "heartlang": {"Embedding.weight", "HeartLangEncoder.positions"},
    "crt": {
        "CrossReconstructionTransformer.class_tokens",
        *(f"PlaceEmbeddings.{part}" for part in ("frequencies", "modalities", "times")),
    },
    "st_mem": {"SpatioTemporalViT.lead_embeddings"},
}
"""Tables, learned inputs and magnitudes, which are not decayed."""


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


def kinds(module: nn.Module, groups: list[dict[str, Any]]) -> tuple[set[str], set[str]]:
    """Return the kinds of the decayed parameters, and those of the others that are not vectors or scalars."""
    decayed = {id(weight) for group in groups if "weight_decay" not in group for weight in group["params"]}
    names: dict[bool, set[str]] = {True: set(), False: set()}
    for part in module.modules():
        for name, weight in part.named_parameters(recurse=False):
            if weight.requires_grad and (weight.ndim > 1 or id(weight) in decayed):
                names[id(weight) in decayed].add(f"{type(part).__name__}.{name}")
    return names[True], names[False]


@pytest.mark.parametrize("name", list_methods())
def test_decayed_parameters_of_every_method(workshop: Workshop, name: str) -> None:
    method = workshop.method(name)
    groups = method.param_groups()
    layers = {"Linear.weight"} if name == "st_mem" else LAYERS
    assert kinds(method, groups) == (layers | MORE.get(name, set()), KEPT.get(name, set()))
    assert all(group.get("weight_decay", 0.0) == 0.0 for group in groups)
    found = sorted(id(weight) for group in groups for weight in group["params"])
    assert found == sorted(id(weight) for weight in method.parameters() if weight.requires_grad)


def test_language_model_and_classifier(workshop: Workshop) -> None:
    model = MaskedLanguageModel(workshop.language)
    assert kinds(model, model.param_groups()) == ({"Linear.weight"}, {"Embedding.weight"})
    classifier = Classifier(workshop.method("crt").encoder, 2)
    assert kinds(classifier, classifier.param_groups()) == (LAYERS, KEPT["crt"])


def test_words_that_no_report_has_keep_their_embedding(workshop: Workshop) -> None:
    method = workshop.method("melp").train()
    module = PretrainingModule(method, OptimiserConfig(lr=0.01, weight_decay=0.5, warmup=0), 10, 0)
    optimiser, batch = module.configure_optimizers()["optimizer"], workshop.batch("melp")
    table: torch.Tensor = method.text.bert.word_embeddings.weight  # type: ignore[union-attr, assignment]
    before = table.detach().clone()
    for _ in range(3):
        optimiser.zero_grad()
        method(batch)["loss"].backward()
        optimiser.step()
    used = torch.zeros(len(table), dtype=torch.bool)
    used[torch.cat([batch["tokens"].flatten(), batch["report"].flatten()])] = True
    used[[method.text.special.cls, method.text.special.pad]] = True  # type: ignore[union-attr]
    assert 10 < int(used.sum()) < len(table) - 10
    assert torch.equal(table[~used], before[~used])
    assert (table[used] != before[used]).any(1).sum() > 10


class Own(nn.Module):
    """A module with matrices of its own, one of which is named."""

    matrices = ("mixing",)

    def __init__(self) -> None:
        super().__init__()
        self.mixing, self.query = nn.Parameter(torch.ones(2, 3)), nn.Parameter(torch.ones(2, 3))


class Scaled(nn.Linear):
    """A layer of another package."""


def test_rules() -> None:
    tied = nn.Linear(3, 4)
    embedding = nn.Embedding(4, 3)
    tied.weight = embedding.weight
    parts = nn.ModuleDict(
        {"own": Own(), "scaled": Scaled(2, 2), "norm": nn.LayerNorm((2, 3)), "tied": tied, "table": embedding,
         "weight_norm": weight_norm(nn.Conv1d(2, 2, 3), dim=2), "attention": nn.MultiheadAttention(4, 2)}
    )  # fmt: skip
    parts["frozen"] = nn.Linear(2, 2).requires_grad_(False)
    decayed, kept = weight_decay_groups(parts, lr_factor=0.5)
    names = {id(weight): name for name, weight in parts.named_parameters()}
    assert {names[id(weight)] for weight in decayed["params"]} == {
        "own.mixing", "scaled.weight", "weight_norm.parametrizations.weight.original1",
        "attention.in_proj_weight", "attention.out_proj.weight",
    }  # fmt: skip
    assert kept["weight_decay"] == 0.0 and decayed["lr_factor"] == kept["lr_factor"] == 0.5
    assert "own.query" in {names[id(weight)] for weight in kept["params"]}
    assert not any("frozen" in names[id(weight)] for group in (decayed, kept) for weight in group["params"])
