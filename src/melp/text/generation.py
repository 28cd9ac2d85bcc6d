"""Greedy and beam search over a step function with caches."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

Step = Callable[[Int[Tensor, "row 1"]], Float[Tensor, "row vocabulary"]]
"""Takes the newest token of each row, gives the logits of the next; keeps caches of all before."""
Reorder = Callable[[Int[Tensor, " row"]], None]
"""Keeps the given rows of the caches, in the given order."""


def search(
    step: Step,
    reorder: Reorder,
    batch: int,
    bos: int,
    eos: int,
    max_length: int,
    beams: int = 1,
    banned: tuple[int, ...] = (),
    device: torch.device | None = None,
) -> list[list[int]]:
    """Best sequences by mean log-probability; one beam is greedy search.

    Args:
        step: the model, whose caches hold `batch * beams` rows (beams of one record side by side).
        reorder: of those caches.
        batch: number of records.
        bos: first token, which is not part of the result.
        eos: last token, which is not part of the result.
        max_length: most tokens of a result.
        beams: sequences kept for each record.
        banned: tokens that are never written.

    Returns:
        The tokens of each record.
    """
    rows = batch * beams
    tokens = torch.full((rows, 1), bos, device=device)
    scores = torch.zeros(batch, beams, device=device)
    scores[:, 1:] = -torch.inf
    finished = torch.zeros(batch, beams, dtype=torch.bool, device=device)
    lengths = torch.zeros(batch, beams, device=device)
    offset = torch.arange(batch, device=device)[:, None] * beams
    for _ in range(max_length):
        logits = step(tokens[:, -1:]).float()
        logits[:, list(banned)] = -torch.inf
        gain = logits.log_softmax(-1).view(batch, beams, -1)
        # A finished beam has one continuation, at no cost.
        gain = gain.masked_fill(finished[..., None], -torch.inf)
        gain[..., eos] = gain[..., eos].masked_fill(finished, 0)
        grown = lengths + ~finished
        total = scores[..., None] + gain
        mean = (total / grown.clamp(min=1)[..., None]).flatten(1)
        best = mean.topk(beams, dim=1).indices
        parent, chosen = best // gain.shape[-1], best % gain.shape[-1]
        scores = total.flatten(1).gather(1, best)
        lengths, finished = grown.gather(1, parent), finished.gather(1, parent) | (chosen == eos)
        order = (parent + offset).flatten()
        tokens = torch.cat([tokens[order], chosen.view(-1, 1)], dim=1)
        if finished.all():
            break
        reorder(order)
    winner = (scores / lengths.clamp(min=1)).argmax(1)
    sequences = tokens.view(batch, beams, -1)[torch.arange(batch, device=device), winner, 1:].tolist()
    return [sequence[: sequence.index(eos)] if eos in sequence else sequence for sequence in sequences]
