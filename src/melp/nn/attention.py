"""Multi-head attention and its cache."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from melp.errors import MelpError


class AttentionCache:
    """Keys and values of one attention module, kept between the steps of a generation."""

    def __init__(self) -> None:
        self.keys: Tensor | None = None
        self.values: Tensor | None = None

    @property
    def length(self) -> int:
        """Number of positions in the cache."""
        return 0 if self.keys is None else self.keys.shape[2]

    def extend(
        self,
        keys: Float[Tensor, "batch head new head_dim"],
        values: Float[Tensor, "batch head new head_dim"],
    ) -> tuple[Float[Tensor, "batch head total head_dim"], Float[Tensor, "batch head total head_dim"]]:
        """Append new positions and return all."""
        if self.keys is not None and self.values is not None:
            keys, values = torch.cat([self.keys, keys], dim=2), torch.cat([self.values, values], dim=2)
        self.keys, self.values = keys, values
        return keys, values

    def reorder(self, rows: Int[Tensor, " new_batch"]) -> None:
        """Keep the given rows of the batch, in the given order: the surviving beams of a beam search."""
        if self.keys is not None and self.values is not None:
            self.keys, self.values = self.keys.index_select(0, rows), self.values.index_select(0, rows)


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention with separate query, key, value and output projections.

    Initialised like `torch.nn.MultiheadAttention`: Xavier-uniform projections, zero biases.

    Args:
        dim: width of the queries and of the output.
        heads: number of heads; must divide `dim` unless `head_dim` is given.
        context_dim: width of the input of keys and values; `dim` if None.
        dropout: dropout of the attention weights.
        head_dim: width of a head; `dim` divided by `heads` if None.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        context_dim: int | None = None,
        dropout: float = 0.0,
        head_dim: int | None = None,
    ) -> None:
        super().__init__()
        if head_dim is None and dim % heads:
            raise MelpError(f"attention: width {dim} found, wanted a multiple of the {heads} heads")
        self.heads, self.dropout = heads, dropout
        inner = heads * (head_dim or dim // heads)
        self.query = nn.Linear(dim, inner)
        self.key = nn.Linear(context_dim or dim, inner)
        self.value = nn.Linear(context_dim or dim, inner)
        self.output = nn.Linear(inner, dim)
        # torch packs projections of equal width into [3 dim, dim]: its Xavier bound is smaller by sqrt(2).
        gain = 2**-0.5 if (context_dim or dim) == dim else 1.0
        for layer in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(layer.weight, gain)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.output.bias)

    def _split(self, x: Float[Tensor, "batch place dim"]) -> Float[Tensor, "batch head place head_dim"]:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def project(
        self, context: Float[Tensor, "batch key context_dim"]
    ) -> tuple[Float[Tensor, "batch head key head_dim"], Float[Tensor, "batch head key head_dim"]]:
        """Return keys and values of a context."""
        return self._split(self.key(context)), self._split(self.value(context))

    def attend(
        self,
        x: Float[Tensor, "batch query dim"],
        keys: Float[Tensor, "batch head key head_dim"],
        values: Float[Tensor, "batch head key head_dim"],
        causal: bool = False,
        mask: Bool[Tensor, " batch #head #query key"] | None = None,
    ) -> Float[Tensor, "batch query dim"]:
        """Attend to keys and values.

        Args:
            x: input of the queries.
            keys, values: as from `project`.
            causal: whether queries only attend to keys up to their own place; the last query has the place of
                the last key.
            mask: True for keys that a query attends to; not together with `causal`.
        """
        query_count, key_count = x.shape[1], keys.shape[2]
        if causal and 1 < query_count < key_count:
            # The causal mask of SDPA is aligned with the first key, which is wrong after a cached prefix.
            mask = torch.ones(query_count, key_count, dtype=torch.bool, device=x.device)
            mask = mask.tril(key_count - query_count)[None, None]
        attended = F.scaled_dot_product_attention(
            self._split(self.query(x)),
            keys,
            values,
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=causal and query_count == key_count and query_count > 1,
        )
        return self.output(attended.transpose(1, 2).flatten(2))

    def forward(
        self,
        x: Float[Tensor, "batch query dim"],
        context: Float[Tensor, "batch key context_dim"] | None = None,
        causal: bool = False,
        mask: Bool[Tensor, " batch #head #query key"] | None = None,
        cache: AttentionCache | None = None,
    ) -> Float[Tensor, "batch query dim"]:
        """Attend to `context`; if None, to `x` and the cached positions before it."""
        keys, values = self.project(x if context is None else context)
        if cache is not None:
            keys, values = cache.extend(keys, values)
        return self.attend(x, keys, values, causal, mask)

    def weights(
        self, x: Float[Tensor, "batch query dim"], context: Float[Tensor, "batch key context_dim"]
    ) -> Float[Tensor, "batch head query key"]:
        """Return the attention weights of each query over `context`, without dropout; they sum to 1."""
        queries, keys = self._split(self.query(x)), self._split(self.key(context))
        return (queries @ keys.transpose(2, 3) / queries.shape[-1] ** 0.5).softmax(-1)
