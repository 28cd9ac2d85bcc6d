"""What the ResNet with beats reads, and where its attention lies."""

from __future__ import annotations

import pytest
import torch

from melp.errors import MelpError
from melp.nn import build_encoder
from melp.nn.beat_resnet import BeatResNet
from melp.signal.beats import beat_intervals, typical_beat
from melp.signal.r_peaks import find_r_peaks

RATE = 100


def beating(*intervals: int, samples: int = 1000) -> torch.Tensor:
    """ECGs of two leads with a narrow wave every so many samples, and a little noise."""
    ecg = 0.01 * torch.randn(len(intervals), 2, samples, generator=torch.Generator().manual_seed(0))
    for record, interval in enumerate(intervals):
        for shift, height in ((-1, 0.5), (0, 1.0), (1, 0.5)):
            ecg[record, :, interval // 2 + shift :: interval] += height
    return ecg


@pytest.fixture
def encoder() -> BeatResNet:
    torch.manual_seed(0)
    return build_encoder("beat_resnet_narrow", leads=2, ecg_rate=RATE, beat_widths=[8, 16, 16]).eval()


@torch.no_grad()
def test_memory_and_frames_by_hand(encoder: BeatResNet) -> None:
    ecg = beating(80, 125)
    peaks, count = find_r_peaks(ecg, RATE)
    intervals = beat_intervals(peaks, count, 1000, RATE).unflatten(-1, (125, 8)).mean(-1)
    rhythm = encoder.rhythm(intervals).transpose(1, 2)
    rhythm = rhythm @ encoder.rhythm_projection.weight.T + encoder.rhythm_projection.bias
    recording = encoder.recording(ecg) + rhythm
    beat = encoder.beat(typical_beat(ecg, peaks, 36, 60)).transpose(1, 2)
    beat = beat @ encoder.beat_projection.weight.T + encoder.beat_projection.bias
    assert recording.shape[1] == 32 and beat.shape[1] == 24
    torch.testing.assert_close(encoder.memory(encoder.stages(ecg)), torch.cat([recording, beat], 1))
    torch.testing.assert_close(encoder(ecg), recording + beat.mean(1, keepdim=True))
    torch.testing.assert_close(encoder.stages(ecg)[-1], recording.transpose(1, 2))


@torch.no_grad()
def test_each_network_reads_its_scale(encoder: BeatResNet) -> None:
    slow, fast = beating(125)[0], beating(80)[0]
    beats, rhythms = (encoder.stages(torch.stack([slow, fast]))[place].mean(-1) for place in (0, 1))
    assert not torch.allclose(rhythms[0], rhythms[1], rtol=0.1)
    # The waves are the same, and the noise is small.
    torch.testing.assert_close(beats[0], beats[1], rtol=0.1, atol=0.02)


@torch.no_grad()
def test_weights_of_the_beat_go_to_the_beats_of_the_recording(encoder: BeatResNet) -> None:
    ecg = beating(80, 125)
    peaks, count = find_r_peaks(ecg, RATE)
    weights = torch.rand(2, 32 + 24, 3, generator=torch.Generator().manual_seed(2))
    wanted = weights[:, :32].clone()
    for record in range(2):
        for place in range(24):
            samples = [int(peak) - 36 + 4 * place for peak in peaks[record, : count[record]]]
            samples = [sample for sample in samples if 0 <= sample < 1000]
            for sample in samples:
                wanted[record, sample * 32 // 1000] += weights[record, 32 + place] / len(samples)
    torch.testing.assert_close(encoder.over_frames(ecg, weights), wanted)


@torch.no_grad()
def test_without_beats_all_weights_stay(encoder: BeatResNet) -> None:
    ecg = torch.zeros(1, 2, 1000)
    weights = torch.full((1, 56, 1), 1 / 56)
    found = encoder.over_frames(ecg, weights)
    torch.testing.assert_close(found, torch.full((1, 32, 1), 1 / 32))
    assert bool(encoder(ecg).isfinite().all())


def test_sizes_that_are_none_are_one_line() -> None:
    with pytest.raises(MelpError, match="no beat_widths found"):
        build_encoder("beat_resnet_narrow", beat_widths=[])
    with pytest.raises(MelpError, match="rate 0 Hz found"):
        build_encoder("beat_resnet_narrow", ecg_rate=0)
