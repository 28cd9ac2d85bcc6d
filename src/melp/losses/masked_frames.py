"""Contrast of masked frames with what was hidden there, among the other hidden frames of the recording."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor


def masked_frame_contrast(
    context: Float[Tensor, "batch frame dim"],
    target: Float[Tensor, "batch frame dim"],
    entries: Int[Tensor, "batch frame group"],
    masked: Bool[Tensor, "batch frame"],
    draw: Float[Tensor, "batch frame negative"],
    temperature: float,
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """wav2vec 2.0's contrastive loss (Baevski et al. 2020, equation 3).

    At each masked frame, the cosine of the context with its own target is to exceed those with the targets of
    `negative` other masked frames of the same recording, drawn with replacement; one that happens to equal
    the own target does not count.

    Args:
        context: what the transformer makes of the frames.
        target: the quantised frames.
        entries: which codebook entries each is made of.
        masked: which are masked; two at least in each recording.
        draw: numbers in [0, 1) that choose the negatives of each frame.
        temperature: of the cosines.

    Returns:
        Of each recording the sum of the cross entropies over its masked frames, and how many of them are
        right.
    """
    count = masked.sum(1)
    # Masked frames first, in the order of time.
    order = (~masked).int().argsort(dim=1, stable=True)[:, : int(count.max())]
    real = torch.arange(order.shape[1], device=order.device) < count[:, None]
    context, target, entries, draw = (
        x.take_along_dim(order[..., None], 1) for x in (context, target, entries, draw)
    )
    negatives = _others(draw, count)
    with torch.autocast(context.device.type, enabled=False):
        context, target = F.normalize(context.float(), dim=-1), F.normalize(target.float(), dim=-1)
        cosines = context @ target.transpose(1, 2) / temperature
        positive = cosines.diagonal(dim1=1, dim2=2)[..., None]
        same = (entries[:, :, None] == entries[:, None]).all(-1)
        other = cosines.masked_fill(same, -torch.inf).gather(2, negatives)
        logits = torch.cat([positive, other], dim=2)
        each = -logits.log_softmax(2)[..., 0]
        right = (positive > other).all(2) & real
        return each.masked_fill(~real, 0).sum(1), right.sum(1)


def _others(
    draw: Float[Tensor, "batch place negative"], count: Int[Tensor, " batch"]
) -> Int[Tensor, "batch place negative"]:
    """A place other than its own for each draw, among the first `count` of the recording."""
    others = (count[:, None, None] - 1).clamp(min=1)
    place = (draw * others).long().clamp(max=others - 1)
    own = torch.arange(draw.shape[1], device=draw.device)[:, None]
    return (place + (place >= own)).clamp(max=draw.shape[1] - 1)


def diversity_loss(mean: Float[Tensor, "group entry"]) -> Float[Tensor, ""]:
    """How unevenly entries are used: 0 (all alike) to nearly 1 (one alone).

    The diversity loss of wav2vec 2.0 (Baevski et al. 2020, equation 4), in fairseq's form.

    Args:
        mean: probability of each entry over all frames of the batch.
    """
    entropy = -(mean * mean.clamp(min=1e-7).log()).sum(1)
    return 1 - entropy.exp().sum() / mean.numel()
