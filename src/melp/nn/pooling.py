"""Attention pooling of encoder frames."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from melp.errors import MelpError
from melp.nn.attention import MultiHeadAttention


class AttentionPooler(nn.Module):
    """Learned queries attend to a sequence (CoCa's attentional pooler; MELP's beats and caption tokens).

    The layer norm and projection after it are part of the method.

    Args:
        dim: width of the queries and of the output.
        context_dim: width of the sequence.
        queries: number of queries and outputs.
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
        """Return the pooled vectors, one per query."""
        queries = self.query_norm(self.query).expand(frames.shape[0], -1, -1)
        return self.attention(queries, self.context_norm(frames))

    def weights(self, frames: Float[Tensor, "batch frame context_dim"]) -> Float[Tensor, "batch query frame"]:
        """Return the attention weights of each query over the frames, mean over the heads; they sum to 1."""
        queries = self.query_norm(self.query).expand(frames.shape[0], -1, -1)
        return self.attention.weights(queries, self.context_norm(frames)).mean(1)


class ClassTokenPooler(nn.Module):
    """MERL's attention pooling: a learned token attends to the frames and itself (Liu et al. 2024).

    Args:
        dim: width of the frames.
        out_dim: width of the output.
        frames: largest number of frames; each has a learned position.
        heads: attention heads.

    Differences: there may be fewer frames than positions. As in the published code, the position of the token
    is added twice.
    """

    def __init__(self, dim: int, out_dim: int, frames: int, heads: int = 4) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(dim))
        self.positions = nn.Parameter(torch.randn(frames + 1, dim) / dim)
        self.attention = MultiHeadAttention(dim, heads)
        self.projection = nn.Linear(dim, out_dim)

    def forward(self, frames: Float[Tensor, "batch frame dim"]) -> Float[Tensor, "batch out_dim"]:
        """Return one vector per recording.

        Raises:
            MelpError: there are more frames than positions.
        """
        batch, count, _ = frames.shape
        if count >= len(self.positions):
            raise MelpError(f"pooling: {count} frames found, wanted at most {len(self.positions) - 1}")
        token = (self.token + self.positions[0]).expand(batch, 1, -1)
        x = torch.cat([token, frames], dim=1) + self.positions[: count + 1]
        return self.projection(self.attention(x[:, :1], x))[:, 0]
