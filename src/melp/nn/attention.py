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
        """Number of positions held."""
        return 0 if self.keys is None else self.keys.shape[2]

    def extend(
        self,
        keys: Float[Tensor, "batch head new head_dim"],
        values: Float[Tensor, "batch head new head_dim"],
    ) -> tuple[Float[Tensor, "batch head total head_dim"], Float[Tensor, "batch head total head_dim"]]:
        """Append new positions and return all that are held."""
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

    Initialised as in `torch.nn.MultiheadAttention` (Xavier-uniform projections, biases of zero).

    Args:
        dim: width of the queries and of the output.
        heads: number of heads; `dim` must be a multiple of it unless `head_dim` is given.
        context_dim: width of what keys and values are made from; `dim` where None.
        dropout: dropout of the attention weights.
        head_dim: width of a head; `dim` over the number of heads where None.
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
        # One packed [3 dim, dim] matrix, where the widths agree, has a Xavier bound smaller by sqrt(2).
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
        """Keys and values of a context."""
        return self._split(self.key(context)), self._split(self.value(context))

    def attend(
        self,
        x: Float[Tensor, "batch query dim"],
        keys: Float[Tensor, "batch head key head_dim"],
        values: Float[Tensor, "batch head key head_dim"],
        causal: bool = False,
        mask: Bool[Tensor, " batch #head #query key"] | None = None,
    ) -> Float[Tensor, "batch query dim"]:
        """Attend over ready keys and values.

        Args:
            x: what queries are made from.
            keys, values: as from `project`.
            causal: the last query stands at the last key's place, and none sees keys after its own.
            mask: True where a query may look; not to be given together with `causal`.
        """
        queries, seen = x.shape[1], keys.shape[2]
        if causal and 1 < queries < seen:
            # SDPA's own causal mask counts from the first key, wrong after a cached prefix.
            mask = torch.ones(queries, seen, dtype=torch.bool, device=x.device).tril(seen - queries)[
                None, None
            ]
        attended = F.scaled_dot_product_attention(
            self._split(self.query(x)),
            keys,
            values,
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=causal and queries == seen and queries > 1,
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
        """Attention over `context`, or over `x` itself (and the cached positions before it) where None."""
        keys, values = self.project(x if context is None else context)
        if cache is not None:
            keys, values = cache.extend(keys, values)
        return self.attend(x, keys, values, causal, mask)

    def weights(
        self, x: Float[Tensor, "batch query dim"], context: Float[Tensor, "batch key context_dim"]
    ) -> Float[Tensor, "batch head query key"]:
        """How much each query takes from each place of `context`, without dropout; its sum over them is 1."""
        queries, keys = self._split(self.query(x)), self._split(self.key(context))
        return (queries @ keys.transpose(2, 3) / queries.shape[-1] ** 0.5).softmax(-1)
