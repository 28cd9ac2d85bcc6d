"""Augmentations that act on time, on all leads at once."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from melp.augment.leads import fill_value
from melp.augment.random import uniform


def resized_crop(
    ecg: Float[Tensor, "batch lead time"], keys: Int[Tensor, " batch"], shortest: float = 0.5
) -> Float[Tensor, "batch lead time"]:
    """Random resized crop: a stretch of the recording, drawn out to its full length by straight lines.

    Mehari and Strodthoff (2022). The heart of the view is slower than that of the recording, up to
    1/`shortest` times.

    Args:
        ecg: preprocessed ECGs of two samples or more.
        keys: randomness of each record.
        shortest: least share of the time that is kept; the share is uniform from there to 1, and so is
            where it begins.
    """
    time = ecg.shape[-1]
    draw = uniform(keys, 2)
    length = (shortest + (1 - shortest) * draw[:, :1]) * (time - 1)
    first = (time - 1 - length) * draw[:, 1:]
    place = first + length * torch.linspace(0, 1, time, device=ecg.device)
    before = place.floor().clamp(0, time - 2)
    share = (place - before)[:, None].to(ecg.dtype)
    rows = before.long()[:, None].expand(ecg.shape)
    return torch.lerp(ecg.gather(-1, rows), ecg.gather(-1, rows + 1), share.expand(ecg.shape))


def time_out(
    ecg: Float[Tensor, "batch lead time"],
    keys: Int[Tensor, " batch"],
    longest: float = 0.5,
    fill: str = "isoelectric",
) -> Float[Tensor, "batch lead time"]:
    """Time-out: one span of the recording is blanked in all leads.

    Mehari and Strodthoff (2022).

    Args:
        ecg: preprocessed ECGs.
        keys: randomness of each record.
        longest: longest share of the time; the share is uniform from 0 to it, and so is where it begins.
        fill: `isoelectric` (the median of the lead, its baseline) or `zero` (as published).
    """
    inside = span(keys, uniform(keys) * longest, ecg.shape[-1])
    return torch.where(inside[:, None], fill_value(ecg, fill), ecg)


def span(
    keys: Int[Tensor, " batch"], share: Float[Tensor, " batch"], time: int
) -> Float[Tensor, "batch time"]:
    """Where a span of the given share of the time lies that begins anywhere."""
    first = uniform(keys, stream=1) * (1 - share)
    place = (torch.arange(time, device=keys.device) + 0.5) / time
    return (place >= first[:, None]) & (place < (first + share)[:, None])


def permute_segments(
    ecg: Float[Tensor, "batch lead time"],
    keys: Int[Tensor, " batch"],
    most: int = 7,
    together: bool = True,
) -> Float[Tensor, "batch lead time"]:
    """Permutation: the recording is cut at random into 1 to `most` segments, which are put in another order.

    Eldele et al. (2021), TS-TCC's strong augmentation.

    Args:
        ecg: preprocessed ECGs.
        keys: randomness of each record.
        most: segments at most; the number is uniform.
        together: whether all leads are cut and ordered alike, so that they stay simultaneous; otherwise each
            by itself.

    Differences: each lead keeps its own signal, where the published code writes the permuted first channel
    into all; cuts may coincide, which the published code excludes.
    """
    batch, leads, time = ecg.shape
    rows = 1 if together else leads
    count = (uniform(keys, rows, 1) * most).long() + 1
    cuts = 1 + (uniform(keys, rows, most - 1, stream=1) * (time - 1)).long()
    # Cuts that are not wanted lie behind the end.
    unused = torch.arange(1, most, device=ecg.device) >= count
    cuts = cuts.masked_fill(unused, time).sort(-1).values
    place = torch.arange(time, device=ecg.device).expand(batch, rows, time).contiguous()
    segment = torch.searchsorted(cuts, place, right=True)
    order = uniform(keys, rows, most, stream=2).gather(-1, segment).argsort(dim=-1, stable=True)
    return ecg.gather(-1, order.expand(ecg.shape))


def random_crop(
    ecg: Float[Tensor, "batch lead time"], keys: Int[Tensor, " batch"], length: int, stream: int = 0
) -> Float[Tensor, "batch lead length"]:
    """A stretch of `length` samples that begins anywhere; all of a recording that is no longer."""
    time = ecg.shape[-1]
    if length >= time:
        return ecg
    first = (uniform(keys, 1, stream=stream) * (time - length + 1)).long()
    place = first + torch.arange(length, device=ecg.device)
    return ecg.gather(-1, place[:, None].expand(-1, ecg.shape[1], -1))
