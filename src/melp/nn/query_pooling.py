"""Pooling of frames by a query from outside, such as a statement."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from melp.signal.precision import at_least_single, without_autocast

_EPS = 1e-8


class QueryPooler(nn.Module):
    """Each query pools the frames of each ECG (cross-attention) and is compared with the result.

    With keys k_t, values v_t and a target r of the query q, the context is c = sum_t w_t v_t with
    w = softmax_t(<k_t, q> / sqrt(dim)), and the similarity is the cosine of c and r. No context needs to be
    formed: <c, r> = sum_t w_t <v_t, r> and |c|^2 = w' G w, where G contains the products of the values.

    Args:
        frame_dim: width of the frames.
        query_dim: width of the queries.
        dim: width of keys, values and targets.
        heads: attention heads, whose weights are averaged; 0 gives all frames the same weight.
    """

    def __init__(self, frame_dim: int, query_dim: int, dim: int, heads: int = 1) -> None:
        super().__init__()
        self.heads, self.dim = heads, dim
        if heads:
            # A bias of the keys would change nothing: the softmax is over the frames.
            self.key = nn.Linear(frame_dim, heads * dim, bias=False)
            self.query = nn.Linear(query_dim, heads * dim)
        self.value, self.target = nn.Linear(frame_dim, dim), nn.Linear(query_dim, dim)

    def forward(
        self, frames: Float[Tensor, "ecg frame frame_dim"], queries: Float[Tensor, "query query_dim"]
    ) -> Float[Tensor, "ecg query"]:
        """Return the cosines, from -1 to 1."""
        with without_autocast(frames.device):
            frames, queries = at_least_single(frames), at_least_single(queries)
            weights = self.weights(frames, queries)
            values, targets = self.value(frames), F.normalize(self.target(queries), dim=-1)
            gram = values @ values.transpose(1, 2)
            products = ((values @ targets.t()) * weights).sum(1)
            lengths = ((gram @ weights) * weights).sum(1).clamp(min=_EPS).sqrt()
            return products / lengths

    def weights(
        self, frames: Float[Tensor, "ecg frame frame_dim"], queries: Float[Tensor, "query query_dim"]
    ) -> Float[Tensor, "ecg frame query"]:
        """Return the attention of each query; it sums to 1 over the frames."""
        if not self.heads:
            return frames.new_full((*frames.shape[:2], len(queries)), 1 / frames.shape[1])
        keys = self.key(frames).unflatten(-1, (self.heads, self.dim))
        asked = self.query(queries).unflatten(-1, (self.heads, self.dim))
        scores = torch.einsum("bthd,qhd->bhtq", keys, asked) / self.dim**0.5
        return scores.softmax(2).mean(1)
