"""Augmentations of time, the same for all leads."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from melp.augment.leads import fill_value
from melp.augment.random import uniform
from melp.augment.streams import Stream
from melp.signal.precision import full_precision


@full_precision
def resized_crop(
    ecg: Float[Tensor, "batch lead time"], keys: Int[Tensor, " batch"], shortest: float = 0.5
) -> Float[Tensor, "batch lead time"]:
    """Random resized crop: stretch a part of the recording to its full length by linear interpolation.

    Mehari and Strodthoff (2022). The heart rate of the view is up to 1/`shortest` times slower.

    Args:
        ecg: preprocessed ECGs of two samples or more.
        keys: random key of each record.
        shortest: least fraction of the time that is kept; the fraction is uniform from it to 1, and the start
            of the part is uniform as well.
    """
    time = ecg.shape[-1]
    draw = uniform(keys, 2, stream=Stream.RESIZED_CROP)
    length = (shortest + (1 - shortest) * draw[:, :1]) * (time - 1)
    first = (time - 1 - length) * draw[:, 1:]
    place = first + length * torch.linspace(0, 1, time, device=ecg.device)
    before = place.floor().clamp(0, time - 2)
    share = (place - before)[:, None].to(ecg.dtype)
    index = before.long()[:, None]
    left, right = ecg.take_along_dim(index, -1), ecg.take_along_dim(index + 1, -1)
    return torch.lerp(left, right, share.expand(ecg.shape))


@full_precision
def time_out(
    ecg: Float[Tensor, "batch lead time"],
    keys: Int[Tensor, " batch"],
    longest: float = 0.5,
    fill: str = "isoelectric",
) -> Float[Tensor, "batch lead time"]:
    """Time-out: blank one span of the recording in all leads.

    Mehari and Strodthoff (2022).

    Args:
        ecg: preprocessed ECGs.
        keys: random key of each record.
        longest: greatest fraction of the time; the fraction is uniform from 0 to it, and the start is uniform
            as well.
        fill: `isoelectric` (the median of the lead, its baseline) or `zero` (as published).
    """
    share = uniform(keys, stream=Stream.TIME_OUT_LENGTH)
    inside = random_span(keys, share * longest, ecg.shape[-1], Stream.TIME_OUT_START)
    return torch.where(inside[:, None], fill_value(ecg, fill), ecg)


def random_span(
    keys: Int[Tensor, " batch"], share: Float[Tensor, " batch"], time: int, stream: Stream
) -> Float[Tensor, "batch time"]:
    """Return a mask of one span with the given fraction of the time and a uniform start."""
    first = uniform(keys, stream=stream) * (1 - share)
    place = (torch.arange(time, device=keys.device) + 0.5) / time
    return (place >= first[:, None]) & (place < (first + share)[:, None])


@full_precision
def permute_segments(
    ecg: Float[Tensor, "batch lead time"],
    keys: Int[Tensor, " batch"],
    most: int = 7,
    together: bool = True,
) -> Float[Tensor, "batch lead time"]:
    """Permutation: cut the recording at random into 1 to `most` segments and shuffle them.

    Eldele et al. (2021), TS-TCC's strong augmentation.

    Args:
        ecg: preprocessed ECGs.
        keys: random key of each record.
        most: largest number of segments; the number is uniform.
        together: whether all leads have the same cuts and order, so that they stay simultaneous; otherwise
            each lead is permuted independently.

    Differences: the published code writes the permuted first channel into all leads; here each lead keeps its
    own signal. Cuts may coincide, which the published code excludes.
    """
    batch, leads, time = ecg.shape
    rows = 1 if together else leads
    count = (uniform(keys, rows, 1, stream=Stream.SEGMENT_COUNT) * most).long() + 1
    cuts = 1 + (uniform(keys, rows, most - 1, stream=Stream.SEGMENT_CUTS) * (time - 1)).long()
    # Surplus cuts are moved to the end.
    unused = torch.arange(1, most, device=ecg.device) >= count
    cuts = cuts.masked_fill(unused, time).sort(-1).values
    place = torch.arange(time, device=ecg.device).expand(batch, rows, time).contiguous()
    segment = torch.searchsorted(cuts, place, right=True)
    rank = uniform(keys, rows, most, stream=Stream.SEGMENT_ORDER).gather(-1, segment)
    order = rank.argsort(dim=-1, stable=True)
    return ecg.take_along_dim(order, -1)


@full_precision
def random_crop(
    ecg: Float[Tensor, "batch lead time"], keys: Int[Tensor, " batch"], length: int, stream: Stream
) -> Float[Tensor, "batch lead length"]:
    """Return `length` samples from a uniform start; a recording that is not longer is returned unchanged."""
    time = ecg.shape[-1]
    if length >= time:
        return ecg
    first = (uniform(keys, 1, stream=stream) * (time - length + 1)).long()
    place = first + torch.arange(length, device=ecg.device)
    return ecg.take_along_dim(place[:, None], -1)


@full_precision
def shift_time(
    ecg: Float[Tensor, "batch lead time"], keys: Int[Tensor, " batch"], longest: float
) -> Float[Tensor, "batch lead time"]:
    """Shift a recording in time; the median of each lead, its baseline, takes the place that becomes free.

    The end does not come back at the start: that would break the rhythm.

    Args:
        ecg: preprocessed ECGs.
        keys: random key of each record.
        longest: longest shift in either direction, as a share of the time; shifts are uniform.
    """
    time = ecg.shape[-1]
    draw = 2 * uniform(keys, 1, stream=Stream.TIME_SHIFT) - 1
    place = torch.arange(time, device=ecg.device) - (draw * longest * time).round().long()
    inside = (place >= 0) & (place < time)
    moved = ecg.take_along_dim(place.clamp(0, time - 1)[:, None], -1)
    return torch.where(inside[:, None], moved, fill_value(ecg, "isoelectric"))
