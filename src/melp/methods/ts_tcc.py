"""TS-TCC: the past of one view predicts the future of another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from melp.augment.random import combine, uniform
from melp.augment.streams import Stream
from melp.errors import MelpError, check_ranges
from melp.losses.gather import gather
from melp.losses.nt_xent import nt_xent
from melp.losses.temporal_contrast import temporal_contrast
from melp.methods._base import Batch, EncoderConfig, Inputs, Method
from melp.methods._views import augmentation_of, view_of
from melp.nn.heads import mlp
from melp.nn.transformer import Transformer, TransformerBlock


@dataclass(frozen=True)
class TSTCCConfig(EncoderConfig):
    """Options of TS-TCC (A: the paper; C: its code)."""

    probes: ClassVar[tuple[str, ...]] = ("frames", "stages", "context")

    probe: str = "frames"
    """Embedding: frames (the encoder's vector, usually its mean frame), stages (the mean outputs of its
    stages, concatenated) or context (the transformer's summary of all frames)."""
    weak: str = "ts_tcc_weak"
    """Augmentations of the first view (A, section 3.1: scaling)."""
    weak_options: dict[str, Any] = field(default_factory=dict)
    """Fields of `melp.augment.Augmentation` that differ from `weak`."""
    strong: str = "ts_tcc_strong"
    """Augmentations of the second view (A, section 3.1: permutation and jitter)."""
    strong_options: dict[str, Any] = field(default_factory=dict)
    """Fields of `melp.augment.Augmentation` that differ from `strong`."""
    horizon: float = 0.4
    """Share of the frames that is predicted (A, section 4.5)."""
    dim: int = 100
    """Width of the transformer and of contexts (C, hidden_dim)."""
    layers: int = 4
    """Layers of the transformer (C)."""
    heads: int = 4
    """Attention heads of the transformer (C)."""
    feedforward: int = 64
    """Hidden width of a layer (C)."""
    dropout: float = 0.1
    """Dropout of the transformer (C)."""
    temperature: float = 0.2
    """Temperature of the contextual contrast (A, section 4.2)."""
    temporal_weight: float = 1.0
    """Weight of the temporal contrast (A, lambda 1)."""
    contextual_weight: float = 0.7
    """Weight of the contextual contrast (A, lambda 2)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = ("dim", "layers", "heads", "feedforward", "temperature", "temporal_weight", "horizon")
        limits = dict.fromkeys(("horizon", "dropout"), (0.0, 1.0)) | {"contextual_weight": (0, float("inf"))}
        check_ranges("method", self, limits, above=sizes)
        for view in ("weak", "strong"):
            augmentation_of(self, view)


class TSTCC(Method):
    """Predicts the later frames of one view from the earlier frames of another, and contrasts the contexts.

    A weak view (scaled) and a strong view (permuted segments, noise) pass the same encoder. A transformer
    summarises the frames of a view up to a random position in one vector, its context. Linear maps predict
    the next frames of the other view from it; each prediction is contrasted with the frames of the batch at
    the same position (temporal contrast). So the encoder keeps what persists in time and under augmentation.
    After a small head, the contexts of both views are contrasted with all contexts of the batch (contextual
    contrast).

    In words: loss = mean over the predicted positions of -log softmax over the batch of <W_k context, frame>,
    summed over both directions, plus 0.7 * NT-Xent of the contexts.

    Paper: Eldele, Ragab, Chen, Wu, Kwoh, Li and Guan, "Time-Series Representation Learning via Temporal and
    Contextual Contrasting", IJCAI 2021.

    Differences:
        * The position is random per recording and the same for both views; the published code draws one for
          each batch and view.
        * The softmax is over frames for a given context (the paper's equations 2 and 3); in the code its
          dimension is not set, and it is over contexts for a given frame.
        * Every lead keeps its own signal, and all leads have the same permutation; the code copies the first
          lead to all. Scaling is one factor per recording, as in the paper; the code has one per sample.
        * The encoder is that of the comparison in MERL and MELP, not the paper's three convolutions.
    """

    paper: ClassVar[str] = "Eldele et al., Temporal and Contextual Contrasting (TS-TCC), IJCAI 2021"
    needs: ClassVar[tuple[str, ...]] = ("ecg",)
    Config: ClassVar[type] = TSTCCConfig
    config: TSTCCConfig

    def __init__(self, config: TSTCCConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        width, frames = self.encoder.dim, self.encoder.frame_count(inputs.samples)
        self.ahead = max(1, round(config.horizon * frames))
        if self.ahead >= frames:
            raise MelpError(
                f"method.horizon: {config.horizon} found, wanted less: of the {frames} frames of the encoder "
                "at least one must not be predicted"
            )
        self.embedding = nn.Linear(width, config.dim)
        self.token = nn.Parameter(torch.randn(config.dim))
        self.layers = Transformer(
            TransformerBlock(config.dim, config.heads, config.feedforward, config.dropout)
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.dim)
        self.predictor = nn.Linear(config.dim, self.ahead * width)
        if config.contextual_weight:
            self.projector = mlp((config.dim, max(width // 2, 1), max(width // 4, 1)))

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return the weighted sum of both contrasts, and each of them."""
        first, second = (self._frames(view) for view in self._views(batch))
        frames = first.shape[1]
        keys = combine(batch["key"], Stream.TS_TCC_FRAME_KEYS.number)
        last = (uniform(keys, stream=Stream.TS_TCC_FRAME) * (frames - self.ahead)).long()
        contexts = [self._context(view, last) for view in (first, second)]
        temporal = self._temporal(contexts[0], second, last) + self._temporal(contexts[1], first, last)
        losses = {"temporal": temporal}
        if self.config.contextual_weight:
            weak, strong = (gather(self.projector(context)) for context in contexts)
            losses["contextual"] = nt_xent(weak, strong, self.config.temperature)
        return self.weighted_sum(losses)

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Return the embeddings that the option `probe` names."""
        if self.config.probe != "context":
            return super().embed(ecg)
        frames = self._frames(ecg)
        return self._context(frames, torch.full((len(frames),), frames.shape[1] - 1, device=frames.device))

    def _views(self, batch: Batch) -> list[Float[Tensor, "batch lead time"]]:
        options = ("weak", "strong")
        return [view_of(batch, self.config, option, self.inputs, i) for i, option in enumerate(options)]

    def _frames(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame width"]:
        return F.normalize(self.encoder(ecg), dim=2)

    def _context(
        self, frames: Float[Tensor, "batch frame width"], last: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch dim"]:
        """Return the summary of each recording's frames up to `last`: the output of a learned token."""
        x = torch.cat([self.token.expand(len(frames), 1, -1), self.embedding(frames)], dim=1)
        position = torch.arange(x.shape[1], device=x.device)
        visible = (position <= last[:, None] + 1)[:, None, None]
        return self.norm(self.layers(x, mask=visible)[:, 0])

    def _temporal(
        self,
        context: Float[Tensor, "batch dim"],
        frames: Float[Tensor, "batch frame width"],
        last: Int[Tensor, " batch"],
    ) -> Float[Tensor, ""]:
        """Return the contrast of predictions from a context with the other view's frames after `last`."""
        ahead = last[:, None] + 1 + torch.arange(self.ahead, device=frames.device)
        target = frames.take_along_dim(ahead[..., None], 1)
        predicted = self.predictor(context).unflatten(1, (self.ahead, -1))
        return temporal_contrast(gather(predicted), gather(target))
