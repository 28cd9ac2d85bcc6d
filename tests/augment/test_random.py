"""Randomness keyed by record."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from melp.augment.leads import mask_leads
from melp.augment.random import combine, mix, normal, uniform
from melp.augment.streams import Stream


def splitmix(state: int) -> int:
    """Return the output function of splitmix64, in Python's unbounded integers."""
    x = state
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) % 2**64
    return x ^ (x >> 31)


@given(st.integers(-(2**63), 2**63 - 1))
def test_mix_is_splitmix64(value: int) -> None:
    assert int(mix(torch.tensor([value]))[0]) % 2**64 == splitmix(value % 2**64)


def test_uniform_is_uniform_and_uncorrelated() -> None:
    draws = uniform(torch.arange(2000), 50, stream=Stream.JITTER)
    assert abs(draws.mean() - 0.5) < 0.003
    assert abs(draws.var() - 1 / 12) < 0.002
    assert draws.min() >= 0
    assert draws.max() < 1
    between = torch.corrcoef(draws.t())
    assert (between - torch.eye(50)).abs().max() < 0.12
    assert abs(torch.corrcoef(torch.stack([draws[:-1].flatten(), draws[1:].flatten()]))[0, 1]) < 0.01


def test_uniform_depends_on_key_and_stream_only() -> None:
    keys = torch.tensor([5, 7, 9])
    draws = uniform(keys, 3, 4, stream=Stream.JITTER)
    assert torch.equal(uniform(keys.flip(0), 3, 4, stream=Stream.JITTER), draws.flip(0))
    assert not torch.equal(uniform(keys, 3, 4, stream=Stream.SEGMENT_CUTS), draws)
    assert int(combine(1, 2)) != int(combine(2, 1))


def test_mask_leads_fills_with_the_baseline_and_never_masks_all() -> None:
    ecg = torch.randn(500, 12, 101)
    masked = mask_leads(ecg, torch.arange(500), 0.9)
    blank = (masked == ecg.median(-1, keepdim=True).values).all(-1)
    kept = (masked == ecg).all(-1)
    assert (blank | kept).all()
    assert kept.any(1).all()
    assert 0.86 < blank.float().mean() < 0.92
    assert torch.equal(mask_leads(ecg, torch.arange(500), 0.0), ecg)
    assert (mask_leads(ecg, torch.arange(500), 0.9, "zero")[blank] == 0).all()


def test_combine_accepts_tensors_and_numbers() -> None:
    keys = torch.tensor([3, -(2**62)])
    combined = combine(keys, 7, torch.tensor(9))
    assert combined.tolist() == [int(combine(3, 7, 9)), int(combine(-(2**62), 7, 9))]
    # The meta device represents any device but the CPU: results must stay on it.
    assert combine(keys.to("meta"), 7).device.type == "meta"
    assert (
        normal(keys.to("meta"), 3, stream=Stream.JITTER).device.type
        == uniform(keys.to("meta"), 3, stream=Stream.JITTER).device.type
        == "meta"
    )


def test_normal_is_normal_and_uncorrelated() -> None:
    draws = normal(torch.arange(2000), 51, stream=Stream.JITTER)
    assert draws.shape == (2000, 51)
    sorted_draws = draws.flatten().double().sort().values
    wanted = torch.distributions.Normal(0.0, 1.0).cdf(sorted_draws)
    ranks = (torch.arange(len(wanted)) + 0.5) / len(wanted)
    # Kolmogorov and Smirnov: a chance of 0.001 to exceed 1.95 over the root of the count.
    assert (wanted - ranks).abs().max() < 1.95 / len(wanted) ** 0.5
    between = torch.corrcoef(draws.t())
    assert (between - torch.eye(51)).abs().max() < 0.12
    # Both numbers of a pair have the same radius: their squares must not be correlated either.
    assert (torch.corrcoef(draws.square().t()) - torch.eye(51)).abs().max() < 0.12
    assert draws.abs().max() < 5.8


def test_normal_depends_on_key_and_stream_only() -> None:
    keys = torch.tensor([5, 7, 9])
    draws = normal(keys, 3, 4, stream=Stream.JITTER)
    assert torch.equal(normal(keys.flip(0), 3, 4, stream=Stream.JITTER), draws.flip(0))
    assert torch.equal(normal(keys[1:2], 3, 4, stream=Stream.JITTER), draws[1:2])
    assert not torch.equal(normal(keys, 3, 4, stream=Stream.SEGMENT_CUTS), draws)
