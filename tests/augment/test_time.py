"""Crops, time-out and permutation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from melp.augment.random import uniform
from melp.augment.streams import Stream
from melp.augment.time import permute_segments, random_crop, random_span, resized_crop, shift_time, time_out

KEYS = torch.arange(200)


def test_crop_of_a_ramp_is_a_part_of_it() -> None:
    time = 1001
    ramp = torch.linspace(0, 1, time).expand(200, 2, time).contiguous()
    view = resized_crop(ramp, KEYS, 0.5)
    steps = view.diff(dim=-1)
    slope = steps.mean(-1) * (time - 1)
    assert torch.allclose(steps, (slope / (time - 1))[..., None].expand_as(steps), atol=1e-5)
    assert view.min() >= 0 and view.max() <= 1
    assert 0.5 <= slope.min() < 0.52 and 0.98 < slope.max() <= 1.001
    # The start is uniform over the remaining time.
    start = view[:, 0, 0] / (1 - slope[:, 0]).clamp(min=1e-6)
    assert 0.4 < start.mean() < 0.6 and start.min() < 0.05 and start.max() > 0.95


def test_crop_interpolates_the_recording() -> None:
    ecg = torch.randn(5, 3, 400, generator=torch.Generator().manual_seed(0))
    share, first = uniform(KEYS[:5], 2, stream=Stream.RESIZED_CROP).double().T
    view = resized_crop(ecg, KEYS[:5], 0.3)
    for row in range(5):
        length = (0.3 + 0.7 * share[row]) * 399
        places = (399 - length) * first[row] + length * np.linspace(0, 1, 400)
        for lead in range(3):
            wanted = np.interp(places, np.arange(400), ecg[row, lead])
            assert np.allclose(view[row, lead], wanted, atol=1e-3)


def test_crop_of_full_length_is_the_recording() -> None:
    ecg = torch.randn(4, 12, 300)
    assert torch.allclose(resized_crop(ecg, KEYS[:4], 1.0), ecg, atol=1e-4)


@pytest.mark.parametrize("fill", ["isoelectric", "zero"])
def test_time_out_blanks_one_span_of_all_leads(fill: str) -> None:
    ecg = torch.rand(200, 3, 1001) + 1
    view = time_out(ecg, KEYS, 0.5, fill)
    wanted = ecg.median(-1, keepdim=True).values if fill == "isoelectric" else torch.zeros(200, 3, 1)
    blank = (view == wanted).sum(1) == 3
    kept = (view == ecg).all(1)
    assert (blank | kept).all()
    share = blank.float().mean(1)
    assert 0.23 < share.mean() < 0.27 and share.max() <= 0.501 and share.min() < 0.02
    edges = torch.nn.functional.pad(blank.int(), (1, 1)).diff(dim=1)
    assert ((edges == 1).sum(1) <= 1).all()


def test_spans_have_uniform_starts_and_lie_inside() -> None:
    inside = random_span(KEYS, torch.full((200,), 0.2), 1000, Stream.TIME_OUT_START)
    assert ((inside.sum(1) - 200).abs() <= 1).all()
    first = inside.int().argmax(1).float() / 1000
    assert first.min() < 0.02 and 0.78 < first.max() <= 0.8 and abs(first.mean() - 0.4) < 0.06


def segments(order: torch.Tensor) -> list[list[int]]:
    """Split into runs of consecutive numbers."""
    breaks = (order.diff() != 1).nonzero()[:, 0] + 1
    return [part.tolist() for part in order.tensor_split(breaks)]


def test_permutation_moves_segments_of_all_leads_together() -> None:
    time = 500
    ecg = torch.arange(time).float() + 1000 * torch.arange(12)[:, None]
    view = permute_segments(ecg.expand(200, 12, time).contiguous(), KEYS, 7)
    counts = []
    for order in view:
        assert torch.equal(order - 1000 * torch.arange(12)[:, None], order[:1].expand(12, -1)), "own signal"
        assert torch.equal(order[0].sort().values, torch.arange(time).float())
        counts.append(len(segments(order[0])))
    assert min(counts) == 1 and max(counts) <= 7
    # Each of the six pairs of neighbours among seven segments stays together with probability 1/7.
    assert max(counts) >= 5 and 2.5 < np.mean(counts) < 4


def test_permutation_of_independent_leads() -> None:
    ecg = torch.arange(300).float() + 1000 * torch.arange(12)[:, None]
    view = permute_segments(ecg.expand(20, 12, 300).contiguous(), KEYS[:20], 7, together=False)
    assert torch.equal(view.sort(-1).values, ecg.expand(20, 12, 300)), "each lead keeps its own signal"
    orders = view[0] - 1000 * torch.arange(12)[:, None]
    assert len({tuple(order.tolist()) for order in orders}) > 6


def test_one_segment_is_the_recording() -> None:
    ecg = torch.randn(4, 12, 300)
    assert torch.equal(permute_segments(ecg, KEYS[:4], 1), ecg)


def test_random_crop_has_a_uniform_start() -> None:
    ecg = (torch.arange(100.0) + 1000 * torch.arange(3.0)[:, None]).expand(200, 3, 100).contiguous()
    crop = random_crop(ecg, KEYS, 90, Stream.ST_MEM_CROP)
    first = crop[:, 0, 0]
    assert set(first.tolist()) == set(range(11))
    assert torch.equal(crop, first[:, None, None] + ecg[..., :90])
    assert torch.equal(random_crop(ecg[7:8], KEYS[7:8], 90, Stream.ST_MEM_CROP)[0], crop[7])
    assert random_crop(ecg, KEYS, 100, Stream.ST_MEM_CROP) is ecg


def test_shift_moves_a_recording_and_fills_with_its_baseline() -> None:
    time = 40
    ecg = torch.randn(200, 2, time, generator=torch.Generator().manual_seed(0))
    moved, seen = shift_time(ecg, KEYS, 0.25), set()
    for row in range(200):
        shift = round(
            float((2 * uniform(KEYS[row : row + 1], 1, stream=Stream.TIME_SHIFT) - 1) * 0.25 * time)
        )
        seen.add(shift)
        wanted = ecg[row].median(-1, keepdim=True).values.repeat(1, time)
        wanted[:, max(shift, 0) : time + min(shift, 0)] = ecg[row, :, max(-shift, 0) : time - max(shift, 0)]
        assert torch.equal(moved[row], wanted)
    assert min(seen) == -10 and max(seen) == 10 and len(seen) == 21


def test_no_shift_changes_nothing() -> None:
    ecg = torch.randn(200, 2, 40)
    assert torch.equal(shift_time(ecg, KEYS, 0), ecg)
