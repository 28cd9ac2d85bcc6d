"""A plain BERT encoder: the part of Hugging Face's that a text tower needs, with caches."""

from __future__ import annotations

import re
from dataclasses import dataclass
from os import PathLike
from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from melp.errors import MelpError
from melp.nn.attention import AttentionCache, PostNormBlock


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
    """After the embeddings, attention and feed-forward parts."""
    attention_dropout: float = 0.1
    """Of the attention weights."""
    eps: float = 1e-12
    """Of the layer norms."""


_FROM_HUGGING_FACE = {
    r"^(bert\.)?embeddings\.LayerNorm\.": "embedding_norm.",
    r"^(bert\.)?embeddings\.": "",
    r"^(bert\.)?encoder\.layer\.": "layers.",
    r"\.attention\.self\.": ".attention.",
    r"\.attention\.output\.dense\.": ".attention.output.",
    r"\.attention\.output\.LayerNorm\.": ".attention_norm.",
    r"\.intermediate\.dense\.": ".expand.",
    r"\.output\.dense\.": ".contract.",
    r"\.output\.LayerNorm\.": ".output_norm.",
}


def rename_hugging_face(name: str) -> str:
    """The name in `Bert` of a parameter of Hugging Face's BertModel (with or without `bert.` before it)."""
    for pattern, replacement in _FROM_HUGGING_FACE.items():
        name = re.sub(pattern, replacement, name)
    return name


def _read_hugging_face(source: str | PathLike[str]) -> tuple[Any, dict[str, Tensor]]:
    """Config and weights of a BERT model folder or hub name."""
    import transformers
    from safetensors import SafetensorError

    try:
        config = transformers.AutoConfig.from_pretrained(source)
        if config.model_type != "bert":
            raise MelpError(f"{source}: model type {config.model_type!r} found, wanted 'bert'")
        model, report = transformers.BertModel.from_pretrained(
            source, add_pooling_layer=False, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise MelpError(f"{source}: no BERT model could be read ({str(error).splitlines()[0]})") from error
    if missing := sorted(report["missing_keys"]):
        raise MelpError(f"{source}: no {missing[0]} found, wanted every weight of a BERT")
    if config.hidden_act != "gelu":
        raise MelpError(f"{source}: activation {config.hidden_act!r} found, wanted 'gelu'")
    return config, model.state_dict()


class Bert(nn.Module):
    """BERT (Devlin et al. 2019) without its pooler: embeddings and post-norm transformer layers.

    Differences: texts are always segment 0.
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
        self.layers = nn.ModuleList(
            PostNormBlock(
                config.dim,
                config.heads,
                config.feedforward,
                config.dropout,
                config.attention_dropout,
                config.eps,
            )
            for _ in range(config.layers)
        )
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    @classmethod
    def from_pretrained(cls, source: str | PathLike[str], vocabulary: int | None = None) -> Bert:
        """Read a BERT model folder or hub name (any head is left behind); safetensors only.

        Args:
            source: folder with `config.json` and `model.safetensors`, or a hub name.
            vocabulary: size of the tokenizer, where words were added to it; new rows are drawn.

        Raises:
            MelpError: not a BERT, or a kind of BERT that this is not.
        """
        published, weights = _read_hugging_face(source)
        bert = cls(
            BertConfig(
                vocabulary=published.vocab_size,
                dim=published.hidden_size,
                layers=published.num_hidden_layers,
                heads=published.num_attention_heads,
                feedforward=published.intermediate_size,
                positions=published.max_position_embeddings,
                dropout=published.hidden_dropout_prob,
                attention_dropout=published.attention_probs_dropout_prob,
                eps=published.layer_norm_eps,
            )
        )
        bert.load_hugging_face(weights)
        if vocabulary is not None and vocabulary != published.vocab_size:
            bert.resize(vocabulary)
        return bert

    def load_hugging_face(self, state: dict[str, Tensor]) -> None:
        """Take weights under Hugging Face's names; position ids and heads are left out."""
        renamed = {rename_hugging_face(name): value for name, value in state.items()}
        wanted = self.state_dict()
        if missing := sorted(set(wanted) - set(renamed)):
            raise MelpError(f"BERT weights: no {missing[0]} found, wanted {len(wanted)} tensors")
        self.load_state_dict({name: renamed[name] for name in wanted})

    def resize(self, vocabulary: int) -> None:
        """Change the number of word pieces; new rows are drawn as at first."""
        before = self.word_embeddings.weight.data
        kept = min(vocabulary, before.shape[0])
        self.word_embeddings = nn.Embedding(vocabulary, self.dim)
        nn.init.normal_(self.word_embeddings.weight, std=0.02)
        self.word_embeddings.weight.data[:kept] = before[:kept]
        self.config = BertConfig(**{**vars(self.config), "vocabulary": vocabulary})

    def embed(
        self, tokens: Int[Tensor, "batch token"], positions: Int[Tensor, "#batch token"]
    ) -> Float[Tensor, "batch token dim"]:
        """Sum of word, position and segment-0 embeddings, normalised."""
        summed = self.word_embeddings(tokens) + self.position_embeddings(positions)
        return self.dropout(self.embedding_norm(summed + self.token_type_embeddings.weight[0]))

    def forward(
        self,
        tokens: Int[Tensor, "batch token"],
        positions: Int[Tensor, "#batch token"],
        causal: bool = False,
        mask: Bool[Tensor, " batch #head #token key"] | None = None,
        caches: list[AttentionCache] | None = None,
    ) -> Float[Tensor, "batch token dim"]:
        """States of the last layer.

        Args:
            tokens: word pieces.
            positions: position ids.
            causal: no token sees a later one.
            mask: True where a token may look; not together with `causal`.
            caches: one a layer, for generation; `tokens` are then the new ones.
        """
        x = self.embed(tokens, positions)
        for layer, block in enumerate(self.layers):
            x = block(x, causal, mask, caches[layer] if caches else None)
        return x

    def new_caches(self) -> list[AttentionCache]:
        """Empty caches for one generation."""
        return [AttentionCache() for _ in self.layers]
