"""The transformer block and the stack of blocks that all networks use."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from melp.nn.attention import AttentionCache, MultiHeadAttention


class TransformerBlock(nn.Module):
    """Attention and a feed-forward part with GELU, each with a layer norm and a residual connection.

    Args:
        dim: width.
        heads: attention heads.
        feedforward: width of the hidden layer.
        dropout: after attention and after the feed-forward part.
        attention_dropout: of the attention weights.
        hidden_dropout: of the hidden layer of the feed-forward part; `dropout` if None.
        norm_first: whether layer norms precede attention and feed-forward part, as in ViT; otherwise they
            follow the residual sums, as in BERT and wav2vec 2.0.
        cross: whether attention is to a context, with its own layer norm, instead of to the input.
        head_dim: width of a head; `dim` divided by `heads` if None.
        eps: of the layer norms.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        feedforward: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        hidden_dropout: float | None = None,
        norm_first: bool = True,
        cross: bool = False,
        head_dim: int | None = None,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.attention_norm = nn.LayerNorm(dim, eps)
        self.context_norm = nn.LayerNorm(dim, eps) if cross else None
        self.attention = MultiHeadAttention(dim, heads, dropout=attention_dropout, head_dim=head_dim)
        self.feedforward_norm = nn.LayerNorm(dim, eps)
        self.fc1 = nn.Linear(dim, feedforward)
        self.fc2 = nn.Linear(feedforward, dim)
        self.dropout = nn.Dropout(dropout)
        self.hidden_dropout = nn.Dropout(dropout if hidden_dropout is None else hidden_dropout)

    def forward(
        self,
        x: Float[Tensor, "batch place dim"],
        context: Float[Tensor, "batch source dim"] | None = None,
        causal: bool = False,
        mask: Bool[Tensor, " batch #head #place key"] | None = None,
        cache: AttentionCache | None = None,
    ) -> Float[Tensor, "batch place dim"]:
        """Run the block.

        Args:
            x: input.
            context: what a cross-attention block attends to; optional once its cache is filled.
            causal, mask: as in `MultiHeadAttention.forward`; a cross-attention block ignores them.
            cache: keys and values of earlier calls; extended in place.
        """
        if self.norm_first:
            x = x + self._attend(self.attention_norm(x), context, causal, mask, cache)
            return x + self._feed_forward(self.feedforward_norm(x))
        x = self.attention_norm(x + self._attend(x, context, causal, mask, cache))
        return self.feedforward_norm(x + self._feed_forward(x))

    def _attend(
        self,
        x: Tensor,
        context: Tensor | None,
        causal: bool,
        mask: Tensor | None,
        cache: AttentionCache | None,
    ) -> Tensor:
        if self.context_norm is None:
            attended = self.attention(x, causal=causal, mask=mask, cache=cache)
        elif cache is not None and cache.keys is not None and cache.values is not None:
            attended = self.attention.attend(x, cache.keys, cache.values)
        else:
            assert context is not None, "cross-attention needs a context or a filled cache"
            attended = self.attention(x, self.context_norm(context), cache=cache)
        return self.dropout(attended)

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.fc2(self.hidden_dropout(F.gelu(self.fc1(x)))))


class TransformerCache:
    """Keys and values of each block of a `Transformer`, kept between the steps of a generation.

    Attributes:
        length: number of positions read so far.
    """

    def __init__(self, blocks: int) -> None:
        self.blocks = [AttentionCache() for _ in range(blocks)]
        self.length = 0

    def reorder(self, rows: Int[Tensor, " new_batch"]) -> None:
        """Keep the given rows of the batch, in the given order (beams)."""
        for cache in self.blocks:
            cache.reorder(rows)


class Transformer(nn.ModuleList):
    """A stack of `TransformerBlock`s."""

    def forward(
        self,
        x: Float[Tensor, "batch place dim"],
        context: Float[Tensor, "batch source dim"] | None = None,
        causal: bool = False,
        mask: Bool[Tensor, " batch #head #place key"] | None = None,
        cache: TransformerCache | None = None,
    ) -> Float[Tensor, "batch place dim"]:
        """Return the output of the last block; arguments as in `TransformerBlock.forward`."""
        for number, block in enumerate(self):
            x = block(x, context, causal, mask, cache.blocks[number] if cache else None)
        if cache:
            cache.length += x.shape[1]
        return x
