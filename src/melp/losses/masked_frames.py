"""Losses of wav2vec 2.0: contrast of masked frames, and diversity of the codebooks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from melp.signal.precision import without_autocast


def masked_frame_contrast(
    context: Float[Tensor, "batch frame dim"],
    target: Float[Tensor, "batch frame dim"],
    entries: Int[Tensor, "batch frame group"],
    masked: Bool[Tensor, "batch frame"],
    draw: Float[Tensor, "batch frame negative"],
    temperature: float,
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Return the contrastive loss of wav2vec 2.0 (Baevski et al. 2020, equation 3).

    The positive of a masked frame is its own target; the negatives are the targets of `negative` other masked
    frames of the recording, drawn with replacement. A negative with the positive's entries is ignored.

    Args:
        context: output of the transformer.
        target: quantised frames.
        entries: numbers of the codebook entries of each quantised frame.
        masked: masked frames; at least two in each recording.
        draw: random numbers in [0, 1) that select the negatives of each frame.
        temperature: of the cosines.

    Returns:
        Of each recording, the sum of the cross entropies and the number of correct masked frames.
    """
    count = masked.sum(1)
    # Masked frames come first, in the order of time.
    order = (~masked).int().argsort(dim=1, stable=True)[:, : int(count.max())]
    real = masked.take_along_dim(order, 1)
    inputs = (context, target, entries, draw)
    context, target, entries, draw = (x.take_along_dim(order[..., None], 1) for x in inputs)
    with without_autocast(context.device):
        context, target = F.normalize(context.float(), dim=-1), F.normalize(target.float(), dim=-1)
        cosines = context @ target.transpose(1, 2) / temperature
        positive = cosines.diagonal(dim1=1, dim2=2)[..., None]
        same = (entries[:, :, None] == entries[:, None]).all(-1)
        negative = cosines.masked_fill(same, -torch.inf).gather(2, _negatives(draw, count))
        losses = -torch.cat([positive, negative], dim=2).log_softmax(2)[..., 0]
        correct = (positive > negative).all(2) & real
        return losses.masked_fill(~real, 0).sum(1), correct.sum(1)


def _negatives(
    draw: Float[Tensor, "batch place negative"], count: Int[Tensor, " batch"]
) -> Int[Tensor, "batch place negative"]:
    """For each draw, return a place among the first `count` of the recording other than the frame's own."""
    others = (count[:, None, None] - 1).clamp(min=1)
    place = (draw * others).long().clamp(max=others - 1)
    own = torch.arange(draw.shape[1], device=draw.device)[:, None]
    return (place + (place >= own)).clamp(max=draw.shape[1] - 1)


def diversity_loss(mean: Float[Tensor, "group entry"]) -> Float[Tensor, ""]:
    """Return the diversity loss of wav2vec 2.0 (Baevski et al. 2020, equation 4), in fairseq's form.

    From 0 (all entries are used equally) to nearly 1 (a single entry is used).

    Args:
        mean: mean probability of each entry over all frames of the batch.
    """
    entropy = -(mean * mean.clamp(min=1e-7).log()).sum(1)
    return 1 - entropy.exp().sum() / mean.numel()
