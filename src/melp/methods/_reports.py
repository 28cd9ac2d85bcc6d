"""What methods that compare ECGs with reports have in common."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Bool
from torch import Tensor

from melp.losses.gather import gather_padded
from melp.methods._base import Batch
from melp.text.tokenizer import ReportEncoder
from melp.text.tower import TextFeatures, TextTower

IDENTICAL_REPORTS = ("negatives", "positives", "implied")


def matching_reports(batch: Batch, option: str) -> Bool[Tensor, "total total"] | None:
    """Which ECGs (rows) and texts (columns) of the joined batch match, beside the diagonal.

    Args:
        batch: with `shown` and `said`, the numbers of the statements shown and of all in the report.
        option: of `IDENTICAL_REPORTS`. `negatives`: none (None). `positives`: whose texts are the same.
            `implied`: all of whose statements stand in the ECG's report.
    """
    if option == "negatives":
        return None
    shown, said = gather_padded(batch["shown"]), gather_padded(batch["said"])
    if option == "positives":
        said = shown
    # [ECG, text, statement of the text]: is it among the statements of the ECG's report?
    found = (shown[None, :, :, None] == said[:, None, None, :]).any(-1) | (shown == 0)
    matching = found.all(-1) & (shown != 0).any(-1)
    return matching & matching.t() if option == "positives" else matching


def read_texts(tower: TextTower, reports: ReportEncoder, texts: Sequence[str]) -> TextFeatures:
    """What a tower makes of texts that are one statement each."""
    rows = reports([[text] for text in texts])
    device = next(tower.parameters()).device
    features: TextFeatures = tower(rows["tokens"].to(device), rows["sentence"].to(device))
    return features
