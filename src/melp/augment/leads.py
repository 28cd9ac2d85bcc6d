"""Augmentations that blank leads."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from melp.augment.random import uniform
from melp.augment.streams import Stream
from melp.signal.precision import full_precision

FILLS = ("isoelectric", "zero")


def fill_value(ecg: Float[Tensor, "batch lead time"], fill: str) -> Float[Tensor, "batch lead 1"]:
    """Return the value of blanked parts: the median of each lead, or 0 (`fill` is one of `FILLS`)."""
    return ecg.median(-1, keepdim=True).values if fill == "isoelectric" else torch.zeros_like(ecg[..., :1])


@full_precision
def mask_leads(
    ecg: Float[Tensor, "batch lead time"],
    keys: Int[Tensor, " batch"],
    probability: float,
    fill: str = "isoelectric",
    stream: Stream = Stream.MASKED_LEADS,
) -> Float[Tensor, "batch lead time"]:
    """Random lead masking: blank each lead with the given probability, but never all.

    Args:
        ecg: preprocessed ECGs.
        keys: random key of each record.
        probability: probability of a lead to be blanked.
        fill: `isoelectric` (the median of the lead, its baseline) or `zero` (as published).
        stream: name of the random numbers, for keys that also serve other purposes.

    Differences: the published code fills with 0 after scaling to [0, 1], which is the record's minimum, not
    its baseline; and it blanks all twelve leads in one record of 4,096.
    """
    if probability == 0:
        return ecg
    draw = uniform(keys, ecg.shape[1], stream=stream)
    masked = (draw < probability) & (draw < draw.amax(1, keepdim=True))
    return torch.where(masked[..., None], fill_value(ecg, fill), ecg)
