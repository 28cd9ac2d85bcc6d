"""Transformer blocks against slow versions; caches against the whole sequence."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from melp.nn.attention import AttentionCache, MultiHeadAttention
from melp.nn.transformer import Transformer, TransformerBlock, TransformerCache


def slow_attention(attention: MultiHeadAttention, x: Tensor, width: int) -> Tensor:
    """Self-attention, head by head."""
    heads = []
    for head in range(attention.heads):
        rows = slice(width * head, width * head + width)
        query, key, value = (
            x @ part.weight[rows].T + part.bias[rows]
            for part in (attention.query, attention.key, attention.value)
        )
        heads.append((query @ key.transpose(1, 2) / width**0.5).softmax(-1) @ value)
    return torch.cat(heads, dim=-1) @ attention.output.weight.T + attention.output.bias


@torch.no_grad()
def test_block_with_norms_first() -> None:
    block, x = TransformerBlock(16, 2, 32, head_dim=6).eval(), torch.randn(2, 5, 16)
    attended = x + slow_attention(block.attention, block.attention_norm(x), 6)
    expected = attended + block.fc2(F.gelu(block.fc1(block.feedforward_norm(attended))))
    torch.testing.assert_close(block(x), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_block_with_norms_last() -> None:
    block, x = TransformerBlock(16, 2, 32, norm_first=False, eps=0.1).eval(), torch.randn(2, 5, 16)
    attended = F.layer_norm(x + slow_attention(block.attention, x, 8), (16,), eps=0.1)
    summed = attended + block.fc2(F.gelu(block.fc1(attended)))
    torch.testing.assert_close(block(x), F.layer_norm(summed, (16,), eps=0.1), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_block_with_cross_attention() -> None:
    block = TransformerBlock(16, 2, 32, cross=True).eval()
    x, context = torch.randn(2, 5, 16), torch.randn(2, 3, 16)
    assert block.context_norm is not None
    attended = x + block.attention(block.attention_norm(x), block.context_norm(context))
    expected = attended + block.fc2(F.gelu(block.fc1(block.feedforward_norm(attended))))
    torch.testing.assert_close(block(x, context, causal=True), expected)


@pytest.mark.parametrize(
    ("options", "places"),
    [
        ({"dropout": 1.0, "hidden_dropout": 0.0}, {"attention", "output"}),
        ({"hidden_dropout": 1.0}, {"hidden"}),
        ({"dropout": 1.0}, {"attention", "hidden", "output"}),
    ],
)
def test_places_of_dropout(options: dict[str, float], places: set[str]) -> None:
    block, x = TransformerBlock(8, 2, 16, **options).train(), torch.randn(2, 5, 8)
    attended = x if "attention" in places else x + block.attention(block.attention_norm(x))
    hidden = F.gelu(block.fc1(block.feedforward_norm(attended)))
    fed = block.fc2(torch.zeros_like(hidden) if "hidden" in places else hidden)
    torch.testing.assert_close(block(x), attended if "output" in places else attended + fed)


@torch.no_grad()
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("steps", [[1] * 6, [3, 1, 2], [6], [1, 5]])
def test_cached_block_equals_uncached(steps: list[int], norm_first: bool) -> None:
    block = TransformerBlock(8, 2, 16, norm_first=norm_first).eval()
    x = torch.randn(2, 6, 8)
    cache = AttentionCache()
    parts = [block(part, causal=True, cache=cache) for part in x.split(steps, dim=1)]
    assert cache.length == 6
    torch.testing.assert_close(torch.cat(parts, dim=1), block(x, causal=True), rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_stack_applies_its_blocks_in_order() -> None:
    first, second = TransformerBlock(8, 2, 16).eval(), TransformerBlock(8, 2, 16, cross=True).eval()
    x, context = torch.randn(2, 6, 8), torch.randn(2, 3, 8)
    mask = torch.tensor([True, True, True, True, False, False])[None, None, None]
    stack = Transformer([first, second])
    assert torch.equal(stack(x, context, mask=mask), second(first(x, mask=mask), context))
    cache = TransformerCache(2)
    parts = [stack(x[:, :4], context, causal=True, cache=cache)]
    parts.append(stack(x[:, 4:], causal=True, cache=cache))
    assert cache.length == 6
    torch.testing.assert_close(torch.cat(parts, 1), stack(x, context, causal=True), rtol=1e-5, atol=1e-6)
