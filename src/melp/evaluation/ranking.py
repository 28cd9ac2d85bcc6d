"""Where the first hit of a query is among items that are sorted by similarity.

Items that are as similar to a query as its best hit are in no order: a recall and a rank are their means over
all orders of such items. So a model that gives every pair the same similarity has the recall of chance, and
not 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["PAIRS", "Places", "chance_places", "first_hits"]

TIE = 1e-6
"""Cosines that differ by less are equal: more than the error of a product in float32."""
PAIRS = 1 << 25
"""Similarities in memory at once."""


@dataclass(frozen=True)
class Places:
    """The place of each query's best hit.

    Attributes:
        above: number of items that are more similar than it.
        tied: number of items that are as similar, itself included.
        hits: number of hits among `tied`.
    """

    above: Int[np.ndarray, " query"]
    tied: Int[np.ndarray, " query"]
    hits: Int[np.ndarray, " query"]

    def recall(self, k: int) -> Float[np.ndarray, " query"]:
        """Return the probability of a hit among the first `k` items, over the orders of tied items."""
        misses = np.ones(len(self.above))
        for drawn in range(k):
            share = (self.tied - self.hits - drawn) / np.maximum(self.tied - drawn, 1)
            misses *= np.where(self.above + drawn < k, np.clip(share, 0, 1), 1)
        return 1 - misses

    @property
    def ranks(self) -> Float[np.ndarray, " query"]:
        """The mean rank of the first hit, from 1, over the orders of tied items."""
        return self.above + (self.tied + 1) / (self.hits + 1)


def chance_places(hits: Int[np.ndarray, " query"], items: int) -> Places:
    """Return the places of queries that have `hits` hits among items of equal similarity."""
    return Places(np.zeros_like(hits), np.full_like(hits, items), hits)


@torch.inference_mode()
def first_hits(
    queries: Float[Tensor, "query dim"],
    items: Float[Tensor, "item dim"],
    query_groups: Int[np.ndarray, " query"],
    item_groups: Int[np.ndarray, " item"],
    counts: Int[np.ndarray, " item"] | None = None,
    *,
    pairs: int = PAIRS,
) -> Places:
    """Return the place of the best hit of each query; an item of the same group is a hit.

    Args:
        queries, items: unit vectors.
        query_groups, item_groups: number of the group of each vector; each query has a hit.
        counts: how many times each item occurs; default: once.
        pairs: the largest number of similarities in memory, but at least those of one query.
    """
    device = queries.device
    groups, wanted = (torch.as_tensor(names, device=device).int() for names in (item_groups, query_groups))
    weights = None if counts is None else torch.as_tensor(counts, device=device).float()

    def count(chosen: Bool[Tensor, "part item"]) -> Float[Tensor, " part"]:
        return chosen.sum(1).float() if weights is None else chosen.float() @ weights

    parts = []
    rows = max(1, pairs // len(items))
    for part, names in zip(queries.split(rows), wanted.split(rows), strict=True):
        similarity, is_hit = part @ items.t(), names[:, None] == groups
        best = similarity.masked_fill(~is_hit, -torch.inf).amax(1, keepdim=True)
        above, reached = count(similarity > best + TIE), similarity >= best - TIE
        parts.append(torch.stack([above, count(reached) - above, count(reached & is_hit)]))
    above, tied, hits = torch.cat(parts, dim=1).long().cpu().numpy()
    return Places(above, tied, hits)
