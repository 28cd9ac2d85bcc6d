"""What methods that compare ECGs with reports have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Bool
from torch import Tensor

from melp.errors import MelpError, check_choices, check_ranges
from melp.losses.gather import gather_padded
from melp.methods._base import Batch, EncoderConfig, Inputs
from melp.text.tokenizer import ReportEncoder
from melp.text.tower import ATTENTIONS, POOLINGS, SpecialTokens, TextFeatures, TextTower

_CHOICES = {
    "text_attention": ATTENTIONS,
    "text_pooling": POOLINGS,
    "identical_reports": ("negatives", "positives", "implied"),
}


@dataclass(frozen=True)
class ReportsConfig(EncoderConfig):
    """Options of every method that compares ECGs with reports; the defaults are those of MELP's code."""

    dim: int = 256
    """Width of the common space, and of what is projected to it (C)."""
    text_attention: str = "causal"
    """causal (C), bidirectional, or statement (each statement by itself)."""
    text_pooling: str = "cls"
    """A report's vector: cls (C), tokens or statements (means)."""
    text_length: int = 127
    """Most word pieces of a report (C)."""
    frozen_layers: int = 6
    """First layers of the text tower that stay as the language model has them (C)."""
    identical_reports: str = "negatives"
    """Pairs of a batch with the same text: negatives (C), positives, or implied (reports that say more)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices("method", self, _CHOICES)
        limits = {"text_length": (3, math.inf), "frozen_layers": (0, math.inf)}
        check_ranges("method", self, limits, above=["dim"])


def text_of(config: ReportsConfig, inputs: Inputs) -> tuple[ReportEncoder, TextTower]:
    """What turns reports into tokens, and the tower that reads them, built on the language model.

    Raises:
        MelpError: the language model has fewer positions than a report may have word pieces.
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
    """Which ECGs (rows) and texts (columns) of the joined batch match, beside the diagonal.

    Args:
        batch: with `shown_statements` and `all_statements`, the numbers of the statements shown and of all
            statements of the report.
        option: `identical_reports`. `negatives`: none (None). `positives`: whose texts are the same.
            `implied`: all of whose statements stand in the ECG's report.
    """
    if option == "negatives":
        return None
    shown, statements = gather_padded(batch["shown_statements"]), gather_padded(batch["all_statements"])
    if option == "positives":
        statements = shown
    # [ECG, text, statement of the text]: is it among the statements of the ECG's report?
    found = (shown[None, :, :, None] == statements[:, None, None, :]).any(-1) | (shown == 0)
    matching = found.all(-1) & (shown != 0).any(-1)
    return matching & matching.t() if option == "positives" else matching


def read_texts(tower: TextTower, reports: ReportEncoder, texts: Sequence[str]) -> TextFeatures:
    """What a tower makes of texts that are one statement each."""
    rows = reports([[text] for text in texts])
    device = next(tower.parameters()).device
    features: TextFeatures = tower(rows["tokens"].to(device), rows["sentence"].to(device))
    return features
