"""Views: transforms and their probabilities, keyed by record and stream."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
import torch

from melp.augment import AUGMENTATIONS, Augmentation, make_view
from melp.augment.leads import mask_leads
from melp.augment.random import combine
from melp.augment.views import _TRANSFORMS
from melp.errors import MelpError

RATE = 250
KEYS = combine(torch.arange(60), 11)
ALL = Augmentation(**dict.fromkeys(_TRANSFORMS, 0.5))
TRANSFORMS = list(_TRANSFORMS)


@pytest.fixture(scope="module")
def ecg() -> torch.Tensor:
    return torch.randn(60, 12, 500, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", [*AUGMENTATIONS, "all"])
def test_view_depends_on_recording_key_and_stream(ecg: torch.Tensor, name: str) -> None:
    augmentation = AUGMENTATIONS.get(name, ALL)
    view = make_view(ecg, KEYS, augmentation, RATE)
    assert view.shape == ecg.shape and view.dtype == ecg.dtype and bool(view.isfinite().all())
    order = torch.randperm(60, generator=torch.Generator().manual_seed(2))
    assert torch.equal(make_view(ecg[order], KEYS[order], augmentation, RATE), view[order])
    alone = torch.cat([make_view(ecg[i : i + 1], KEYS[i : i + 1], augmentation, RATE) for i in range(60)])
    assert torch.equal(alone, view)
    second = make_view(ecg, KEYS, augmentation, RATE, stream=1)
    changed = make_view(ecg, KEYS + 1, augmentation, RATE)
    if name == "none":
        assert torch.equal(view, ecg) and torch.equal(second, ecg)
    else:
        assert not torch.equal(view, changed)
        assert ((view - second).abs().amax((1, 2)) > 0).float().mean() > 0.95


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_have_their_probability(ecg: torch.Tensor, name: str) -> None:
    keys = combine(torch.arange(600), 5)
    many = ecg.repeat(10, 1, 1)
    never = make_view(many, keys, Augmentation(), RATE)
    always = make_view(many, keys, Augmentation(**{name: 1.0}), RATE)
    often = make_view(many, keys, Augmentation(**{name: 0.3}), RATE)
    assert torch.equal(never, many)
    if name == "lead_masking":
        blank = (often == many.median(-1, keepdim=True).values).all(-1)
        assert abs(blank.float().mean() - 0.3) < 0.03
        return
    changed = (often != many).flatten(1).any(1)
    assert torch.equal(often[changed], always[changed]), "applied completely or not at all"
    moved = (always != many).flatten(1).any(1).float().mean()
    # A random order of 1 to 7 segments equals the original one with probability 1/7 (1/1! + ... + 1/7!).
    assert abs(moved - 0.755) < 0.05 if name == "permutation" else moved > 0.98
    assert abs(changed.float().mean() - 0.3 * moved) < 0.06


def test_transforms_draw_independently(ecg: torch.Tensor) -> None:
    """Two transforms of probability 1/2 are both applied to a quarter of the records."""
    keys = combine(torch.arange(600), 6)
    many = ecg.repeat(10, 1, 1)
    jittered = (make_view(many, keys, Augmentation(jitter=0.5), RATE) != many).flatten(1).any(1)
    scaled = (make_view(many, keys, Augmentation(scaling=0.5), RATE) != many).flatten(1).any(1)
    assert abs((jittered & scaled).float().mean() - 0.25) < 0.06


def test_amplitudes_are_in_units_of_the_ecg(ecg: torch.Tensor) -> None:
    for name in ("wander", "shift", "power_line", "muscle", "jitter"):
        field = f"{name}_{'deviation' if name == 'jitter' else 'amplitude'}"
        small, large = (
            make_view(ecg, KEYS, Augmentation(**{name: 1.0, field: size}), RATE) - ecg for size in (0.1, 0.2)
        )
        assert torch.allclose(large, 2 * small, atol=1e-5) and small.abs().max() > 0.04


def test_lead_masking_comes_last_and_keeps_a_lead(ecg: torch.Tensor) -> None:
    view = make_view(ecg, KEYS, replace(ALL, muscle=1.0, lead_masking=0.9, fill="zero"), RATE)
    blank = (view == 0).all(-1)
    assert blank.float().mean() > 0.8 and not blank.all(1).any()
    number = TRANSFORMS.index("lead_masking")
    assert number == len(TRANSFORMS) - 1
    only = make_view(ecg, KEYS, Augmentation(lead_masking=0.4), RATE, stream=1)
    assert torch.equal(only, mask_leads(ecg, combine(KEYS, 1, number), 0.4))


def test_half_precision_and_gradient(ecg: torch.Tensor) -> None:
    assert make_view(ecg.bfloat16(), KEYS, ALL, RATE).dtype == torch.bfloat16
    signal = ecg[:4].clone().requires_grad_()
    make_view(signal, KEYS[:4], ALL, RATE).square().sum().backward()
    assert signal.grad is not None and bool(signal.grad.isfinite().all())


def test_on_another_device() -> None:
    """The meta device computes nothing, but refuses tensors of other devices."""
    ecg, keys = torch.zeros(4, 12, 500, device="meta"), torch.zeros(4, dtype=torch.int64, device="meta")
    augmentation = Augmentation(**{name: 0.5 for name in TRANSFORMS if name != "power_line"})
    assert make_view(ecg, keys, augmentation, RATE).device.type == "meta"


def test_electrode_noise_depends_on_the_names_of_leads(ecg: torch.Tensor) -> None:
    leads = ("I", "aVF", "V2")
    three = make_view(ecg[:, [0, 5, 7]], KEYS, Augmentation(muscle=1.0), RATE, leads=leads)
    twelve = make_view(ecg, KEYS, Augmentation(muscle=1.0), RATE)
    assert torch.allclose(three, twelve[:, [0, 5, 7]], atol=1e-6)
    with pytest.raises(MelpError, match="augmentation: 3 leads found, wanted 12"):
        make_view(ecg[:, :3], KEYS, Augmentation(muscle=1.0), RATE)
    assert make_view(ecg[:, :3], KEYS, Augmentation(crop=1.0), RATE).shape == (60, 3, 500)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"crop": 1.5}, "augmentation.crop: 1.5 found, wanted 0 to 1"),
        ({"crop_shortest": 0.0}, "augmentation.crop_shortest: 0.0 found, wanted more than 0"),
        ({"jitter_deviation": -1.0}, "augmentation.jitter_deviation: -1.0 found, wanted 0 or more"),
        ({"permutation_segments": 0}, "augmentation.permutation_segments: 0 found, wanted 1 or more"),
        ({"fill": "noise"}, "augmentation.fill: 'noise' found, wanted one of isoelectric, zero"),
        ({"crops": 1.0}, "augmentation: 'crops' found, wanted one of crop, crop_shortest"),
        ({"crop": "often"}, "augmentation: .*often.* found, wanted numbers"),
    ],
)
def test_invalid_values_raise(values: dict[str, object], message: str) -> None:
    with pytest.raises(MelpError, match=message):
        Augmentation.from_dict(values)


def test_to_a_dict_and_back() -> None:
    for augmentation in AUGMENTATIONS.values():
        assert Augmentation.from_dict(asdict(augmentation)) == augmentation
    assert Augmentation.from_dict({}) == Augmentation() == AUGMENTATIONS["none"]
