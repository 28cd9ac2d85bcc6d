"""Where the first hit of a query is among items that are sorted by similarity.

Items that are as similar to a query as its best hit are in no order: a recall and a rank are their means over
all orders of such items. So a model that gives every pair the same similarity has the recall of chance, and
not 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["SIDE", "Places", "chance_places", "first_hits", "first_hits_both_ways"]

TIE = 1e-6
"""Cosines that differ by less are equal: more than the error of a product in float32."""
SIDE = 512
"""Side of the squares of similarities in memory at once: they stay in the cache of a processor."""
_PAIRS = 1 << 16


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


class _Hits:
    """The best hit of each query, and the numbers of items that are more similar or as similar."""

    def __init__(
        self,
        queries: Float[Tensor, "query dim"],
        items: Float[Tensor, "item dim"],
        groups: tuple[Int[np.ndarray, " query"], Int[np.ndarray, " item"]],
        counts: Int[np.ndarray, " item"] | None,
    ) -> None:
        device = queries.device
        pairs = [torch.tensor(rows, device=device) for rows in _pairs(*groups)]
        parts = zip(*(rows.split(_PAIRS) for rows in pairs), strict=True)
        similarity = torch.cat([(queries[ours] * items[theirs]).sum(1) for ours, theirs in parts])
        self.counts = torch.ones(len(items)) if counts is None else torch.from_numpy(counts).float()
        self.counts = self.counts.to(device)
        none = torch.full((len(queries),), -torch.inf, device=device)
        self.best = none.scatter_reduce(0, pairs[0], similarity, "amax")
        reached = similarity >= self.best[pairs[0]] - TIE
        self.hits = torch.zeros_like(none).index_add(0, pairs[0], reached * self.counts[pairs[1]])
        self.above, self.reached = (torch.zeros_like(none, dtype=torch.float64) for _ in range(2))

    def add(
        self,
        similarity: Float[Tensor, "query item"],
        room: Float[Tensor, "query item"],
        queries: slice,
        items: slice,
    ) -> None:
        """Count items in a part of all pairs; `room` is overwritten."""
        best, counts = self.best[queries, None], self.counts[items]
        # In float32, because comparisons that return bool, and sums of these, take several times as long.
        self.above[queries] += torch.gt(similarity, best + TIE, out=room) @ counts
        self.reached[queries] += torch.ge(similarity, best - TIE, out=room) @ counts

    @property
    def places(self) -> Places:
        values = torch.stack([self.above, self.reached - self.above, self.hits.double()])
        return Places(*values.round().long().cpu().numpy())


def _pairs(
    query_groups: Int[np.ndarray, " query"], item_groups: Int[np.ndarray, " item"]
) -> tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]]:
    """Return the queries and the items of all pairs of the same group."""
    ours = pd.DataFrame({"group": query_groups, "query": np.arange(len(query_groups))})
    theirs = pd.DataFrame({"group": item_groups, "item": np.arange(len(item_groups))})
    pairs = ours.merge(theirs, on="group")
    return pairs["query"].to_numpy(), pairs["item"].to_numpy()


@torch.inference_mode()
def first_hits(
    queries: Float[Tensor, "query dim"],
    items: Float[Tensor, "item dim"],
    query_groups: Int[np.ndarray, " query"],
    item_groups: Int[np.ndarray, " item"],
    counts: Int[np.ndarray, " item"] | None = None,
    *,
    side: int = SIDE,
) -> Places:
    """Return the place of the best hit of each query; an item of the same group is a hit.

    Args:
        queries, items: unit vectors.
        query_groups, item_groups: number of the group of each vector; each query has a hit.
        counts: how many times each item occurs; default: once.
        side: number of queries, and of items, whose similarities are in memory at once.
    """
    hits = _Hits(queries, items, (query_groups, item_groups), counts)
    for rows, columns, similarity, room in _parts(queries, items, side):
        hits.add(similarity, room, rows, columns)
    return hits.places


@torch.inference_mode()
def first_hits_both_ways(
    first: Float[Tensor, "first dim"],
    second: Float[Tensor, "second dim"],
    first_groups: Int[np.ndarray, " first"],
    second_groups: Int[np.ndarray, " second"],
    second_counts: Int[np.ndarray, " second"] | None = None,
    *,
    side: int = SIDE,
) -> tuple[Places, Places]:
    """Return the places of `first_hits` of each vector of `first` in `second`, and the reverse.

    Each similarity is computed once. Each vector has a hit; `second_counts` is how many times each vector of
    `second` occurs.
    """
    groups = first_groups, second_groups
    forth = _Hits(first, second, groups, second_counts)
    back = _Hits(second, first, groups[::-1], None)
    for rows, columns, similarity, room in _parts(first, second, side):
        forth.add(similarity, room, rows, columns)
        back.add(similarity.t(), room.t(), columns, rows)
    return forth.places, back.places


def _parts(
    first: Float[Tensor, "first dim"], second: Float[Tensor, "second dim"], side: int
) -> Iterator[tuple[slice, slice, Float[Tensor, "row column"], Float[Tensor, "row column"]]]:
    """Yield the similarities of all pairs, a square at a time, and room for as many numbers.

    The next square is in the same memory, because new memory takes as long as counting.
    """
    memory: dict[tuple[int, int], Float[Tensor, "two row column"]] = {}
    for row in range(0, len(first), side):
        for column in range(0, len(second), side):
            rows, columns = slice(row, row + side), slice(column, column + side)
            ours, theirs = first[rows], second[columns]
            shape = len(ours), len(theirs)
            if shape not in memory:
                memory[shape] = first.new_empty(2, *shape)
            similarity, room = memory[shape]
            torch.mm(ours, theirs.t(), out=similarity)
            yield rows, columns, similarity, room
