"""Greedy and beam search with a model that keeps caches."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Step = Callable[[Int[Tensor, "row 1"]], Float[Tensor, "row vocabulary"]]
"""Maps the newest token of each row to the logits of the next one; caches contain all earlier tokens."""
Reorder = Callable[[Int[Tensor, " row"]], None]
"""Selects rows of the caches, in the given order."""


def beam_search(
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
    """Return the best sequences by mean log-probability; with one beam this is greedy search.

    Args:
        step: the model, whose caches have `batch * beams` rows (the beams of a record are adjacent).
        reorder: selects rows of these caches.
        batch: number of records.
        bos: first token, not part of the result.
        eos: last token, not part of the result.
        max_length: largest number of tokens of a result.
        beams: number of sequences kept for each record.
        banned: tokens that are never generated.
        device: device of the tokens.

    Returns:
        The tokens of each record.
    """
    tokens = torch.full((batch * beams, 1), bos, device=device)
    scores = torch.zeros(batch, beams, device=device)
    scores[:, 1:] = -torch.inf
    finished = torch.zeros(batch, beams, dtype=torch.bool, device=device)
    lengths = torch.zeros(batch, beams, device=device)
    offset = torch.arange(batch, device=device)[:, None] * beams
    for _ in range(max_length):
        gain = _log_probabilities(step(tokens[:, -1:]), finished, eos, banned)
        new_lengths = lengths + ~finished
        total = scores[..., None] + gain
        mean = (total / new_lengths.clamp(min=1)[..., None]).flatten(1)
        best = mean.topk(beams, dim=1).indices
        parent, token = best // gain.shape[-1], best % gain.shape[-1]
        scores = total.flatten(1).gather(1, best)
        lengths, finished = new_lengths.gather(1, parent), finished.gather(1, parent) | (token == eos)
        order = (parent + offset).flatten()
        tokens = torch.cat([tokens[order], token.view(-1, 1)], dim=1)
        if finished.all():
            break
        reorder(order)
    winner = (scores / lengths.clamp(min=1)).argmax(1)
    sequences = tokens.view(batch, beams, -1)[torch.arange(batch, device=device), winner, 1:].tolist()
    return [sequence[: sequence.index(eos)] if eos in sequence else sequence for sequence in sequences]


def _log_probabilities(
    logits: Float[Tensor, "row vocabulary"],
    finished: Bool[Tensor, "batch beam"],
    eos: int,
    banned: tuple[int, ...],
) -> Float[Tensor, "batch beam vocabulary"]:
    """Return the log-probability of each next token; a finished beam is continued by `eos` at no cost."""
    logits = logits.float()
    logits[:, list(banned)] = -torch.inf
    gain = logits.log_softmax(-1).view(*finished.shape, -1).masked_fill(finished[..., None], -torch.inf)
    gain[..., eos] = gain[..., eos].masked_fill(finished, 0)
    return gain
