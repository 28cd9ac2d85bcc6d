"""MoCo v3: each view is contrasted with the outputs of a moving average for the other views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from melp.errors import check_ranges
from melp.losses.gather import gather
from melp.losses.info_nce import info_nce
from melp.methods._base import Batch, Inputs, Method
from melp.methods._ema import MovingAverage, rising_momentum
from melp.methods._views import ViewsConfig, two_views
from melp.nn.heads import mlp


@dataclass(frozen=True)
class MoCoV3Config(ViewsConfig):
    """Options of MoCo v3 (A: the paper)."""

    hidden: int = 4096
    """Hidden width of both heads (A, section 4)."""
    dim: int = 256
    """Width of queries and keys (A, section 4)."""
    temperature: float = 0.2
    """Temperature of the cosines (A, for ViT; 1 in its published ResNet-50)."""
    momentum: float = 0.99
    """Initial momentum of the momentum encoder; rises to 1 (A, section 4)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges("method", self, {"momentum": (0, 1)}, above=("hidden", "dim", "temperature"))


class MoCoV3(Method):
    """Contrasts queries of one network with keys of its slow moving average.

    One view passes encoder, projection head and prediction head and gives a query. The other view passes the
    momentum encoder (encoder and projection head, whose weights are a moving average of the trained ones,
    without a gradient) and gives a key. The key of the same recording is the positive among the keys of the
    batch. Slow keys are a more stable target than SimCLR's, and negatives prevent a collapse, unlike in BYOL.
    Earlier versions have a queue of old keys; here the batch is large enough.

    In words: loss = 2 t * mean over queries of -log softmax over the keys of (cosine / t), at the positive
    key, plus the same with the views swapped; t is the temperature.

    Paper: Chen, Xie and He, "An Empirical Study of Training Self-Supervised Vision Transformers", ICCV 2021.

    Differences:
        * Views are random resized crops with time-out (Mehari and Strodthoff 2022); the paper augments
          images, and MERL and MELP do not state their augmentations.
        * The projection head has two layers, as with the paper's ResNet-50 (three with ViT). The patch
          embedding of a ViT is trained; the paper freezes it at its random initialisation.
    """

    paper: ClassVar[str] = "Chen et al., Training Self-Supervised Vision Transformers, ICCV 2021"
    needs: ClassVar[tuple[str, ...]] = ("ecg",)
    Config: ClassVar[type] = MoCoV3Config
    config: MoCoV3Config

    def __init__(self, config: MoCoV3Config, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        self.projector = mlp((self.encoder.dim, config.hidden, config.dim), last_norm=True)
        self.predictor = mlp((config.dim, config.hidden, config.dim), last_norm=True)
        self.momentum_encoder = MovingAverage(self.encoder)
        self.momentum_projector = MovingAverage(self.projector)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return InfoNCE of each view's queries and the other view's keys."""
        views = two_views(batch, self.config, self.inputs)
        queries = [gather(self.predictor(self.projector(self.encoder.embed(view)))) for view in views]
        keys = [gather(self.momentum_projector(self.momentum_encoder.embed(view))) for view in views]
        temperature = self.config.temperature
        contrasts = info_nce(queries[0], keys[1], temperature) + info_nce(queries[1], keys[0], temperature)
        return {"loss": 2 * temperature * contrasts}

    def after_step(self, step: int, steps: int) -> None:
        """Update the momentum encoder."""
        momentum = rising_momentum(self.config.momentum, step, steps)
        for average in (self.momentum_encoder, self.momentum_projector):
            average.update(momentum)
