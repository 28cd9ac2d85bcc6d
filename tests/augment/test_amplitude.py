"""Scaling and jitter."""

from __future__ import annotations

import torch

from melp.augment.amplitude import add_jitter, scale_amplitude

KEYS = torch.arange(2000)


def test_scaling_is_one_positive_factor_per_recording() -> None:
    ecg = torch.rand(2000, 3, 50) + 0.5
    factors = scale_amplitude(ecg, KEYS, 2.0, 1.1) / ecg
    assert torch.allclose(factors, factors[:, :1, :1].expand_as(factors), rtol=1e-4)
    factor = factors[:, 0, 0]
    assert factor.min() > 0
    # The mean absolute value of a normal number of mean 2 and deviation 1.1 is 2.025.
    assert abs(factor.mean() - 2.025) < 0.08 and abs((factor - 2).abs().median() - 0.74) < 0.06
    assert torch.equal(scale_amplitude(ecg, KEYS, 3.0, 0.0), 3 * ecg)


def test_jitter_is_white_noise_of_the_given_deviation() -> None:
    ecg = torch.randn(2000, 2, 101)
    noise = add_jitter(ecg, KEYS, 0.3) - ecg
    assert abs(noise.std() - 0.3) < 0.003 and abs(noise.mean()) < 0.003
    neighbours = torch.corrcoef(torch.stack([noise[..., 1:].flatten(), noise[..., :-1].flatten()]))
    leads = torch.corrcoef(torch.stack([noise[:, 0].flatten(), noise[:, 1].flatten()]))
    assert abs(neighbours[0, 1]) < 0.01 and abs(leads[0, 1]) < 0.01
    power = torch.fft.rfft(noise)[..., 1:-1].abs().square().mean((0, 1))
    assert (power / power.mean() - 1).abs().max() < 0.1
