"""TS-TCC: the past of one view foretells the future of another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from melp.augment import AUGMENTATIONS, make_view
from melp.augment.random import combine, uniform
from melp.errors import MelpError, check_choices, check_ranges
from melp.losses.gather import gather
from melp.losses.nt_xent import nt_xent
from melp.losses.temporal_contrast import temporal_contrast
from melp.methods._base import Batch, EncoderConfig, Inputs, Method
from melp.methods._views import augmentation_of
from melp.nn.heads import mlp
from melp.nn.transformer import Transformer, TransformerBlock


@dataclass(frozen=True)
class TSTCCConfig(EncoderConfig):
    """Options of TS-TCC (A: the paper; C: its code)."""

    probes: ClassVar[tuple[str, ...]] = ("frames", "stages", "context")

    probe: str = "frames"
    """What `embed` gives: frames (the encoder's own vector, mostly its mean frame), stages (mean output of
    each of its stages, side by side) or context (what the transformer makes of all frames)."""
    weak: str = "ts_tcc_weak"
    """Set of transforms of the first view (A, section 3.1: scaling)."""
    weak_options: dict[str, Any] = field(default_factory=dict)
    """Fields of `melp.augment.Augmentation` that differ from the set's."""
    strong: str = "ts_tcc_strong"
    """Set of transforms of the second view (A, section 3.1: permutation and jitter)."""
    strong_options: dict[str, Any] = field(default_factory=dict)
    """Fields of `melp.augment.Augmentation` that differ from the set's."""
    horizon: float = 0.4
    """Share of the frames that is foretold (A, section 4.5)."""
    dim: int = 100
    """Width of the transformer and of contexts (C, hidden_dim)."""
    layers: int = 4
    """Layers of the transformer (C)."""
    heads: int = 4
    """Its attention heads (C)."""
    feedforward: int = 64
    """Hidden width of a layer (C)."""
    dropout: float = 0.1
    """Of the transformer (C)."""
    temperature: float = 0.2
    """Of the contextual contrast (A, section 4.2)."""
    temporal_weight: float = 1.0
    """Of the temporal contrast (A, lambda 1)."""
    contextual_weight: float = 0.7
    """Of the contextual contrast (A, lambda 2)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices("method", self, dict.fromkeys(("weak", "strong"), sorted(AUGMENTATIONS)))
        sizes = ("dim", "layers", "heads", "feedforward", "temperature", "temporal_weight", "horizon")
        limits = dict.fromkeys(("horizon", "dropout"), (0.0, 1.0)) | {"contextual_weight": (0, float("inf"))}
        check_ranges("method", self, limits, above=sizes)
        for view in ("weak", "strong"):
            augmentation_of(getattr(self, view), getattr(self, f"{view}_options"))


class TSTCC(Method):
    """Foretells the later frames of one view from the earlier ones of another, and compares the contexts.

    A weak view (another amplitude) and a strong one (segments in another order, noise) pass the same encoder.
    Up to a moment drawn at random, a transformer sums up the frames of a view in one vector, its context.
    From it, linear maps foretell the next frames of the other view, each to be found among the frames of the
    whole batch at that place (temporal contrast): what the encoder keeps must hold beyond the moment and the
    distortion. The contexts of both views, behind a small head, are to find each other among all contexts of
    the batch (contextual contrast).

    In words: loss = mean over the places ahead of -log softmax over the batch of <W_k context, frame>, for
    both directions added, plus 0.7 * NT-Xent of the contexts.

    Paper: Eldele, Ragab, Chen, Wu, Kwoh, Li and Guan, "Time-Series Representation Learning via Temporal and
    Contextual Contrasting", IJCAI 2021.

    Differences:
        * The moment is drawn for each recording, the same for both views; the published code draws one for
          the batch and view.
        * The right frame is told among frames for a given context (the paper's equation 2 and 3); the code's
          softmax has no dimension and compares contexts for a given frame.
        * Every lead keeps its own signal and all are permuted alike, where the code writes the first into
          all; scaling is one number, as the paper describes it, where the code has one for each sample.
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
                "one at least must be known"
            )
        self.embedding = nn.Linear(width, config.dim)
        self.token = nn.Parameter(torch.randn(config.dim))
        self.layers = Transformer(
            TransformerBlock(config.dim, config.heads, config.feedforward, config.dropout)
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.dim)
        self.foretell = nn.Linear(config.dim, self.ahead * width)
        if config.contextual_weight:
            self.projector = mlp((config.dim, max(width // 2, 1), max(width // 4, 1)))

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Both contrasts."""
        first, second = (self._frames(view) for view in self._views(batch))
        frames = first.shape[1]
        last = (uniform(combine(batch["key"], 2)) * (frames - self.ahead)).long()
        contexts = [self._context(view, last) for view in (first, second)]
        temporal = self._temporal(contexts[0], second, last) + self._temporal(contexts[1], first, last)
        losses = {"temporal": temporal}
        if self.config.contextual_weight:
            one, other = (gather(self.projector(context)) for context in contexts)
            losses["contextual"] = nt_xent(one, other, self.config.temperature)
        total = sum(getattr(self.config, f"{name}_weight") * value for name, value in losses.items())
        return {"loss": total, **losses}

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """What the option `probe` names."""
        if self.config.probe != "context":
            return super().embed(ecg)
        frames = self._frames(ecg)
        return self._context(frames, torch.full((len(frames),), frames.shape[1] - 1, device=frames.device))

    def _frames(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame width"]:
        return F.normalize(self.encoder(ecg), dim=2)

    def _views(self, batch: Batch) -> list[Float[Tensor, "batch lead time"]]:
        sets = [
            augmentation_of(getattr(self.config, view), getattr(self.config, f"{view}_options"))
            for view in ("weak", "strong")
        ]
        rate, names = self.inputs.rate, self.inputs.names
        return [
            make_view(batch["ecg"], batch["key"], augmentation, rate, stream, names)
            for stream, augmentation in enumerate(sets)
        ]

    def _context(
        self, frames: Float[Tensor, "batch frame width"], last: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch dim"]:
        """A token's view of the frames up to the last one that is known."""
        x = torch.cat([self.token.expand(len(frames), 1, -1), self.embedding(frames)], dim=1)
        place = torch.arange(x.shape[1], device=x.device)
        known = (place <= last[:, None] + 1)[:, None, None]
        return self.norm(self.layers(x, mask=known)[:, 0])

    def _temporal(
        self,
        context: Float[Tensor, "batch dim"],
        frames: Float[Tensor, "batch frame width"],
        last: Int[Tensor, " batch"],
    ) -> Float[Tensor, ""]:
        """How well a context foretells the other view's frames behind the last that it knows."""
        ahead = last[:, None] + 1 + torch.arange(self.ahead, device=frames.device)
        coming = frames.take_along_dim(ahead[..., None], 1)
        foretold = self.foretell(context).unflatten(1, (self.ahead, -1))
        return temporal_contrast(gather(foretold), gather(coming))
