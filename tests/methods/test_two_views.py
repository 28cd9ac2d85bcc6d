"""SimCLR, BYOL, SimSiam, Barlow Twins and MoCo v3: views, losses by their papers' words, slow followers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from melp.augment import AUGMENTATIONS, make_view
from melp.errors import MelpError
from melp.losses.barlow_twins import barlow_twins_loss
from melp.losses.nt_xent import nt_xent
from melp.methods import MovingAverage, rising_momentum, two_views
from small_methods import Workshop

NAMES = ("barlow_twins", "byol", "moco_v3", "simclr", "simsiam")
every = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


@every
def test_views_are_those_of_the_options_and_differ(workshop: Workshop, name: str) -> None:
    options = ("augmentation=fairseq_signals", "augmentation_options={muscle_amplitude: 0.01, crop: 1}")
    method: Any = workshop.method(name, options)
    batch = workshop.batch(name)
    first, second = two_views(batch, method.config, method.inputs)
    assert not torch.equal(first, second)
    changed = {**vars(AUGMENTATIONS["fairseq_signals"]), "muscle_amplitude": 0.01, "crop": 1}
    wanted = make_view(batch["ecg"], batch["key"], type(AUGMENTATIONS["none"])(**changed), 100, 1)
    torch.testing.assert_close(second, wanted)


@every
@torch.no_grad()
def test_a_validation_loss_is_of_views_that_are_always_the_same(workshop: Workshop, name: str) -> None:
    method, batch = workshop.method(name).eval(), workshop.batch(name)
    other = {**batch, "key": batch["key"] + 1}
    losses = [float(method(each)["loss"]) for each in (batch, batch, other)]
    assert losses[0] == losses[1] != losses[2]


@every
def test_wrong_options_are_named(workshop: Workshop, name: str) -> None:
    with pytest.raises(MelpError, match=r"method\.augmentation: 'rotate' found, wanted one of"):
        workshop.method(name, ("augmentation=rotate",))
    with pytest.raises(MelpError, match="augmentation: 'blur' found, wanted one of crop"):
        workshop.method(name, ("augmentation_options={blur: 1}",))
    with pytest.raises(MelpError, match=r"method\.dim: 0 found, wanted more than 0"):
        workshop.method(name, ("dim=0",))
    with pytest.raises(MelpError, match=r"method\.probe: 'beats' found"):
        workshop.method(name, ("probe=beats",))


def unit_distance(prediction: Tensor, target: Tensor) -> Tensor:
    return (F.normalize(prediction, dim=1) - F.normalize(target, dim=1)).square().sum(1).mean()


def by_hand(name: str, method: Any, views: tuple[Tensor, Tensor]) -> Tensor:
    """The loss of a method in evaluation mode, from its parts."""
    projected = [method.projector(method.encoder(view).mean(1)) for view in views]
    if name == "simclr":
        return nt_xent(*projected, 0.1)
    if name == "barlow_twins":
        return barlow_twins_loss(*projected, 0.005)
    predicted = [method.predictor(each) for each in projected]
    if name == "simsiam":
        cosines = [F.cosine_similarity(predicted[view], projected[1 - view]).mean() for view in (0, 1)]
        return -(cosines[0] + cosines[1]) / 2
    if name == "byol":
        # At the beginning the target is the online network.
        return unit_distance(predicted[0], projected[1]) + unit_distance(predicted[1], projected[0])
    total = torch.zeros(())
    for view in (0, 1):
        queries, keys = F.normalize(predicted[view], dim=1), F.normalize(projected[1 - view], dim=1)
        total = total + 2 * 0.2 * F.cross_entropy(queries @ keys.t() / 0.2, torch.arange(len(keys)))
    return total


@every
@torch.no_grad()
def test_the_loss_is_what_the_method_says_in_words(workshop: Workshop, name: str) -> None:
    method, batch = workshop.method(name).eval(), workshop.batch(name)
    views = two_views(batch, method.config, method.inputs)
    torch.testing.assert_close(method(batch)["loss"], by_hand(name, method, views))


@pytest.mark.parametrize(("name", "follower"), [("byol", "target"), ("moco_v3", "momentum")])
def test_the_follower_keeps_its_share_and_has_no_gradient(
    workshop: Workshop, name: str, follower: str
) -> None:
    method: Any = workshop.method(name)
    followers = [getattr(method, f"{follower}_{part}") for part in ("encoder", "projector")]
    before = [[weight.clone() for weight in each.parameters()] for each in followers]
    method(workshop.batch(name))["loss"].backward()
    with torch.no_grad():
        for weight in method.parameters():
            if weight.grad is not None:
                weight -= 0.1 * weight.grad
    method.after_step(5, 10)
    for each, source, old in zip(followers, (method.encoder, method.projector), before, strict=True):
        for mine, theirs, was in zip(each.parameters(), source.parameters(), old, strict=True):
            assert mine.grad is None and not mine.requires_grad
            # Half way, the momentum is half way from 0.99 to 1.
            torch.testing.assert_close(mine, 0.995 * was + 0.005 * theirs)
    assert any(not torch.equal(a, b) for a, b in zip(before[0], followers[0].parameters(), strict=True))
    trained = {id(weight) for group in method.param_groups() for weight in group["params"]}
    assert not trained & {id(weight) for each in followers for weight in each.parameters()}


def test_momentum_rises_to_one() -> None:
    rising = [rising_momentum(0.9, step, 20) for step in range(21)]
    assert rising[0] == pytest.approx(0.9) and rising[10] == pytest.approx(0.95) and rising[20] == 1
    assert rising == sorted(rising)


def test_a_moving_average_is_no_part_of_its_source() -> None:
    source = nn.Linear(2, 2)
    average = MovingAverage(source)
    assert {name for name, _ in average.named_parameters()} == {"network.weight", "network.bias"}
    source.weight.data += 1
    average.update(1.0)
    assert not torch.equal(average.network.weight, source.weight)
    average.reset()
    assert torch.equal(average.network.weight, source.weight)
    assert not average(torch.ones(1, 2, requires_grad=True)).requires_grad


def test_simsiam_stops_the_gradient_of_what_is_predicted(workshop: Workshop) -> None:
    method: Any = workshop.method("simsiam")
    batch = workshop.batch("simsiam")
    first, second = two_views(batch, method.config, method.inputs)
    projected = [method.projector(method.encoder.embed(view)) for view in (first, second)]
    for each in projected:
        each.retain_grad()
    method.zero_grad()
    prediction = method.predictor(projected[0])
    F.cosine_similarity(prediction, projected[1].detach()).mean().neg().backward()
    assert projected[1].grad is None and projected[0].grad is not None


@pytest.mark.parametrize("name", ["byol", "simsiam"])
def test_the_predictor_has_a_rate_of_its_own(workshop: Workshop, name: str) -> None:
    method: Any = workshop.method(name, ("predictor_rate=10",))
    rates = {
        id(weight): (group["lr_factor"], group.get("weight_decay"))
        for group in method.param_groups()
        for weight in group["params"]
    }
    inside = {id(weight) for weight in method.predictor.parameters()}
    for weight in (weight for weight in method.parameters() if weight.requires_grad):
        decay = None if weight.ndim > 1 else 0.0
        assert rates[id(weight)] == (10.0 if id(weight) in inside else 1.0, decay)
