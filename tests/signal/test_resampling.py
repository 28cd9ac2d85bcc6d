from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import firwin, resample_poly

from melp.signal.resampling import low_pass, ratio, resample


@pytest.mark.parametrize(("up", "down"), [(1, 5), (5, 1), (5, 4), (500, 257)])
def test_filter_equals_scipy(up: int, down: int) -> None:
    widest = max(up, down)
    wanted = up * firwin(20 * widest + 1, 1 / widest, window=("kaiser", 5.0))
    assert np.allclose(low_pass(up, down), wanted, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    source=st.sampled_from([100, 125, 128, 250, 257, 333, 360, 400, 500, 512, 1000]),
    target=st.sampled_from([50, 100, 128, 250, 257, 400, 500, 1000]),
    time=st.integers(1, 700),
)
def test_resample_equals_scipy(source: int, target: int, time: int) -> None:
    signal = np.random.default_rng(time).standard_normal((2, 3, time))
    up, down = ratio(source, target)
    wanted = resample_poly(signal, up, down, axis=-1, padtype="edge")
    resampled = resample(torch.tensor(signal), source, target).numpy()
    assert resampled.shape == wanted.shape
    assert np.allclose(resampled, wanted, atol=1e-12)


def test_sine_keeps_phase_and_amplitude() -> None:
    tone = lambda rate: torch.sin(2 * torch.pi * 7 * torch.arange(10 * rate) / rate + 0.3)  # noqa: E731
    for source, target in ((500, 100), (100, 500), (257, 500), (500, 257)):
        inner = slice(target, 9 * target)
        assert torch.allclose(resample(tone(source), source, target)[inner], tone(target)[inner], atol=2e-3)


def test_constant_stays_constant_to_the_ends() -> None:
    assert torch.allclose(resample(torch.full((3, 500), 0.7), 500, 100), torch.tensor(0.7), atol=1e-3)


def test_ratio_of_non_integer_rates() -> None:
    assert ratio(500, 100) == (1, 5) and ratio(257, 500) == (500, 257)
    assert ratio(360.0, 500.0) == (25, 18) and ratio(0.5, 0.25) == (1, 2)
    assert ratio(499.9999999, 500) == (1, 1)


def test_gradient() -> None:
    signal = torch.randn(2, 40, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: resample(x, 5, 4), signal)
