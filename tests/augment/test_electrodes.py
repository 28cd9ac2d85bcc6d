"""Noise of the nine electrodes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from melp.augment.electrodes import (
    add_to_electrodes,
    baseline_shift,
    baseline_wander,
    muscle_noise,
    power_line,
)
from melp.augment.random import combine
from melp.ecg import LEADS
from melp.errors import MelpError
from melp.lead_order import limb_residuals

RATE, TIME = 500, 5000
KEYS = combine(torch.arange(40), 3)


def noises(keys: Tensor) -> dict[str, Tensor]:
    return {
        "wander": baseline_wander(keys, TIME, RATE, 0.5),
        "shift": baseline_shift(keys, TIME, 0.25),
        "power_line": power_line(keys, TIME, RATE, 0.5),
        "muscle": muscle_noise(keys, TIME, 0.5),
    }


@pytest.mark.parametrize("kind", ["wander", "shift", "power_line", "muscle"])
def test_limb_leads_stay_consistent(kind: str) -> None:
    clean = add_to_electrodes(torch.zeros(3, 12, TIME), torch.randn(3, 9, TIME))
    noise = noises(KEYS[:3])[kind]
    noisy = add_to_electrodes(clean, noise)
    for signal, before in zip(noisy.double().numpy(), clean.double().numpy(), strict=True):
        assert np.abs(signal - before).max() > 0.02
        assert np.abs(limb_residuals(signal[:6])).max() < 1e-5
        # Wilson: the mean of the limb electrodes is subtracted from V1 to V6.
        assert np.abs(signal[6:] - before[6:]).max() < 4
    six = add_to_electrodes(clean[:, :6], noise, LEADS[:6])
    assert torch.equal(six, noisy[:, :6])


@pytest.mark.parametrize("kind", ["wander", "shift", "power_line", "muscle"])
def test_noise_does_not_depend_on_the_batch(kind: str) -> None:
    batch = noises(KEYS)[kind]
    assert batch.shape == (40, 9, TIME) and bool(batch.isfinite().all())
    assert torch.equal(noises(KEYS[7:8])[kind], batch[7:8])
    assert torch.equal(noises(KEYS.flip(0))[kind], batch.flip(0))
    assert all(not torch.equal(batch[0], noise) for noise in batch[1:])


def spectrum(noise: Tensor) -> Tensor:
    return torch.fft.rfft(noise).abs()


def test_power_line_is_a_tone_of_50_or_60_hz() -> None:
    noise = power_line(KEYS, TIME, RATE, 0.5)
    peaks = spectrum(noise).argmax(-1) * RATE / TIME
    assert set(peaks.flatten().tolist()) == {50.0, 60.0}
    assert (peaks == peaks[:, :1]).all(), "one frequency per recording"
    heights = noise.abs().amax(-1)
    assert heights.max() <= 0.5 and abs(heights.mean() - 0.25) < 0.03
    only = spectrum(noise).square().topk(1).values.sum() / spectrum(noise).square().sum()
    assert only > 0.999


@pytest.mark.parametrize(("rate", "mains"), [(110, {50.0}), (250, {50.0, 60.0}), (100, {0.0}), (90, {0.0})])
def test_power_line_above_half_the_rate_is_left_out(rate: int, mains: set[float]) -> None:
    noise = power_line(KEYS, 10 * rate, rate, 0.5)
    assert noise.shape == (40, 9, 10 * rate)
    assert set((spectrum(noise).argmax(-1) / 10).flatten().tolist()) == mains
    assert bool(noise.any()) == (mains != {0.0})


def test_wander_is_slow_and_bounded() -> None:
    # 100 s, to distinguish 0.01 Hz from 0.
    noise = baseline_wander(KEYS, 10_000, 100, 0.5)
    power = spectrum(noise).square()
    assert power[..., :26].sum() / power.sum() > 0.99, "all below 0.25 Hz"
    assert 0.3 < noise.abs().max() <= 0.5
    faster = baseline_wander(KEYS, 10_000, 100, 0.5, band=(1.0, 2.0))
    power = spectrum(faster).square()
    assert power[..., 95:206].sum() / power.sum() > 0.99


def test_shift_is_one_step_at_every_electrode() -> None:
    noise = baseline_shift(KEYS, TIME, 0.25, 0.2)
    shifted = noise != 0
    assert ((shifted.float().mean(-1) - 0.2).abs() < 0.001).all()
    assert (shifted == shifted[:, :1]).all(), "all at the same time"
    height = noise.sum(-1) / shifted.sum(-1)
    assert torch.allclose(torch.where(shifted, height[..., None], 0.0), noise, atol=1e-5)
    assert height.min() < -0.2 and height.max() > 0.2 and height.abs().max() <= 0.25


def test_muscle_noise_is_white_and_its_strength_uniform() -> None:
    noise = muscle_noise(KEYS, TIME, 0.5)
    strength = noise.std(-1).flatten()
    assert strength.max() < 0.53 and abs(strength.mean() - 0.25) < 0.03
    power = (spectrum(noise) / noise.std(-1, keepdim=True)).square().mean((0, 1))[1:-1]
    bands = power.unfold(0, 249, 249).mean(-1)
    assert (bands / bands.mean() - 1).abs().max() < 0.05


def test_wrong_number_of_leads_raises() -> None:
    with pytest.raises(MelpError, match="augmentation: 3 leads found, wanted 12: I, II"):
        add_to_electrodes(torch.zeros(1, 3, 10), torch.zeros(1, 9, 10))
