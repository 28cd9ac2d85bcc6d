"""R waves, against the beats of the simulator and against another detector on real recordings."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import wfdb
from torch import Tensor
from wfdb.processing import XQRS

from melp.corpora.synthetic import simulate_records
from melp.signal.r_peaks import find_r_peaks


def count_hits(detected: Sequence[int], beats: Sequence[int], tolerance: float) -> int:
    """Count the beats that have a detected one within the tolerance; each detection counts once."""
    free, count = list(detected), 0
    for beat in beats:
        near = [sample for sample in free if abs(sample - beat) <= tolerance]
        if near:
            free.remove(min(near, key=lambda sample: abs(sample - beat)))
            count += 1
    return count


def quality(ecg: Tensor, beats: Sequence[Sequence[int]], rate: float, seconds: float) -> tuple[float, float]:
    """Sensitivity and positive predictive value over all recordings."""
    waves, counts = find_r_peaks(ecg, rate)
    detected = [row[:count].tolist() for row, count in zip(waves, counts, strict=True)]
    hits = sum(count_hits(*pair, seconds * rate) for pair in zip(detected, beats, strict=True))
    return hits / sum(map(len, beats)), hits / sum(map(len, detected))


@pytest.fixture(scope="module", params=[(100, 250), (500, 60)], ids=["100 Hz", "500 Hz"])
def simulated(request: pytest.FixtureRequest) -> tuple[Tensor, list[list[int]], int]:
    rate, count = request.param
    corpus = list(simulate_records(count, 7, rate))
    ecg = torch.tensor(np.stack([record.ecg.signal for record in corpus]))
    return ecg, [record.beats.tolist() for record in corpus], rate


def test_sensitivity_on_simulated_recordings(simulated: tuple[Tensor, list[list[int]], int]) -> None:
    ecg, beats, rate = simulated
    for seconds, least in ((0.15, 0.98), (0.05, 0.97)):
        sensitivity, predictive = quality(ecg, beats, rate, seconds)
        assert sensitivity > least and predictive > least, (seconds, sensitivity, predictive)
    sensitivity, predictive = quality(ecg[:, 1:2], beats, rate, 0.15)
    assert sensitivity > 0.94 and predictive > 0.94, ("lead II alone", sensitivity, predictive)


def test_agrees_with_another_detector_on_real_recordings(recordings: Path) -> None:
    files = sorted((recordings / "ptb-xl" / "records500").rglob("*.hea"))
    signals, beats = [], []
    for file in random.Random(1).sample(files, 12):
        signal = np.nan_to_num(wfdb.rdrecord(str(file.with_suffix(""))).p_signal.T)
        detector = XQRS(sig=signal[7], fs=500)
        detector.detect(verbose=False)
        signals.append(torch.tensor(signal, dtype=torch.float32))
        beats.append(detector.qrs_inds.tolist())
    # That detector learns from the first beats, and sometimes misses the first and the last.
    sensitivity, predictive = quality(torch.stack(signals), beats, 500, 0.15)
    assert sensitivity > 0.97 and predictive > 0.9, (sensitivity, predictive)


def test_unit_baseline_and_batch_have_no_effect(simulated: tuple[Tensor, list[list[int]], int]) -> None:
    ecg, _, rate = simulated
    ecg = ecg[:20]
    waves, counts = find_r_peaks(ecg, rate)
    assert waves.shape[0] == len(counts) == 20
    for row, count in zip(waves, counts, strict=True):
        assert (row[:count].diff() > 0).all() and (row[count:] == ecg.shape[-1]).all()
    low, high = ecg.amin((1, 2), keepdim=True), ecg.amax((1, 2), keepdim=True)
    for other in (1000 * ecg, (ecg - low) / (high - low), -ecg):
        assert torch.equal(find_r_peaks(other, rate)[1], counts)
        assert (find_r_peaks(other, rate)[0] - waves).abs().max() <= 1
    for row in (0, 7):
        alone, count = find_r_peaks(ecg[row : row + 1], rate)
        assert torch.equal(alone[0], waves[row]) and count[0] == counts[row]


def test_lead_without_signal_has_no_effect(simulated: tuple[Tensor, list[list[int]], int]) -> None:
    ecg, beats, rate = simulated
    broken = ecg.clone()
    broken[:, 0] = 0.0
    broken[:, 6] = 1e-6 * torch.randn(ecg.shape[0], ecg.shape[2], generator=torch.Generator().manual_seed(0))
    sensitivity, predictive = quality(broken, beats, rate, 0.15)
    assert sensitivity > 0.98 and predictive > 0.98


def test_nothing_is_detected_in_flat_signals_and_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    assert not find_r_peaks(torch.zeros(2, 12, 1000), 100)[1].any()
    assert not find_r_peaks(torch.full((2, 12, 1000), 0.3), 100)[1].any()
    noise = torch.randn(20, 12, 1000, generator=generator)
    assert find_r_peaks(noise, 100)[1].float().mean() < 1


def test_short_recordings_and_other_devices() -> None:
    waves, counts = find_r_peaks(torch.randn(2, 1, 5), 100)
    assert waves.shape[0] == 2 and (counts <= waves.shape[1]).all()
    waves, counts = find_r_peaks(torch.zeros(2, 12, 1000, device="meta"), 100)
    assert waves.device.type == counts.device.type == "meta"
