"""Cross entropy of the next word piece of a report (token level)."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from melp.signal.precision import without_autocast


def caption_loss(
    logits: Float[Tensor, "batch token vocabulary"],
    targets: Int[Tensor, "batch token"],
    pad: int,
    label_smoothing: float = 0.0,
    count: Float[Tensor, ""] | None = None,
) -> Float[Tensor, ""]:
    """Return the mean cross entropy over the targets that are not padding; 0 if there are none.

    Args:
        logits: predictions of the target at the same position.
        targets: word pieces, already shifted.
        pad: id of padding.
        label_smoothing: share of the target distribution that is uniform over the vocabulary.
        count: divisor of the sum instead of the number of targets; see `gather.share_of_count`.
    """
    with without_autocast(logits.device):
        total = F.cross_entropy(
            logits.float().flatten(0, 1),
            targets.flatten(),
            ignore_index=pad,
            label_smoothing=label_smoothing,
            reduction="sum",
        )
    if count is None:
        count = (targets != pad).sum().float()
    return total / count.clamp(min=1)
