"""Every dropout of every method acts in training, at the rate of its option, and only there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from melp.methods import get_method, list_methods
from melp.methods._base import Method
from melp.nn import build_encoder, list_encoders
from melp.nn.bert import Bert, BertConfig
from melp.nn.wav2vec2 import Wav2Vec2Config, Wav2Vec2Encoder
from small_methods import Workshop


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


def dropouts(network: nn.Module) -> dict[str, tuple[nn.Module, str]]:
    """Return the module and the attribute of each dropout, by the name of the module."""
    found = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Dropout):
            found[name] = (module, "p")
        elif isinstance(getattr(module, "dropout", None), float):
            found[name] = (module, "dropout")
    return found


TRAINED = {"quest": ("text_trained=true",)}
"""The form in which a method trains all of its parts, if its recipe does not."""


def rates(network: nn.Module) -> dict[str, float]:
    return {name: getattr(module, rate) for name, (module, rate) in dropouts(network).items()}


def without_effect(method: Method, batch: dict[str, Any]) -> set[str]:
    """Return the dropouts that do not change the loss of a training step."""

    def loss() -> float:
        torch.manual_seed(0)
        return float(method.train()(batch)["loss"])

    expected, found = loss(), set()
    for place, (module, rate) in dropouts(method).items():
        setattr(module, rate, 0.5)
        if loss() == expected:
            found.add(place)
        setattr(module, rate, 0.0)
    assert loss() == expected
    return found


@torch.no_grad()
@pytest.mark.parametrize("name", list_methods())
def test_each_dropout_changes_the_loss_in_training(workshop: Workshop, name: str) -> None:
    batch = workshop.batch(name, size=4)
    stages = get_method(name).stages
    forms = [(f"stage={stage}",) for stage in stages] or [TRAINED.get(name, ())]
    assert not set.intersection(*(without_effect(workshop.method(name, form), batch) for form in forms))


@torch.no_grad()
@pytest.mark.parametrize("name", list_methods())
def test_no_dropout_changes_the_loss_in_evaluation(workshop: Workshop, name: str) -> None:
    method, batch = workshop.method(name).eval(), workshop.batch(name, size=4)
    expected = method(batch)["loss"]
    for module, rate in dropouts(method).values():
        setattr(module, rate, 0.5)
    assert method(batch)["loss"].equal(expected)


@pytest.mark.parametrize("name", list_encoders())
def test_options_are_the_rates_of_an_encoder(name: str) -> None:
    encoder: Any = build_encoder(name, 12, 1000, 100)
    given = {"dropout": 0.25, "attention_dropout": 0.125}
    options = {option: rate for option, rate in given.items() if hasattr(encoder.config, option)}
    plain, changed = rates(encoder), rates(build_encoder(name, 12, 1000, 100, **options))
    assert plain.keys() == changed.keys()
    for place, rate in changed.items():
        if rate != 0:
            expected = "attention_dropout" if place.endswith("attention") else "dropout"
            assert rate == options[expected], place
    assert {"dropout"} & options.keys() == set() or 0.25 in changed.values()


def test_rates_of_wav2vec2_and_bert_place_by_place() -> None:
    sizes = {
        "dim": 16,
        "heads": 2,
        "layers": 1,
        "feedforward": 32,
        "dropout": 0.25,
        "attention_dropout": 0.125,
    }
    networks = (
        Wav2Vec2Encoder(Wav2Vec2Config(conv_channels=16, position_kernel=4, position_groups=2, **sizes)),
        Bert(BertConfig(vocabulary=9, positions=9, **sizes)),
    )
    for network in networks:
        assert rates(network) == {
            "dropout": 0.25,
            "layers.0.attention": 0.125,
            "layers.0.dropout": 0.25,
            "layers.0.hidden_dropout": 0.0,
        }


@torch.no_grad()
def test_places_of_the_dropout_that_wav2vec2_and_ecg_fm_share(workshop: Workshop) -> None:
    """One module serves three places: at rate 1, all three give zeros."""
    method: Any = workshop.method("ecg_fm").train()
    method.encoder.dropout.p = 1.0
    seen = {}
    method.encoder.layers.register_forward_pre_hook(lambda _, given: seen.update(positions=given[0]))
    method.quantiser.register_forward_pre_hook(lambda _, given: seen.update(targets=given[0]))
    batch = workshop.batch("ecg_fm", size=4)
    method(batch)
    seen["projection"] = method.encoder.project(method.encoder.conv_features(batch["ecg"]))
    assert len(seen) == 3
    for place, frames in seen.items():
        assert not frames.any(), place
