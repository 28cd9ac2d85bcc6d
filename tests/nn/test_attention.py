"""Attention and its weights against slow versions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from melp.errors import MelpError
from melp.nn.attention import MultiHeadAttention
from melp.nn.pooling import AttentionPooler


def slow_attention(module: MultiHeadAttention, x: Tensor, context: Tensor, allowed: Tensor) -> Tensor:
    """Head by head, query by query; `allowed` [query, key]."""
    width = x.shape[-1] // module.heads
    queries, keys, values = module.query(x), module.key(context), module.value(context)
    result = torch.zeros_like(queries)
    for row in range(x.shape[0]):
        for head in range(module.heads):
            part = slice(head * width, (head + 1) * width)
            for place in range(x.shape[1]):
                scores = keys[row, :, part] @ queries[row, place, part] / math.sqrt(width)
                weights = scores.masked_fill(~allowed[place], -math.inf).softmax(0)
                result[row, place, part] = weights @ values[row, :, part]
    return module.output(result)


@torch.no_grad()
def test_equals_slow_attention() -> None:
    module = MultiHeadAttention(8, 2).eval()
    x = torch.randn(2, 5, 8)
    everything = torch.ones(5, 5, dtype=torch.bool)
    torch.testing.assert_close(module(x), slow_attention(module, x, x, everything))
    torch.testing.assert_close(module(x, causal=True), slow_attention(module, x, x, everything.tril()))
    mask = torch.tensor([True, True, False, True, False])
    torch.testing.assert_close(
        module(x, mask=mask.expand(2, 1, 1, 5)), slow_attention(module, x, x, mask.expand(5, 5))
    )
    cross = MultiHeadAttention(8, 2, context_dim=6).eval()
    context = torch.randn(2, 3, 6)
    torch.testing.assert_close(cross(x, context), slow_attention(cross, x, context, everything[:, :3]))


def test_width_must_be_a_multiple_of_the_heads() -> None:
    with pytest.raises(MelpError, match="width 10 found, wanted a multiple of the 4 heads"):
        MultiHeadAttention(10, 4)


@torch.no_grad()
def test_pooler_ignores_the_order_of_frames() -> None:
    pooler = AttentionPooler(dim=8, context_dim=6, queries=3, heads=2).eval()
    frames = torch.randn(2, 7, 6)
    torch.testing.assert_close(pooler(frames), pooler(frames.flip(1)))
    assert pooler(frames).shape == (2, 3, 8)


def test_weights_equal_those_in_forward() -> None:
    torch.manual_seed(0)
    attention = MultiHeadAttention(8, 2, 6).eval()
    x, context = torch.randn(3, 4, 8), torch.randn(3, 5, 6)
    weights = attention.weights(x, context)
    assert torch.allclose(weights.sum(-1), torch.ones(3, 2, 4))
    values = attention.value(context)
    heads = [weights[:, head] @ values[..., 4 * head : 4 * head + 4] for head in range(2)]
    assert torch.allclose(attention.output(torch.cat(heads, -1)), attention(x, context), atol=1e-6)


def test_weights_of_a_pooler_equal_those_in_forward() -> None:
    torch.manual_seed(0)
    pooler = AttentionPooler(dim=8, context_dim=6, queries=3, heads=1)
    frames = torch.randn(2, 7, 6)
    weights = pooler.weights(frames)
    assert weights.shape == (2, 3, 7)
    values = pooler.attention.value(pooler.context_norm(frames))
    assert torch.allclose(pooler.attention.output(weights @ values), pooler(frames), atol=1e-6)
