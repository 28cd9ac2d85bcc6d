"""The typical beat and the intervals, against loops over beats and samples."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from melp.signal.beats import beat_intervals, typical_beat
from melp.signal.r_peaks import find_r_peaks

TIME = 50


def padded(*rows: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """R waves of several ECGs as `find_r_peaks` returns them, and their numbers."""
    most = max(len(row) for row in rows) + 2
    peaks = torch.tensor([row + [TIME] * (most - len(row)) for row in rows])
    return peaks, torch.tensor([len(row) for row in rows])


ROWS = [[2, 14, 30, 47], [20], [], [10, 40]]


def test_typical_beat_is_the_median_of_the_beats() -> None:
    ecg = torch.randn(len(ROWS), 3, TIME, generator=torch.Generator().manual_seed(0)) + 5
    peaks, _ = padded(*ROWS)
    found = typical_beat(ecg, peaks, 4, 7)
    assert found.shape == (len(ROWS), 3, 11)
    for record, row in enumerate(ROWS):
        for lead in range(3):
            signal = ecg[record, lead].numpy()
            signal = signal - np.sort(signal)[(TIME - 1) // 2]
            for sample in range(11):
                places = [peak - 4 + sample for peak in row]
                values = sorted(signal[place] for place in places if 0 <= place < TIME)
                wanted = values[(len(values) - 1) // 2] if values else 0.0
                assert abs(float(found[record, lead, sample]) - wanted) < 1e-6


def test_a_rare_beat_and_the_baseline_do_not_change_the_typical_beat() -> None:
    ecg = torch.zeros(1, 1, 400)
    peaks = torch.arange(20, 400, 40)[None]
    ecg[0, 0, peaks[0]] = 1.0
    typical = typical_beat(ecg, peaks, 10, 20)
    ecg[0, 0, 175:190] += 3.0
    assert torch.equal(typical_beat(ecg + 7, peaks, 10, 20), typical)
    assert int(typical[0, 0].argmax()) == 10


def test_intervals_are_those_of_the_nearest_beat() -> None:
    peaks, count = padded(*ROWS)
    found = beat_intervals(peaks, count, TIME, 10.0)
    assert found.shape == (len(ROWS), 3, TIME)
    for record, row in enumerate(ROWS):
        if len(row) < 2:
            assert not found[record].any()
            continue
        gaps = [(b - a) / 10 for a, b in itertools.pairwise(row)]
        mean = sum(gaps) / len(gaps)
        for sample in range(TIME):
            # A sample in the middle of two beats belongs to the later one.
            beat = min(range(len(row)), key=lambda b: (abs(row[b] - sample), -b))
            behind, ahead = gaps[max(beat - 1, 0)], gaps[min(beat, len(gaps) - 1)]
            wanted = torch.tensor([mean - 0.8, behind - mean, ahead - behind])
            torch.testing.assert_close(found[record, :, sample], wanted, msg=f"{record} {sample}")


def test_a_record_does_not_depend_on_the_others_of_its_batch() -> None:
    ecg = torch.randn(3, 12, 1000, generator=torch.Generator().manual_seed(1))
    peaks, count = find_r_peaks(ecg, 100)
    alone, number = find_r_peaks(ecg[1:2], 100)
    assert torch.equal(typical_beat(ecg, peaks, 36, 60)[1:2], typical_beat(ecg[1:2], alone, 36, 60))
    assert torch.equal(beat_intervals(peaks, count, 1000, 100)[1:2], beat_intervals(alone, number, 1000, 100))
