"""SimSiam: a network predicts its own output of another view, through which no gradient flows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor

from melp.errors import check_ranges
from melp.losses.gather import gather
from melp.losses.negative_cosine import negative_cosine
from melp.methods._base import Batch, Inputs, Method, with_rate
from melp.methods._views import ViewsConfig, two_views
from melp.nn.heads import mlp


@dataclass(frozen=True)
class SimSiamConfig(ViewsConfig):
    """Options of SimSiam (A: the paper)."""

    dim: int = 2048
    """Width of the projection head, hidden and out, and of the prediction (A, section 3)."""
    bottleneck: int = 512
    """Hidden width of the prediction head: a quarter (A, section 3)."""
    predictor_rate: float = 1.0
    """Factor on the learning rate of the prediction head (A: its rate is never lowered)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges("method", self, {}, above=("dim", "bottleneck", "predictor_rate"))


class SimSiam(Method):
    """Learns from two views with neither negatives nor a slower copy: a predictor and a stopped gradient do.

    Both views pass the same encoder and projection head. From one projection, a narrow prediction head says
    where the other is to be; the other is taken as given. Without the stopped gradient all projections would
    become one point at once; with it, training behaves as if projections were first fixed and then fitted,
    in turn.

    In words: loss = -(cosine(prediction of view 1, projection of view 2 as given) + the same with the views
    exchanged) / 2, from 1 to -1.

    Paper: Chen and He, "Exploring Simple Siamese Representation Learning", CVPR 2021.

    Differences:
        * Views are random resized crops with time-out (Mehari and Strodthoff 2022), where the paper distorts
          images; the comparison in MERL and MELP does not say what it did.
        * One schedule holds for all weights; where the paper never lowers the predictor's rate, it may be a
          multiple of the others' (`predictor_rate`). AdamW in place of SGD.
        * The loss says little of what was learned: recipes keep the last weights.
    """

    paper: ClassVar[str] = "Chen and He, Exploring Simple Siamese Representation Learning, CVPR 2021"
    needs: ClassVar[tuple[str, ...]] = ("ecg",)
    Config: ClassVar[type] = SimSiamConfig
    least_loss: ClassVar[float] = -1.0
    config: SimSiamConfig

    def __init__(self, config: SimSiamConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        widths = (self.encoder.dim, config.dim, config.dim, config.dim)
        self.projector = mlp(widths, last_norm=True)
        self.predictor = mlp((config.dim, config.bottleneck, config.dim))

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Negative cosine of each view's prediction and the other's projection."""
        views = two_views(batch, self.config, self.inputs)
        first, second = (self.projector(self.encoder.embed(view)) for view in views)
        one = negative_cosine(gather(self.predictor(first)), gather(second))
        other = negative_cosine(gather(self.predictor(second)), gather(first))
        return {"loss": (one + other) / 2}

    def param_groups(self) -> list[dict[str, Any]]:
        """The prediction head has a rate of its own."""
        return with_rate(super().param_groups(), self.predictor, self.config.predictor_rate)
