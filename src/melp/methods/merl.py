"""MERL: contrasts ECGs with their reports, and two dropout copies of the ECG with each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from melp.errors import MelpError, check_choices, check_ranges
from melp.methods._base import Batch, Inputs, Method
from melp.methods._reports import ReportsConfig, batch_contrast, matching_reports, read_texts, text_of
from melp.nn.heads import mlp
from melp.nn.pooling import ClassTokenPooler


@dataclass(frozen=True)
class MERLConfig(ReportsConfig):
    """Options of MERL; the defaults are the published values (A: the paper; C: its code)."""

    pooling: str = "attention"
    """Pooling of frames: attention (C, with ResNet) or mean and a perceptron (C, with ViT)."""
    pooler_heads: int = 4
    """Heads of the attention pooling (C)."""
    feature_dropout: float = 0.1
    """Dropout of the two copies of a recording's features (A, section 3.3)."""
    temperature: float = 0.07
    """Temperature of all cosines, fixed (A, section 3.2)."""
    cross_modal_weight: float = 1.0
    """Weight of the contrast with reports; 0 disables it (A)."""
    uni_modal_weight: float = 1.0
    """Weight of the contrast between the two copies; 0 disables it (A)."""
    text_attention: str = "bidirectional"
    """Attention of the text tower: bidirectional (C), causal or statement (within each statement)."""
    text_length: int = 256
    """Maximum number of word pieces of a report (C)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices("method", self, {"pooling": ("attention", "mean")})
        limits = dict.fromkeys(("cross_modal_weight", "uni_modal_weight"), (0, math.inf))
        check_ranges(
            "method", self, limits | {"feature_dropout": (0, 1)}, above=("pooler_heads", "temperature")
        )
        if not self.cross_modal_weight and not self.uni_modal_weight:
            raise MelpError("method: both losses have weight 0, wanted at least one")


class MERL(Method):
    """Aligns each ECG with its report, and two dropout copies of the ECG's features with each other.

    The encoder's frames are pooled to one vector, the report's word pieces to another. Each ECG is
    contrasted with the reports of the batch, and each report with its ECGs (cross-modal alignment, CMA). The
    mean frame also passes two linear maps, each with its own dropout, and the two copies are contrasted
    (uni-modal alignment, UMA): the augmentation acts on features and does not change the ECG.

    In words: loss = CMA + UMA, each the cross entropy over rows plus the one over columns of cosines /
    temperature, with the diagonal as target.

    Paper: Liu, Wan, Ouyang, Shah, Bai and Arcucci, "Zero-Shot ECG Classification with Multimodal Learning and
    Test-time Clinical Knowledge Enhancement", ICML 2024.

    Differences:
        * The language model is trained above its frozen layers, as in the paper; in the published code it
          gets no gradient. The report's vector is the state of [CLS], without BERT's pooling layer, unless
          `text_pooling=pooler`, which converted checkpoints have.
        * Vectors of all processes are gathered with their gradients; in the published code only those of the
          process's own slice have one.
        * With `pooling=mean` the two copies are made from the pooled vector.
        * Pairs with the same text may count as positives (`identical_reports`).
        * Weight decay is for the matrices of layers only, not for embeddings, tokens and positions.
    """

    paper: ClassVar[str] = "Liu et al., Zero-Shot ECG Classification with Multimodal Learning, ICML 2024"
    needs: ClassVar[tuple[str, ...]] = ("ecg", "text")
    Config: ClassVar[type] = MERLConfig
    requires_loss: ClassVar[Mapping[str, str]] = {
        "project_ecg": "cross_modal_weight",
        "embed_text": "cross_modal_weight",
    }
    config: MERLConfig

    def __init__(self, config: MERLConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        dim = config.dim
        if config.pooling == "attention":
            frames = self.encoder.frame_count(inputs.samples)
            self.reduction = nn.Linear(self.encoder.dim, dim)
            self.pooler = ClassTokenPooler(dim, dim, frames, config.pooler_heads)
        else:
            self.projector = mlp((self.encoder.dim, dim, dim), last_norm=True)
        self.copies = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, dim, bias=False), nn.Dropout(config.feature_dropout))
            for _ in range(2)
        )
        self.reports, self.text = text_of(config, inputs)
        self._freeze_unused()

    def _freeze_unused(self) -> None:
        """Freeze the parts that only losses of weight 0 would train."""
        if not self.config.uni_modal_weight:
            self.copies.requires_grad_(False)
        if not self.config.cross_modal_weight:
            self.text.requires_grad_(False)
            if self.config.pooling == "attention":
                self.pooler.requires_grad_(False)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return the weighted sum of both alignments, and each of them."""
        features, ecg = self._features(batch["ecg"])
        scale = 1 / self.config.temperature
        losses = {}
        if self.config.cross_modal_weight:
            latent = self.text(batch["tokens"], batch["sentence"]).latent
            matching = matching_reports(batch, self.config.identical_reports)
            losses["cross_modal"] = 2 * batch_contrast(ecg, latent, scale, matching)
        if self.config.uni_modal_weight:
            first, second = (copy(features) for copy in self.copies)
            losses["uni_modal"] = 2 * batch_contrast(first, second, scale)
        return self.weighted_sum(losses)

    def _features(
        self, ecg: Float[Tensor, "batch lead time"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]]:
        """Return the features that are copied, and the vector in the space shared with text."""
        if self.config.pooling == "mean":
            projected = self.projector(self.encoder.embed(ecg))
            return projected, projected
        frames = self.reduction(self.encoder(ecg))
        return frames.mean(1), self.pooler(frames)

    def project_ecg(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Return unit vectors of ECGs in the space shared with text."""
        return F.normalize(self._features(ecg)[1], dim=-1)

    def embed_text(self, texts: Sequence[str | Sequence[str]]) -> Float[Tensor, "text dim"]:
        """Return unit vectors in the shared space of texts: one statement, or the statements of a report."""
        return F.normalize(read_texts(self.text, self.reports, texts).latent, dim=-1)
