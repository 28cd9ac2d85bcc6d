"""The text tower: report vectors, statement vectors, and causal states for a report decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from melp.errors import MelpError, one_of
from melp.nn.bert import Bert
from melp.nn.heads import mlp
from melp.nn.transformer import TransformerCache
from melp.nn.trimming import run_trimmed

ATTENTIONS = ("causal", "bidirectional", "statement")
OF_CLS = ("cls", "pooler")
POOLINGS = (*OF_CLS, "tokens", "statements")


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of the special tokens that the tower uses."""

    pad: int
    cls: int

    @classmethod
    def from_tokenizer(cls, tokenizer: Any) -> SpecialTokens:
        """Take the ids from a Hugging Face tokenizer.

        Raises:
            MelpError: it has no [PAD] or no [CLS].
        """
        for name in ("pad_token_id", "cls_token_id"):
            if getattr(tokenizer, name, None) is None:
                raise MelpError(f"tokenizer: no {name} found, wanted one")
        return cls(pad=tokenizer.pad_token_id, cls=tokenizer.cls_token_id)


@dataclass(frozen=True)
class TextFeatures:
    """Output of a `TextTower` for a batch of reports."""

    latent: Float[Tensor, "batch projection"]
    """Projected report vectors, not normalised."""
    states: Float[Tensor, "batch token dim"]
    """Input of the report decoder: no state depends on a later token. Zero at padding."""
    statements: Float[Tensor, "batch statement dim"]
    """Mean state of each statement's tokens. Zero beyond the statements of a report."""
    statement_mask: Bool[Tensor, "batch statement"]
    """True for existing statements."""


def statement_means(
    states: Float[Tensor, "batch token dim"], sentence: Int[Tensor, "batch token"]
) -> tuple[Float[Tensor, "batch statement dim"], Bool[Tensor, "batch statement"]]:
    """Return the mean state of each statement's tokens, and the mask of existing statements.

    Args:
        states: token states.
        sentence: number of the statement of each token, from 0; -1 for tokens outside statements.
    """
    count = max(int(sentence.max()) + 1, 1)
    member = sentence[:, None] == torch.arange(count, device=sentence.device)[:, None]
    sizes = member.sum(-1, keepdim=True)
    return (member.to(states.dtype) @ states) / sizes.clamp(min=1), sizes[..., 0] > 0


class TextTower(nn.Module):
    """BERT with a projection head and one of three forms of attention.

    * `causal` (MELP's published code): a token attends to earlier tokens only. [CLS] follows the last token,
      always with position id `cls_position`, and its state represents the report.
    * `bidirectional`: [CLS] replaces [BOS], as in BERT's pretraining. The decoder reads the output of the
      embedding layer, which does not depend on later tokens.
    * `statement`: as `bidirectional`, but a token attends to its own statement only, and positions restart in
      each statement: the vector of a statement does not depend on its report.

    The report vector is computed from [CLS] (`pooling="cls"`), from [CLS] by BERT's pooling layer (`pooler`,
    MERL's published code), from the mean of the tokens in statements (`tokens`) or from the mean of the
    statement vectors (`statements`).

    Input is `[BOS] words [SEP]`, padded on the right; no output depends on the padding.

    Args:
        bert: the encoder.
        special: ids of [PAD] and [CLS].
        attention: `causal`, `bidirectional` or `statement`.
        pooling: `cls`, `pooler`, `tokens` or `statements`; with `statement`, one of the last two.
        projection_hidden: hidden width of the projection.
        projection_dim: width of the report vectors.
        cls_position: position id of [CLS] in the causal form.
        frozen_layers: number of BERT's first layers that are not trained (the embeddings always are).

    Differences: the published causal form pads every batch to 127 tokens and splits statements at full stops;
    here neither is needed. Only `causal` with `cls` is published.
    """

    def __init__(
        self,
        bert: Bert,
        special: SpecialTokens,
        attention: str = "causal",
        pooling: str = "cls",
        projection_hidden: int = 256,
        projection_dim: int = 256,
        cls_position: int = 127,
        frozen_layers: int = 0,
    ) -> None:
        super().__init__()
        if attention not in ATTENTIONS:
            raise MelpError(
                f"text tower: attention {attention!r} found, wanted {one_of(attention, ATTENTIONS)}"
            )
        if pooling not in POOLINGS or (attention == "statement" and pooling in OF_CLS):
            raise MelpError(
                f"text tower: pooling {pooling!r} with {attention} attention found, "
                "wanted tokens or statements"
            )
        if attention == "causal" and cls_position >= bert.config.positions:
            raise MelpError(
                f"text tower: cls_position {cls_position} found, wanted less than {bert.config.positions}, "
                "BERT's positions"
            )
        self.bert, self.special = bert, special
        self.attention, self.pooling, self.cls_position = attention, pooling, cls_position
        self.dim, self.projection_dim = bert.dim, projection_dim
        widths = (bert.dim, projection_hidden, projection_dim)
        self.projection = mlp(widths, norm=False, activation=nn.GELU)
        if pooling == "pooler":
            self.projection = nn.Sequential(nn.Linear(bert.dim, bert.dim), nn.Tanh(), *self.projection)
        for layer in bert.layers[:frozen_layers]:
            layer.requires_grad_(False)

    @property
    def max_tokens(self) -> int:
        """Largest number of tokens of a text."""
        return self.cls_position if self.attention == "causal" else self.bert.config.positions

    def forward(
        self, tokens: Int[Tensor, "batch token"], sentence: Int[Tensor, "batch token"]
    ) -> TextFeatures:
        """Return report vectors, decoder states and statement vectors.

        Args:
            tokens: `[BOS] words [SEP]`, padded on the right.
            sentence: number of the statement of each token, from 0; -1 for specials and padding.

        Raises:
            MelpError: there are more than `max_tokens`.
        """
        self._check_length(tokens.shape[1])
        real = tokens != self.special.pad
        if self.attention == "causal":
            encoded, cls_state = self._encode_causal(tokens, real)
            states = encoded
        else:
            if self.attention == "bidirectional":
                encoded = self._encode_bidirectional(tokens, real)
            else:
                encoded = self._encode_statements(tokens, sentence)
            cls_state, states = encoded[:, 0], self.decoder_states(tokens)
        statements, mask = statement_means(encoded, sentence)
        return TextFeatures(
            latent=self.projection(self._pool(cls_state, encoded, sentence, statements, mask)),
            states=states * real[..., None],
            statements=statements,
            statement_mask=mask,
        )

    def decoder_states(
        self, tokens: Int[Tensor, "batch token"], cache: TransformerCache | None = None
    ) -> Float[Tensor, "batch token dim"]:
        """Return the input of the report decoder, without [CLS]; with a cache `tokens` are the new ones."""
        start = 0 if cache is None else cache.length
        self._check_length(start + tokens.shape[1])
        positions = torch.arange(start, start + tokens.shape[1], device=tokens.device)[None]
        if self.attention != "causal":
            if cache is not None:
                cache.length += tokens.shape[1]
            return self.bert.embed(tokens, positions)
        return self.bert(tokens, positions, causal=True, cache=cache)

    def new_cache(self) -> TransformerCache:
        """Return an empty cache for one generation."""
        return TransformerCache(len(self.bert.layers))

    def _check_length(self, count: int) -> None:
        if count > self.max_tokens:
            raise MelpError(f"text tower: {count} tokens found, wanted at most {self.max_tokens}")

    def _encode_causal(
        self, tokens: Int[Tensor, "batch token"], real: Bool[Tensor, "batch token"]
    ) -> tuple[Float[Tensor, "batch token dim"], Float[Tensor, "batch dim"]]:
        """Return the states of the tokens and of [CLS].

        [CLS] directly follows the last token of each report: only padding comes after it, which the causal
        mask hides, so no padding mask is needed.
        """
        length = real.sum(1, keepdim=True)
        extended = torch.cat([tokens, torch.full_like(tokens[:, :1], self.special.pad)], dim=1)
        extended = extended.scatter(1, length, self.special.cls)
        positions = torch.arange(extended.shape[1], device=tokens.device).expand_as(extended)
        positions = positions.scatter(1, length, self.cls_position)
        encoded = self.bert(extended, positions, causal=True)
        rows = torch.arange(len(tokens), device=tokens.device)
        return encoded[:, :-1], encoded[rows, length[:, 0]]

    def _encode_bidirectional(
        self, tokens: Int[Tensor, "batch token"], real: Bool[Tensor, "batch token"]
    ) -> Float[Tensor, "batch token dim"]:
        column = torch.arange(tokens.shape[1], device=tokens.device)
        with_cls = torch.where(column == 0, self.special.cls, tokens)
        return self.bert(with_cls, column[None], mask=real[:, None, None, :])

    def _encode_statements(
        self, tokens: Int[Tensor, "batch token"], sentence: Int[Tensor, "batch token"]
    ) -> Float[Tensor, "batch token dim"]:
        """Encode each distinct statement of the batch once, as a row of its own."""
        column = torch.arange(tokens.shape[1], device=tokens.device)
        begins = F.pad(sentence[:, 1:] != sentence[:, :-1], (1, 0), value=True)
        place = column - torch.where(begins, column, 0).cummax(1).values
        member = sentence >= 0
        number = (begins & member).flatten().cumsum(0).view_as(sentence) - 1
        rows = tokens.new_full((int(number.max()) + 1, int(place[member].max()) + 1), self.special.pad)
        rows[number[member], place[member]] = tokens[member]
        unique, inverse = rows.unique(dim=0, return_inverse=True)
        lengths = (unique != self.special.pad).sum(1)
        encoded = run_trimmed(self._encode_rows, lengths, unique)
        states = encoded.new_zeros(*tokens.shape, self.dim)
        states[member] = encoded[inverse[number[member]], place[member]]
        return states

    def _encode_rows(
        self, tokens: Int[Tensor, "row token"], _: Int[Tensor, " row"]
    ) -> Float[Tensor, "row token dim"]:
        # Position 0 is that of [CLS] or [BOS], which a single statement does not have.
        positions = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)[None]
        return self.bert(tokens, positions, mask=(tokens != self.special.pad)[:, None, None, :])

    def _pool(
        self,
        cls_state: Float[Tensor, "batch dim"],
        encoded: Float[Tensor, "batch token dim"],
        sentence: Int[Tensor, "batch token"],
        statements: Float[Tensor, "batch statement dim"],
        mask: Bool[Tensor, "batch statement"],
    ) -> Float[Tensor, "batch dim"]:
        if self.pooling in OF_CLS:
            return cls_state
        if self.pooling == "tokens":
            encoded = torch.where((sentence >= 0)[..., None], encoded, 0)
            return encoded.sum(1) / (sentence >= 0).sum(1, keepdim=True).clamp(min=1)
        return statements.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
