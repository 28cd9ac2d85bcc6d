"""Applies a network to rows of different lengths, skipping most of the padding."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Int, Shaped
from torch import Tensor


def run_trimmed(
    network: Callable[..., Shaped[Tensor, "row short *rest"]],
    lengths: Int[Tensor, " row"],
    *inputs: Shaped[Tensor, "row place *rest"],
    parts: int = 4,
) -> Shaped[Tensor, "row place *rest"]:
    """Apply a network to parts of rows with similar lengths, each trimmed to its longest row.

    Most reports are short, so most of a padded batch is padding. The output of the network for a row must not
    depend on its padding. The result is 0 at the places that were trimmed.

    Args:
        network: maps inputs [row, short, ...] and, last, the numbers of the rows to [row, short, ...].
        lengths: length of each row without padding, which is on the right.
        inputs: padded rows.
        parts: number of parts.
    """
    order = lengths.argsort()
    width = inputs[0].shape[1]
    outputs = []
    for rows in order.chunk(parts):
        longest = max(int(lengths[rows[-1]]), 1)
        output = network(*(value[rows, :longest] for value in inputs), rows)
        outputs.append(F.pad(output, (0, 0) * (output.ndim - 2) + (0, width - longest)))
    return torch.cat(outputs)[order.argsort()]
