from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.fft import next_fast_len
from scipy.signal import butter, filtfilt

from melp.signal.filters import FILTERS, apply_filter, fast_length, gain

RATE = 500


def tone(frequency: float, seconds: float = 20) -> torch.Tensor:
    time = torch.arange(round(seconds * RATE), dtype=torch.float64) / RATE
    return torch.sin(2 * torch.pi * frequency * time)


def middle(signal: torch.Tensor) -> torch.Tensor:
    return signal[..., 5 * RATE : -5 * RATE]


@pytest.mark.parametrize(
    ("name", "frequency", "height"),
    [
        ("highpass", 0.1, 0.0), ("highpass", 0.5, 0.5), ("highpass", 5, 1.0), ("highpass", 200, 1.0),
        ("bandpass", 0.1, 0.0), ("bandpass", 10, 1.0), ("bandpass", 40, 0.5), ("bandpass", 120, 0.0014),
        ("diagnostic", 2, 1.0), ("diagnostic", 150, 0.5), ("none", 0.01, 1.0),
    ],
)  # fmt: skip
def test_tones_keep_their_phase_and_take_the_gain(name: str, frequency: float, height: float) -> None:
    filtered = middle(apply_filter(tone(frequency), RATE, name))
    assert torch.allclose(filtered, height * middle(tone(frequency)), atol=0.03)


def test_equals_butterworth_forwards_and_backwards() -> None:
    signal = np.random.default_rng(0).standard_normal((3, 20 * RATE)).cumsum(axis=1) / 20
    wanted = filtfilt(*butter(3, [0.67, 40], btype="bandpass", fs=RATE), signal)
    filtered = middle(apply_filter(torch.tensor(signal), RATE, "bandpass")).numpy()
    # Differences: the digital filter is warped near half the rate, and its two edges share one polynomial.
    assert np.abs(filtered - wanted[:, 5 * RATE : -5 * RATE]).max() < 0.05 * wanted.std()


@pytest.mark.parametrize("name", FILTERS)
def test_linear_and_independent_of_the_batch(name: str) -> None:
    signal = torch.randn(4, 12, 1000, dtype=torch.float64)
    batch = apply_filter(signal, RATE, name)
    assert batch.shape == signal.shape
    for record, filtered in zip(signal, batch, strict=True):
        assert torch.allclose(apply_filter(record, RATE, name), filtered, atol=1e-12)
    assert torch.allclose(apply_filter(3 * signal, RATE, name), 3 * batch, atol=1e-10)


def test_reversed_signal_gives_reversed_result() -> None:
    signal = torch.randn(2, 1000, dtype=torch.float64)
    filtered = apply_filter(signal, RATE, "bandpass")
    assert torch.allclose(apply_filter(signal.flip(-1), RATE, "bandpass").flip(-1), filtered, atol=1e-9)


def test_offset_slope_and_r_wave_at_the_end_cause_no_step() -> None:
    ramp = 0.4 + 0.3 * torch.arange(10 * RATE, dtype=torch.float64) / RATE
    assert apply_filter(ramp, RATE, "highpass").abs().max() < 0.1
    spike = torch.zeros(10 * RATE, dtype=torch.float64)
    spike[-10:] = 1.0
    assert apply_filter(spike, RATE, "highpass")[:-20].abs().max() < 0.1
    assert apply_filter(torch.full((500,), 2.0), RATE, "highpass").abs().max() < 1e-5


def over_mirror_images(signal: torch.Tensor, rate: float, name: str) -> torch.Tensor:
    """Filter a record with one mirror image at each end, of any length."""
    time = signal.shape[-1]
    extended = np.concatenate([signal.numpy()[1:][::-1], signal.numpy(), signal.numpy()[:-1][::-1]])
    frequency = torch.tensor(np.fft.rfftfreq(len(extended), 1 / rate))
    spectrum = np.fft.rfft(extended) * gain(frequency, name).numpy()
    return torch.tensor(np.fft.irfft(spectrum, len(extended))[time - 1 : 2 * time - 1])


@pytest.mark.parametrize("name", ["highpass", "bandpass", "diagnostic"])
@pytest.mark.parametrize(
    ("time", "rate"), [(5000, 500), (1000, 100), (2500, 250), (1250, 500), (501, 50), (7, 500)]
)
def test_a_fast_length_changes_nothing(name: str, time: int, rate: float) -> None:
    generator = torch.Generator().manual_seed(time)
    # A baseline that ends elsewhere than it begins, in mV.
    signal = torch.randn(time, generator=generator, dtype=torch.float64).cumsum(0) / 20
    expected = over_mirror_images(signal, rate, name)
    assert (apply_filter(signal, rate, name) - expected).abs().max() < 1e-6
    single = apply_filter(signal.float(), rate, name)
    assert (single - expected).abs().max() < 2e-6 * max(float(signal.abs().max()), 1)


def test_a_prime_length_is_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths, rfft = list[int](), torch.fft.rfft
    monkeypatch.setattr(torch.fft, "rfft", lambda x: lengths.append(x.shape[-1]) or rfft(x))
    for time, rate in ((5000, 500), (1000, 100)):
        apply_filter(torch.randn(time), rate, "bandpass")
    assert lengths == [15_000, 3_000]


def test_gain_at_the_edges_and_at_zero() -> None:
    assert gain(torch.tensor([0.0, 0.5]), "highpass").tolist() == [0.0, 0.5]
    assert gain(torch.tensor([0.67, 40.0]), "bandpass").tolist() == pytest.approx([0.5, 0.5], abs=1e-4)


def test_fast_lengths_are_those_of_scipy() -> None:
    lengths = [*range(1, 2000), 2998, 14998, 29998, 149_999]
    assert [fast_length(length) for length in lengths] == [next_fast_len(one, real=True) for one in lengths]
