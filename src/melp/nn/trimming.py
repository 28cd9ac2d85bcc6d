"""Running a network over rows of different lengths without working on most of the padding."""

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
    """Apply a network to the rows in parts of like length, each cut to its longest row.

    Reports are short but for a few, so that most of a padded batch is padding. The network must give the same
    for a row whatever its padding; where a part was cut, the result is 0.

    Args:
        network: from inputs [row, short, ...] and, last, the numbers of the rows, to [row, short, ...].
        lengths: places of each row that count, from the left.
        inputs: padded rows.
        parts: how many.
    """
    order = lengths.argsort()
    width = inputs[0].shape[1]
    outputs = []
    for rows in order.chunk(parts):
        longest = max(int(lengths[rows[-1]]), 1)
        output = network(*(value[rows, :longest] for value in inputs), rows)
        outputs.append(F.pad(output, (0, 0) * (output.ndim - 2) + (0, width - longest)))
    return torch.cat(outputs)[order.argsort()]
