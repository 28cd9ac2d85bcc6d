"""Pooling by queries against loops over ECGs and queries."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from melp.nn.query_pooling import QueryPooler


def slow(pooler: QueryPooler, frames: Tensor, queries: Tensor) -> Tensor:
    """Form each context and take its cosine with the target."""
    result = torch.zeros(len(frames), len(queries))
    for row, one in enumerate(frames):
        for column, query in enumerate(queries):
            if pooler.heads:
                keys = pooler.key(one).reshape(len(one), pooler.heads, pooler.dim)
                asked = pooler.query(query).reshape(pooler.heads, pooler.dim)
                weights = torch.stack(
                    [(keys[:, h] @ asked[h] / pooler.dim**0.5).softmax(0) for h in range(pooler.heads)]
                ).mean(0)
            else:
                weights = torch.full((len(one),), 1 / len(one))
            context = weights @ pooler.value(one)
            result[row, column] = torch.cosine_similarity(context, pooler.target(query), dim=0)
    return result


@pytest.mark.parametrize("heads", [0, 1, 3])
def test_cosines_of_contexts(heads: int) -> None:
    torch.manual_seed(0)
    pooler = QueryPooler(frame_dim=6, query_dim=5, dim=4, heads=heads)
    frames, queries = torch.randn(3, 7, 6), torch.randn(4, 5)
    torch.testing.assert_close(pooler(frames, queries), slow(pooler, frames, queries))


def test_weights_sum_to_one_and_follow_the_frames() -> None:
    torch.manual_seed(0)
    pooler = QueryPooler(6, 5, 4, heads=2)
    frames, queries = torch.randn(2, 7, 6), torch.randn(3, 5)
    weights = pooler.weights(frames, queries)
    assert weights.shape == (2, 7, 3)
    torch.testing.assert_close(weights.sum(1), torch.ones(2, 3))
    torch.testing.assert_close(pooler.weights(frames.flip(1), queries), weights.flip(1))


def test_an_answer_does_not_depend_on_the_other_queries() -> None:
    torch.manual_seed(0)
    pooler = QueryPooler(6, 5, 4)
    frames, queries = torch.randn(2, 7, 6), torch.randn(3, 5)
    torch.testing.assert_close(pooler(frames, queries)[:, 1:2], pooler(frames, queries[1:2]))
