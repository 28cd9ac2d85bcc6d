"""Pooling of encoder frames by learned queries."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from melp.nn.attention import MultiHeadAttention


class AttentionPooler(nn.Module):
    """Learned queries attend over a sequence (CoCa's attentional pooler; MELP's beats and caption tokens).

    The layer norm and the projection that follow in MELP are the method's.

    Args:
        dim: width of the queries and of the output.
        context_dim: width of the sequence.
        queries: number of queries, which is that of the outputs.
        heads: attention heads.
    """

    def __init__(self, dim: int, context_dim: int, queries: int, heads: int = 8) -> None:
        super().__init__()
        self.dim = dim
        self.query = nn.Parameter(torch.randn(queries, dim))
        self.query_norm = nn.LayerNorm(dim)
        self.context_norm = nn.LayerNorm(context_dim)
        self.attention = MultiHeadAttention(dim, heads, context_dim)

    def forward(self, frames: Float[Tensor, "batch frame context_dim"]) -> Float[Tensor, "batch query dim"]:
        """Pooled vectors, one a query."""
        queries = self.query_norm(self.query).expand(frames.shape[0], -1, -1)
        return self.attention(queries, self.context_norm(frames))

    def weights(self, frames: Float[Tensor, "batch frame context_dim"]) -> Float[Tensor, "batch query frame"]:
        """How much each query takes from each frame, as the mean over the heads; they sum to 1."""
        queries = self.query_norm(self.query).expand(frames.shape[0], -1, -1)
        return self.attention.weights(queries, self.context_norm(frames)).mean(1)
