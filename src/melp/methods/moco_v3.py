"""MoCo v3: each view finds, among the whole batch, what a slower network makes of its partner."""

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
    """Of the cosines (A, for ViT; 1 in its published ResNet-50)."""
    momentum: float = 0.99
    """Share of its weights that the momentum encoder keeps at the first step; rises to 1 (A, section 4)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges("method", self, {"momentum": (0, 1)}, above=("hidden", "dim", "temperature"))


class MoCoV3(Method):
    """Contrasts queries of one network with keys of its slow moving average.

    A view passes encoder, projection head and prediction head and becomes a query. The other view passes the
    momentum encoder (encoder and projection head, whose weights are the moving average of the trained ones,
    without a gradient) and becomes a key. A query is to find its own key among the keys of the whole batch.
    Slow keys make a steadier target than SimCLR's; negatives make it safer than BYOL's. Unlike earlier
    versions there is no queue of old keys: the batch is large enough.

    In words: loss = 2 t * mean over queries of -log softmax over the keys of (cosine / t), at the own key,
    plus the same with the views exchanged; t is the temperature.

    Paper: Chen, Xie and He, "An Empirical Study of Training Self-Supervised Vision Transformers", ICCV 2021.

    Differences:
        * Views are random resized crops with time-out (Mehari and Strodthoff 2022), where the paper distorts
          images; the comparison in MERL and MELP does not say what it did.
        * The projection head has two layers, as with the paper's ResNet-50 (three with ViT); a ViT's patch
          embedding is trained, where the paper leaves it as it was drawn.
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
        """InfoNCE of each view's query among the other's keys."""
        views = two_views(batch, self.config, self.inputs)
        queries = [gather(self.predictor(self.projector(self.encoder.embed(view)))) for view in views]
        keys = [gather(self.momentum_projector(self.momentum_encoder.embed(view))) for view in views]
        temperature = self.config.temperature
        contrasts = info_nce(queries[0], keys[1], temperature) + info_nce(queries[1], keys[0], temperature)
        return {"loss": 2 * temperature * contrasts}

    def after_step(self, step: int, steps: int) -> None:
        """The momentum encoder follows."""
        momentum = rising_momentum(self.config.momentum, step, steps)
        for average in (self.momentum_encoder, self.momentum_projector):
            average.follow(momentum)
