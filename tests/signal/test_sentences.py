"""ECG sentences, against a loop over beats."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from melp.corpora.synthetic import simulate_records
from melp.errors import MelpError
from melp.signal.r_peaks import find_r_peaks
from melp.signal.resampling import resample
from melp.signal.sentences import BEAT_SAMPLES, make_sentences


@pytest.fixture(scope="module")
def ecg() -> Tensor:
    return torch.tensor(np.stack([record.ecg.signal for record in simulate_records(12, 3, 100)]))


def spikes(places: list[int], time: int = 1000, leads: int = 12) -> Tensor:
    """Return a recording with one triangle per beat, whose height is the number of the lead."""
    ecg = torch.zeros(leads, time)
    for place in places:
        for step in range(-4, 5):
            if 0 <= place + step < time:
                ecg[:, place + step] = torch.arange(1, leads + 1) * (1 - abs(step) / 5)
    return ecg[None]


def sentences_by_loop(
    ecg: np.ndarray, peaks: list[int], slots: int
) -> tuple[np.ndarray, list[int], list[int]]:
    """Return beats, leads and seconds of one recording at 100 Hz."""
    leads, time = ecg.shape
    kept = peaks[: slots // leads]
    beats, numbers, seconds = np.zeros((slots, BEAT_SAMPLES)), [0] * slots, [0] * slots
    slot = 0
    for lead in range(leads):
        # torch's median is the lower of the two in the middle.
        signal = ecg[lead] - np.sort(ecg[lead])[(time - 1) // 2]
        for number, peak in enumerate(kept):
            begin = 0 if number == 0 else (peaks[number - 1] + peak) / 2
            end = time if number == len(peaks) - 1 else (peak + peaks[number + 1]) / 2
            for sample in range(BEAT_SAMPLES):
                place = peak - 48 + sample
                if begin <= place < end and 0 <= place < time:
                    beats[slot, sample] = signal[place]
            numbers[slot], seconds[slot] = lead + 1, peak // 100 + 1
            slot += 1
    return beats, numbers, seconds


@pytest.mark.parametrize("slots", [256, 100])
def test_equals_a_loop_over_beats(ecg: Tensor, slots: int) -> None:
    sentences = make_sentences(ecg, 100, slots)
    waves, counts = find_r_peaks(ecg, 100)
    for row, count in enumerate(counts):
        beats, numbers, seconds = sentences_by_loop(ecg[row].numpy(), waves[row, :count].tolist(), slots)
        assert np.allclose(sentences.beats[row].numpy(), beats, atol=1e-6)
        assert sentences.lead[row].tolist() == numbers
        assert sentences.second[row].tolist() == seconds
        assert sentences.count[row] == min(count, slots // 12)
    assert torch.equal(sentences.used, sentences.lead > 0)


def test_r_waves_are_centred() -> None:
    sentences = make_sentences(spikes([100, 200, 330]), 100)
    assert sentences.count.tolist() == [3]
    for lead in range(12):
        for beat in range(3):
            word = sentences.beats[0, 3 * lead + beat]
            assert word.argmax() == 48 and word.max() == lead + 1
    assert sentences.second[0, :3].tolist() == [2, 3, 4]
    assert not sentences.beats[0, 36:].any() and not sentences.lead[0, 36:].any()


def test_beats_exclude_their_neighbours() -> None:
    close = make_sentences(spikes([100, 140, 180, 300]), 100)
    # Halfway to neighbours at 40 samples: 20 to each side.
    assert not close.beats[0, 1, : 48 - 20].any() and not close.beats[0, 1, 48 + 20 :].any()
    assert close.beats[0, 1, 48 - 4 : 48 + 5].all()


def test_surplus_beats_are_dropped_from_every_lead() -> None:
    fast = spikes(list(range(30, 990, 30)))
    sentences = make_sentences(fast, 100)
    assert find_r_peaks(fast, 100)[1].tolist() == [32]
    assert sentences.count.tolist() == [21]
    assert torch.bincount(sentences.lead[0]).tolist() == [256 - 12 * 21, *[21] * 12]
    assert sentences.beats[0, 20].argmax() == 48, "the last kept beat ends before the next"
    assert not sentences.beats[0, 20, 48 + 15 :].any()


def test_beats_at_places() -> None:
    sentences = make_sentences(torch.cat([spikes([100, 200, 330]), spikes([500, 700])]), 100)
    places = torch.tensor([0.0, 149.0, 150.0, 264.0, 265.0, 599.0, 600.0, 999.0])
    assert sentences.beats_at(places).tolist() == [[0, 0, 1, 1, 2, 2, 2, 2], [0, 0, 0, 0, 0, 0, 1, 1]]
    fast = make_sentences(spikes(list(range(30, 990, 30))), 100)
    assert fast.beats_at(torch.tensor([999.0])).tolist() == [[20]], "the last kept beat"


def test_one_beat_per_second_without_r_waves() -> None:
    sentences = make_sentences(torch.cat([torch.zeros(1, 12, 1000), spikes([500])]), 100)
    assert sentences.count.tolist() == [10, 1]
    assert sentences.second[0, :10].tolist() == list(range(1, 11))
    assert sentences.beats_at(torch.arange(10) * 100.0 + 50).tolist()[0] == list(range(10))
    short = make_sentences(torch.zeros(2, 3, 40), 100)
    assert short.count.tolist() == [1, 1] and short.used.sum().item() == 6


def test_rate_unit_and_batch(ecg: Tensor) -> None:
    sentences = make_sentences(ecg, 100)
    alone = make_sentences(ecg[5:6], 100)
    assert torch.equal(alone.beats[0], sentences.beats[5])
    fine = torch.tensor(np.stack([record.ecg.signal for record in simulate_records(3, 3, 500)]))
    resampled = make_sentences(resample(fine, 500, 100), 100)
    assert torch.equal(make_sentences(fine, 500).beats, resampled.beats)
    shifted = make_sentences(3 * ecg + 1, 100)
    assert torch.allclose(shifted.beats, 3 * sentences.beats, atol=1e-4)


def test_meta_device_and_errors() -> None:
    sentences = make_sentences(torch.zeros(2, 12, 1000, device="meta"), 100)
    assert sentences.beats.shape == (2, 256, 96) and sentences.beats.device.type == "meta"
    with pytest.raises(MelpError, match="sentences: 8 slots found, wanted 12 or more"):
        make_sentences(torch.zeros(1, 12, 1000), 100, 8)
