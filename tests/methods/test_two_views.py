"""SimCLR, BYOL, SimSiam, Barlow Twins and MoCo v3: views, losses and moving averages."""

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
every_method = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


@every_method
def test_views_follow_the_options_and_differ(workshop: Workshop, name: str) -> None:
    options = ("augmentation=fairseq_signals", "augmentation_options={muscle_amplitude: 0.01, crop: 1}")
    method: Any = workshop.method(name, options)
    batch = workshop.batch(name)
    first, second = two_views(batch, method.config, method.inputs)
    assert not torch.equal(first, second)
    changed = {**vars(AUGMENTATIONS["fairseq_signals"]), "muscle_amplitude": 0.01, "crop": 1}
    expected = make_view(batch["ecg"], batch["key"], type(AUGMENTATIONS["none"])(**changed), 100, 1)
    torch.testing.assert_close(second, expected)


@every_method
@torch.no_grad()
def test_views_depend_on_the_key_only(workshop: Workshop, name: str) -> None:
    method, batch = workshop.method(name).eval(), workshop.batch(name)
    other_keys = {**batch, "key": batch["key"] + 1}
    losses = [float(method(inputs)["loss"]) for inputs in (batch, batch, other_keys)]
    assert losses[0] == losses[1] != losses[2]


@every_method
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


TARGETS = {"byol": "target", "moco_v3": "momentum"}
"""Methods with moving averages, and the prefix of their names."""


def by_hand(name: str, method: Any, views: tuple[Tensor, Tensor]) -> Tensor:
    """Return the loss of a method, computed from its parts."""
    projected = targets = [method.projector(method.encoder(view).mean(1)) for view in views]
    if name in TARGETS:
        average = [getattr(method, f"{TARGETS[name]}_{part}").network for part in ("encoder", "projector")]
        targets = [average[1](average[0](view).mean(1)) for view in views]
    if name == "simclr":
        return nt_xent(*projected, 0.1)
    if name == "barlow_twins":
        return barlow_twins_loss(*projected, 0.005)
    predicted = [method.predictor(vectors) for vectors in projected]
    if name == "simsiam":
        cosines = [F.cosine_similarity(predicted[view], targets[1 - view]).mean() for view in (0, 1)]
        return -(cosines[0] + cosines[1]) / 2
    if name == "byol":
        return unit_distance(predicted[0], targets[1]) + unit_distance(predicted[1], targets[0])
    total = torch.zeros(())
    for view in (0, 1):
        queries, keys = F.normalize(predicted[view], dim=1), F.normalize(targets[1 - view], dim=1)
        total = total + 2 * 0.2 * F.cross_entropy(queries @ keys.t() / 0.2, torch.arange(len(keys)))
    return total


def sharpen(name: str, method: Any) -> Any:
    """Return the method in training, so that batch norm separates recordings, with targets of their own.

    A new network in evaluation gives all recordings and views nearly the same vector (cosine 0.9999), and its
    target is the network itself: exchanged views or networks would go unnoticed.
    """
    generator = torch.Generator().manual_seed(0)
    for part in ("encoder", "projector") if name in TARGETS else ():
        for weight in getattr(method, f"{TARGETS[name]}_{part}").network.parameters():
            weight.data += 0.5 * weight.std().nan_to_num(1) * torch.randn(weight.shape, generator=generator)
    return method.train()


@every_method
@torch.no_grad()
def test_loss_matches_the_docstring(workshop: Workshop, name: str) -> None:
    method, batch = sharpen(name, workshop.method(name)), workshop.batch(name)
    first, second = two_views(batch, method.config, method.inputs)
    loss = method(batch)["loss"]
    torch.testing.assert_close(loss, by_hand(name, method, (first, second)))
    for wrong in ((first, first), (second, second)):
        assert float(loss) != pytest.approx(float(by_hand(name, method, wrong)), rel=1e-3)


@pytest.mark.parametrize("name", TARGETS)
@torch.no_grad()
def test_targets_are_of_the_other_view_and_of_the_moving_average(workshop: Workshop, name: str) -> None:
    method, batch = sharpen(name, workshop.method(name)), workshop.batch(name)
    first, second = two_views(batch, method.config, method.inputs)
    loss, parts = float(method(batch)["loss"]), (method.encoder, method.projector)
    average = [getattr(method, f"{TARGETS[name]}_{part}") for part in ("encoder", "projector")]
    for own, source in zip(average, parts, strict=True):
        own.network.load_state_dict(source.state_dict())
    assert loss != pytest.approx(float(by_hand(name, method, (first, second))), rel=1e-3), (
        "the average counts"
    )


@pytest.mark.parametrize(("name", "prefix"), [("byol", "target"), ("moco_v3", "momentum")])
def test_moving_average_keeps_its_momentum_and_has_no_gradient(
    workshop: Workshop, name: str, prefix: str
) -> None:
    method: Any = workshop.method(name)
    averages = [getattr(method, f"{prefix}_{part}") for part in ("encoder", "projector")]
    before = [[weight.clone() for weight in average.parameters()] for average in averages]
    method(workshop.batch(name))["loss"].backward()
    with torch.no_grad():
        for weight in method.parameters():
            if weight.grad is not None:
                weight -= 0.1 * weight.grad
    method.after_step(5, 10)
    for average, source, old in zip(averages, (method.encoder, method.projector), before, strict=True):
        for mine, theirs, was in zip(average.parameters(), source.parameters(), old, strict=True):
            assert mine.grad is None and not mine.requires_grad
            # After half of the steps the momentum is halfway from 0.99 to 1.
            torch.testing.assert_close(mine, 0.995 * was + 0.005 * theirs)
    assert any(not torch.equal(a, b) for a, b in zip(before[0], averages[0].parameters(), strict=True))
    trained = {id(weight) for group in method.param_groups() for weight in group["params"]}
    assert not trained & {id(weight) for average in averages for weight in average.parameters()}


def test_momentum_rises_to_one() -> None:
    rising = [rising_momentum(0.9, step, 20) for step in range(21)]
    assert rising[0] == pytest.approx(0.9) and rising[10] == pytest.approx(0.95) and rising[20] == 1
    assert rising == sorted(rising)


def test_moving_average_is_not_a_submodule_of_its_source() -> None:
    source = nn.Linear(2, 2)
    average = MovingAverage(source)
    assert {name for name, _ in average.named_parameters()} == {"network.weight", "network.bias"}
    source.weight.data += 1
    average.update(1.0)
    assert not torch.equal(average.network.weight, source.weight)
    average.reset()
    assert torch.equal(average.network.weight, source.weight)
    assert not average(torch.ones(1, 2, requires_grad=True)).requires_grad


@pytest.mark.parametrize("stopped", [True, False])
def test_simsiam_stops_the_gradient_of_the_target(workshop: Workshop, stopped: bool) -> None:
    """The gradient is that of a loss with constant targets, and not that of the same loss without."""
    method: Any = workshop.method("simsiam").train()
    batch, weights = workshop.batch("simsiam"), list(method.parameters())
    found = torch.autograd.grad(method(batch)["loss"], weights)
    views = two_views(batch, method.config, method.inputs)
    projected = [method.projector(method.encoder.embed(view)) for view in views]
    targets = [vectors.detach() if stopped else vectors for vectors in projected]
    cosines = [
        F.cosine_similarity(method.predictor(projected[view]), targets[1 - view]).mean() for view in (0, 1)
    ]
    expected = torch.autograd.grad(-(cosines[0] + cosines[1]) / 2, weights)
    same = [torch.allclose(a, b, rtol=1e-3, atol=1e-5) for a, b in zip(found, expected, strict=True)]
    assert all(same) if stopped else not all(same)


@pytest.mark.parametrize("name", ["byol", "simsiam"])
def test_predictor_has_its_own_learning_rate(workshop: Workshop, name: str) -> None:
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
