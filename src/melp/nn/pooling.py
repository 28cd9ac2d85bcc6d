"""Pooling of encoder frames by attention."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from melp.errors import MelpError
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


class ClassTokenPooler(nn.Module):
    """MERL's attention pooling: a learned token attends over the frames and itself (Liu et al. 2024).

    Args:
        dim: width of the frames.
        out_dim: width of the output.
        frames: most frames that positions are learned for.
        heads: attention heads.

    Differences: there may be fewer frames than positions. As in the published code, the token's own position
    is added to it twice.
    """

    def __init__(self, dim: int, out_dim: int, frames: int, heads: int = 4) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(dim))
        self.positions = nn.Parameter(torch.randn(frames + 1, dim) / dim)
        self.attention = MultiHeadAttention(dim, heads)
        self.projection = nn.Linear(dim, out_dim)

    def forward(self, frames: Float[Tensor, "batch frame dim"]) -> Float[Tensor, "batch out_dim"]:
        """One vector a recording.

        Raises:
            MelpError: there are more frames than positions.
        """
        batch, count, _ = frames.shape
        if count >= len(self.positions):
            raise MelpError(f"pooling: {count} frames found, wanted at most {len(self.positions) - 1}")
        token = (self.token + self.positions[0]).expand(batch, 1, -1)
        x = torch.cat([token, frames], dim=1) + self.positions[: count + 1]
        return self.projection(self.attention(x[:, :1], x))[:, 0]
