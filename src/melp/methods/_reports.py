"""Options and functions of methods that compare ECGs with reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from melp.errors import MelpError, check_choices, check_ranges
from melp.losses.contrastive import global_contrastive
from melp.losses.gather import gather, gather_padded
from melp.methods._base import Batch, EncoderConfig, Inputs
from melp.text.tokenizer import ReportEncoder
from melp.text.tower import ATTENTIONS, POOLINGS, SpecialTokens, TextFeatures, TextTower


@dataclass(frozen=True)
class TextConfig(EncoderConfig):
    """Options of every method with a text tower; the defaults are those of MELP's code."""

    dim: int = 256
    """Width of the space shared by ECGs and texts (C)."""
    text_attention: str = "causal"
    """Attention of the text tower: causal (C), bidirectional or statement (within each statement)."""
    text_pooling: str = "cls"
    """Vector of a report: cls (C), pooler (BERT's pooling layer after [CLS]), or the mean of its tokens or
    statements."""
    text_length: int = 127
    """Maximum number of word pieces of a report (C)."""
    frozen_layers: int = 6
    """Number of first layers of the text tower that are not trained (C)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices("method", self, {"text_attention": ATTENTIONS, "text_pooling": POOLINGS})
        limits = {"text_length": (3, math.inf), "frozen_layers": (0, math.inf)}
        check_ranges("method", self, limits, above=["dim"])


@dataclass(frozen=True)
class ReportsConfig(TextConfig):
    """Options of every method that compares ECGs with whole reports."""

    identical_reports: str = "negatives"
    """Pairs of a batch with the same text: negatives (C) or positives; implied also counts pairs in which the
    ECG's report contains all statements of the text."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices("method", self, {"identical_reports": ("negatives", "positives", "implied")})


def text_of(config: TextConfig, inputs: Inputs) -> tuple[ReportEncoder, TextTower]:
    """Return the tokenizer of reports and the text tower, built on the language model.

    Raises:
        MelpError: `text_length` exceeds the positions of the language model.
    """
    assert inputs.language is not None
    bert, tokenizer = inputs.language.bert, inputs.language.tokenizer
    tower = TextTower(
        bert,
        SpecialTokens.from_tokenizer(tokenizer),
        attention=config.text_attention,
        pooling=config.text_pooling,
        projection_dim=config.dim,
        cls_position=config.text_length,
        frozen_layers=config.frozen_layers,
    )
    if config.text_length > tower.max_tokens:
        raise MelpError(
            f"method.text_length: {config.text_length} found, wanted at most {tower.max_tokens}, "
            "the positions of the language model"
        )
    return ReportEncoder(tokenizer, config.text_length), tower


def matching_reports(batch: Batch, option: str) -> Bool[Tensor, "total total"] | None:
    """Return which ECGs (rows) and texts (columns) of the joined batch match, in addition to the diagonal.

    Args:
        batch: with `shown_statements` and `all_statements`, the numbers of the statements shown and of all
            statements of the report.
        option: `identical_reports`. `negatives`: none (None). `positives`: pairs with the same text.
            `implied`: pairs in which the ECG's report contains all statements of the text.
    """
    if option == "negatives":
        return None
    shown, statements = gather_padded(batch["shown_statements"]), gather_padded(batch["all_statements"])
    if option == "positives":
        statements = shown
    # [ECG, text, statement of the text]: whether the ECG's report contains the statement.
    contained = (shown[None, :, :, None] == statements[:, None, None, :]).any(-1) | (shown == 0)
    matching = contained.all(-1) & (shown != 0).any(-1)
    return matching & matching.t() if option == "positives" else matching


def read_texts(
    tower: TextTower, reports: ReportEncoder, texts: Sequence[str | Sequence[str]]
) -> TextFeatures:
    """Return the features of texts; a string is one statement, a sequence is the statements of a report."""
    rows = reports([[text] if isinstance(text, str) else text for text in texts])
    device = next(tower.parameters()).device
    features: TextFeatures = tower(rows["tokens"].to(device), rows["sentence"].to(device))
    return features


def batch_contrast(
    first: Float[Tensor, "batch dim"],
    second: Float[Tensor, "batch dim"],
    scale: Float[Tensor, ""] | float,
    matching: Bool[Tensor, "total total"] | None = None,
) -> Float[Tensor, ""]:
    """Return `global_contrastive` of two sets of vectors over the joined batch of all processes."""
    first, second = (gather(F.normalize(vectors, dim=-1)) for vectors in (first, second))
    return global_contrastive(first, second, scale, matching)
