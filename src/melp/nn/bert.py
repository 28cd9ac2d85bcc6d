"""BERT encoder with caches for generation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from melp.nn.transformer import Transformer, TransformerBlock, TransformerCache


@dataclass(frozen=True)
class BertConfig:
    """Sizes of a `Bert`; the defaults are BERT-base's."""

    vocabulary: int = 30522
    """Word pieces."""
    dim: int = 768
    """Width."""
    layers: int = 12
    """Transformer layers."""
    heads: int = 12
    """Attention heads."""
    feedforward: int = 3072
    """Hidden width of a layer."""
    positions: int = 512
    """Position embeddings."""
    dropout: float = 0.1
    """Dropout after the embeddings, attention and feed-forward parts."""
    attention_dropout: float = 0.1
    """Dropout of the attention weights."""
    eps: float = 1e-12
    """Of the layer norms."""


class Bert(nn.Module):
    """BERT (Devlin et al. 2019) without the pooler: embeddings and post-norm transformer layers.

    Differences: all tokens are in segment 0.
    """

    def __init__(self, config: BertConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or BertConfig()
        self.dim = config.dim
        self.word_embeddings = nn.Embedding(config.vocabulary, config.dim)
        self.position_embeddings = nn.Embedding(config.positions, config.dim)
        self.token_type_embeddings = nn.Embedding(2, config.dim)
        self.embedding_norm = nn.LayerNorm(config.dim, config.eps)
        self.dropout = nn.Dropout(config.dropout)
        sizes = (config.dim, config.heads, config.feedforward)
        dropouts = (config.dropout, config.attention_dropout, 0.0)
        self.layers = Transformer(
            TransformerBlock(*sizes, *dropouts, norm_first=False, eps=config.eps)
            for _ in range(config.layers)
        )
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def resize(self, vocabulary: int) -> None:
        """Change the number of word pieces; new embeddings are initialised at random."""
        before = self.word_embeddings.weight.data
        kept = min(vocabulary, before.shape[0])
        self.word_embeddings = nn.Embedding(vocabulary, self.dim)
        nn.init.normal_(self.word_embeddings.weight, std=0.02)
        self.word_embeddings.weight.data[:kept] = before[:kept]
        self.config = replace(self.config, vocabulary=vocabulary)

    def embed(
        self, tokens: Int[Tensor, "batch token"], positions: Int[Tensor, "#batch token"]
    ) -> Float[Tensor, "batch token dim"]:
        """Return the normalised sum of word, position and segment-0 embeddings."""
        summed = self.word_embeddings(tokens) + self.position_embeddings(positions)
        return self.dropout(self.embedding_norm(summed + self.token_type_embeddings.weight[0]))

    def forward(
        self,
        tokens: Int[Tensor, "batch token"],
        positions: Int[Tensor, "#batch token"],
        causal: bool = False,
        mask: Bool[Tensor, " batch #head #token key"] | None = None,
        cache: TransformerCache | None = None,
    ) -> Float[Tensor, "batch token dim"]:
        """Return the states of the last layer.

        Args:
            tokens: word pieces.
            positions: position ids.
            causal: whether tokens do not attend to later ones.
            mask: True for positions that a token attends to; not together with `causal`.
            cache: for generation; `tokens` are then the new ones only.
        """
        return self.layers(self.embed(tokens, positions), None, causal, mask, cache)
