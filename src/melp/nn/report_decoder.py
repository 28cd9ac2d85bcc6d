"""The decoder that generates reports from ECG tokens."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from melp.errors import MelpError
from melp.nn.transformer import Transformer, TransformerBlock, TransformerCache


class ReportDecoder(nn.Module):
    """Causal self-attention blocks alternating with cross-attention to ECG tokens (CoCa, Yu et al. 2022).

    Args:
        dim: width of text states and ECG tokens.
        vocabulary: number of word pieces.
        layers: number of pairs of a self-attention and a cross-attention block.
        heads: attention heads.
        dropout: of the blocks.
        tied: whether the word embeddings passed to `forward` are the output matrix.

    Differences: all matrices are initialised (normal, as in CLIP's text tower); the published code leaves its
    output matrix uninitialised. `tied` and `dropout` are not in the paper.
    """

    matrices: ClassVar[tuple[str, ...]] = ("output",)

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
        self_blocks, cross_blocks = (
            [
                TransformerBlock(dim, heads, 4 * dim, dropout, dropout, hidden_dropout=0.0, cross=cross)
                for _ in range(layers)
            ]
            for cross in (False, True)
        )
        self.layers = Transformer(
            block for pair in zip(self_blocks, cross_blocks, strict=True) for block in pair
        )
        self.norm = nn.LayerNorm(dim)
        self.output = None if tied else nn.Parameter(torch.randn(dim, vocabulary) * dim**-0.5)
        for block in (*self_blocks, *cross_blocks):
            self._initialise(block, (2 * layers) ** -0.5)

    def _initialise(self, block: TransformerBlock, residual: float) -> None:
        attention = block.attention
        for linear in (attention.query, attention.key, attention.value):
            nn.init.normal_(linear.weight, std=self.dim**-0.5)
        nn.init.normal_(attention.output.weight, std=self.dim**-0.5 * residual)
        nn.init.normal_(block.fc1.weight, std=(2 * self.dim) ** -0.5)
        nn.init.normal_(block.fc2.weight, std=self.dim**-0.5 * residual)

    def new_cache(self) -> TransformerCache:
        """Return an empty cache for one generation."""
        return TransformerCache(len(self.layers))

    def hidden(
        self,
        text_states: Float[Tensor, "batch token dim"],
        ecg_tokens: Float[Tensor, "batch place dim"] | None = None,
        cache: TransformerCache | None = None,
    ) -> Float[Tensor, "batch token dim"]:
        """Return the input of `project`; arguments as in `forward`."""
        if ecg_tokens is None and (cache is None or not cache.length):
            raise MelpError("report decoder: no ECG tokens found, wanted them at the first step")
        return self.norm(self.layers(text_states, ecg_tokens, causal=True, cache=cache))

    def project(
        self, hidden: Float[Tensor, "*place dim"], embeddings: Float[Tensor, "vocabulary dim"] | None = None
    ) -> Float[Tensor, "*place vocabulary"]:
        """Return the logits.

        Raises:
            MelpError: the decoder is tied and embeddings are missing.
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
        cache: TransformerCache | None = None,
        embeddings: Float[Tensor, "vocabulary dim"] | None = None,
    ) -> Float[Tensor, "batch token vocabulary"]:
        """Return the logits of the word piece after each position.

        Args:
            text_states: causal states of the tokens so far; with a cache, of the new tokens only.
            ecg_tokens: optional once they are in the cache.
            cache: as from `new_cache`; extended in place.
            embeddings: the word embeddings of a tied decoder.

        Raises:
            MelpError: ECG tokens or tied embeddings are missing.
        """
        return self.project(self.hidden(text_states, ecg_tokens, cache), embeddings)
