"""The decoder that writes reports from ECG tokens."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from melp.errors import MelpError
from melp.nn.attention import AttentionCache, MultiHeadAttention


@dataclass
class DecoderCache:
    """What a `ReportDecoder` keeps between two steps of a generation.

    The keys and values of the ECG tokens are computed at the first step and then only read.
    """

    text: list[AttentionCache] = field(default_factory=list)
    ecg: list[AttentionCache] = field(default_factory=list)

    def reorder(self, rows: Int[Tensor, " new_batch"]) -> None:
        """Keep the given rows of the batch, in the given order (beams)."""
        for cache in (*self.text, *self.ecg):
            cache.reorder(rows)


class DecoderBlock(nn.Module):
    """Attention and feed-forward part, each behind a layer norm.

    Args:
        dim: width.
        heads: attention heads.
        cross: attend to a context (with a layer norm of its own) instead of causally to itself.
        dropout: after attention and after the feed-forward part.
    """

    def __init__(self, dim: int, heads: int, cross: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.context_norm = nn.LayerNorm(dim) if cross else None
        self.attention = MultiHeadAttention(dim, heads, dropout=dropout)
        self.output_norm = nn.LayerNorm(dim)
        self.expand = nn.Linear(dim, 4 * dim)
        self.contract = nn.Linear(4 * dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "batch token dim"],
        context: Float[Tensor, "batch place dim"] | None = None,
        cache: AttentionCache | None = None,
    ) -> Float[Tensor, "batch token dim"]:
        """`context` may be left out of a cross block once its cache is filled."""
        inputs = self.attention_norm(x)
        if self.context_norm is None:
            attended = self.attention(inputs, causal=True, cache=cache)
        else:
            attended = self.attention.attend(inputs, *self._context(context, cache))
        x = x + self.dropout(attended)
        return x + self.dropout(self.contract(F.gelu(self.expand(self.output_norm(x)))))

    def _context(self, context: Tensor | None, cache: AttentionCache | None) -> tuple[Tensor, Tensor]:
        if cache is not None and cache.keys is not None and cache.values is not None:
            return cache.keys, cache.values
        if context is None or self.context_norm is None:
            raise MelpError("report decoder: no ECG tokens found, wanted them at the first step")
        projected = self.attention.project(self.context_norm(context))
        return projected if cache is None else cache.extend(*projected)


class ReportDecoder(nn.Module):
    """Causal self-attention blocks alternating with cross-attention to ECG tokens (CoCa, Yu et al. 2022).

    Args:
        dim: width of text states and ECG tokens.
        vocabulary: number of word pieces.
        layers: pairs of a self-attention and a cross-attention block.
        heads: attention heads.
        dropout: in the blocks.
        tied: the output matrix is the word embeddings given to `forward`.

    Differences: initialised (matrices and output matrix normal, as in CLIP's text tower), where the published
    code leaves its output matrix as the allocator found it; `tied` and `dropout` are not in the paper.
    """

    def __init__(
        self,
        dim: int,
        vocabulary: int,
        layers: int = 6,
        heads: int = 8,
        dropout: float = 0.0,
        tied: bool = False,
    ) -> None:
        super().__init__()
        self.dim = dim
        self.self_blocks = nn.ModuleList(DecoderBlock(dim, heads, False, dropout) for _ in range(layers))
        self.cross_blocks = nn.ModuleList(DecoderBlock(dim, heads, True, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        self.output = None if tied else nn.Parameter(torch.randn(dim, vocabulary) * dim**-0.5)
        self._initialise(layers)

    def _initialise(self, layers: int) -> None:
        residual = (2 * layers) ** -0.5
        for block in (*self.self_blocks, *self.cross_blocks):
            attention = block.attention
            for linear in (attention.query, attention.key, attention.value):
                nn.init.normal_(linear.weight, std=self.dim**-0.5)
            nn.init.normal_(attention.output.weight, std=self.dim**-0.5 * residual)
            nn.init.normal_(block.expand.weight, std=(2 * self.dim) ** -0.5)
            nn.init.normal_(block.contract.weight, std=self.dim**-0.5 * residual)

    def new_cache(self) -> DecoderCache:
        """An empty cache for one generation."""
        layers = range(len(self.self_blocks))
        return DecoderCache([AttentionCache() for _ in layers], [AttentionCache() for _ in layers])

    def hidden(
        self,
        text_states: Float[Tensor, "batch token dim"],
        ecg_tokens: Float[Tensor, "batch place dim"] | None = None,
        cache: DecoderCache | None = None,
    ) -> Float[Tensor, "batch token dim"]:
        """What `project` makes logits of; arguments as in `forward`."""
        x = text_states
        for layer, (block, cross_block) in enumerate(zip(self.self_blocks, self.cross_blocks, strict=True)):
            x = block(x, cache=cache.text[layer] if cache else None)
            x = cross_block(x, ecg_tokens, cache.ecg[layer] if cache else None)
        return self.norm(x)

    def project(
        self, hidden: Float[Tensor, "*place dim"], embeddings: Float[Tensor, "vocabulary dim"] | None = None
    ) -> Float[Tensor, "*place vocabulary"]:
        """Logits.

        Raises:
            MelpError: the decoder is tied, and no embeddings are given.
        """
        if self.output is not None:
            return hidden @ self.output
        if embeddings is None:
            raise MelpError("report decoder: no word embeddings found, wanted them as it is tied to them")
        return hidden @ embeddings.t()

    def forward(
        self,
        text_states: Float[Tensor, "batch token dim"],
        ecg_tokens: Float[Tensor, "batch place dim"] | None = None,
        cache: DecoderCache | None = None,
        embeddings: Float[Tensor, "vocabulary dim"] | None = None,
    ) -> Float[Tensor, "batch token vocabulary"]:
        """Logits of the word piece that follows each position.

        Args:
            text_states: causal states of the tokens so far; with a cache, of the new tokens only.
            ecg_tokens: needed unless the cache has seen them.
            cache: as from `new_cache`; extended in place.
            embeddings: the word embeddings of a tied decoder.

        Raises:
            MelpError: ECG tokens or tied embeddings are missing.
        """
        return self.project(self.hidden(text_states, ecg_tokens, cache), embeddings)
