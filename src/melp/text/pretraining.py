"""Stage 1: masked language modelling on reports and cardiology text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from melp.augment.random import uniform
from melp.augment.streams import Stream
from melp.errors import check_ranges
from melp.losses.gather import share_of_count, world_size
from melp.nn.parameters import weight_decay_groups
from melp.nn.trimming import run_trimmed
from melp.signal.precision import at_least_single
from melp.text.hugging_face import to_hugging_face
from melp.text.model import LanguageModel


@dataclass
class MaskedLanguageModelConfig:
    """Options of stage 1; masking as in BERT (Devlin et al. 2019) and MELP's reproduction."""

    init: str = ""
    """Folder or hub name of the initial BERT (MELP: ncbi/MedCPT-Query-Encoder); empty: from scratch."""
    vocabulary: int = 4096
    """Largest number of word pieces of the trained tokenizer, from scratch only."""
    dim: int = 128
    """Width, from scratch only."""
    layers: int = 2
    """Number of layers, from scratch only."""
    heads: int = 4
    """Number of attention heads, from scratch only."""
    positions: int = 512
    """Number of position embeddings, from scratch only."""
    dropout: float = 0.1
    """Dropout of the layers, from scratch only."""
    max_length: int = 127
    """Largest number of word pieces of a text (the reproduction: 512)."""
    masked: float = 0.15
    """Fraction of word pieces to predict: 80 % of them are masked, 10 % replaced, 10 % unchanged."""

    def __post_init__(self) -> None:
        sizes = ("vocabulary", "dim", "layers", "heads", "positions", "max_length", "masked")
        check_ranges(
            "model", self, {"masked": (0, 1), "dropout": (0, 1), "max_length": (3, inf)}, above=sizes
        )


class MaskedLanguageModel(nn.Module):
    """Predicts masked word pieces from their context.

    [BOS], the first token in MELP's second stage, is replaced by [CLS], as in the bidirectional text tower.

    Differences: weight decay is for the matrices of layers only, not for embeddings, of which a training uses
    those of its own words only.

    Args:
        language: BERT and tokenizer, trained in place.
        masked: fraction of word pieces to predict.
    """

    def __init__(self, language: LanguageModel, masked: float = 0.15) -> None:
        super().__init__()
        self.language, self.masked = language, masked
        self.bert = language.bert
        self.dense = nn.Linear(self.bert.dim, self.bert.dim)
        self.norm = nn.LayerNorm(self.bert.dim, self.bert.config.eps)
        self.bias = nn.Parameter(torch.zeros(self.bert.config.vocabulary))
        nn.init.normal_(self.dense.weight, std=0.02)
        nn.init.zeros_(self.dense.bias)

    def forward(self, batch: Mapping[str, Shaped[Tensor, "batch ..."]]) -> dict[str, Float[Tensor, ""]]:
        """Return `loss`, and the `accuracy` of the predictions."""
        tokenizer = self.language.tokenizer
        tokens = batch["tokens"]
        predicted, inputs = self._mask(tokens, batch["key"], batch["sentence"] >= 0)
        inputs = torch.where(inputs == tokenizer.bos_token_id, tokenizer.cls_token_id, inputs)
        lengths = (tokens != tokenizer.pad_token_id).sum(1)
        states = run_trimmed(self._encode, lengths, inputs)[predicted]
        logits = self.norm(F.gelu(self.dense(states))) @ self.bert.word_embeddings.weight.t() + self.bias
        targets = tokens[predicted]
        logits = at_least_single(logits)
        count = share_of_count(predicted.sum().to(logits)).clamp(min=1 / world_size())
        loss = F.cross_entropy(logits, targets, reduction="sum") / count
        return {"loss": loss, "accuracy": (logits.argmax(-1) == targets).sum() / count}

    def _encode(
        self, tokens: Int[Tensor, "row token"], _: Int[Tensor, " row"]
    ) -> Float[Tensor, "row token dim"]:
        real = (tokens != self.language.tokenizer.pad_token_id)[:, None, None, :]
        return self.bert(tokens, torch.arange(tokens.shape[1], device=tokens.device)[None], mask=real)

    def _mask(
        self,
        tokens: Int[Tensor, "batch token"],
        key: Int[Tensor, " batch"],
        maskable: Bool[Tensor, "batch token"],
    ) -> tuple[Bool[Tensor, "batch token"], Int[Tensor, "batch token"]]:
        """Return the mask of tokens to predict, and the input tokens."""
        tokenizer, vocabulary = self.language.tokenizer, self.bert.config.vocabulary
        # Numbers of a word piece come together, so that they do not depend on the padding of the batch.
        draw, action, word = uniform(key, tokens.shape[1], 3, stream=Stream.MASKED_WORDS).unbind(2)
        predicted = (draw < self.masked) & maskable
        replacement = (word * vocabulary).long()
        inputs = torch.where(
            action < 0.8, tokenizer.mask_token_id, torch.where(action < 0.9, replacement, tokens)
        )
        return predicted, torch.where(predicted, inputs, tokens)

    def param_groups(self) -> list[dict[str, Any]]:
        """Return the optimiser groups; only the matrices of layers decay, not the embeddings."""
        return weight_decay_groups(self)

    def hugging_face_state(self) -> dict[str, Tensor]:
        """Return the weights with the names of Hugging Face's BertForMaskedLM."""
        head = "cls.predictions."
        return {
            **{f"bert.{name}": value for name, value in to_hugging_face(self.bert).items()},
            f"{head}transform.dense.weight": self.dense.weight,
            f"{head}transform.dense.bias": self.dense.bias,
            f"{head}transform.LayerNorm.weight": self.norm.weight,
            f"{head}transform.LayerNorm.bias": self.norm.bias,
            f"{head}bias": self.bias,
        }
