"""SimSiam: a network predicts its own output for another view, with a stopped gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor

from melp.errors import check_ranges
from melp.losses.gather import gather
from melp.losses.negative_cosine import negative_cosine
from melp.methods._base import Batch, Inputs, Method
from melp.methods._views import ViewsConfig, two_views
from melp.nn.heads import mlp
from melp.nn.parameters import scale_rate


@dataclass(frozen=True)
class SimSiamConfig(ViewsConfig):
    """Options of SimSiam (A: the paper)."""

    dim: int = 2048
    """Hidden and output width of the projection head, output width of the prediction head (A, section 3)."""
    bottleneck: int = 512
    """Hidden width of the prediction head: a quarter (A, section 3)."""
    predictor_rate: float = 1.0
    """Factor on the learning rate of the prediction head (A: its rate is never lowered)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges("method", self, {}, above=("dim", "bottleneck", "predictor_rate"))


class SimSiam(Method):
    """Learns from two views without negatives or a moving average, by a predictor and a stopped gradient.

    Both views pass the same encoder and projection head. A narrow prediction head predicts the projection of
    one view from that of the other, through which no gradient flows. Without the stopped gradient all
    projections would collapse to a point at once; with it, training resembles an alternation of fixing the
    projections and fitting the network to them.

    In words: loss = -(cosine(prediction of view 1, stop-gradient of the projection of view 2) + the same with
    the views swapped) / 2, from 1 to -1.

    Paper: Chen and He, "Exploring Simple Siamese Representation Learning", CVPR 2021.

    Differences:
        * Views are random resized crops with time-out (Mehari and Strodthoff 2022); the paper augments
          images, and MERL and MELP do not state their augmentations.
        * All weights have the same schedule. The paper never lowers the rate of the prediction head; here it
          may be a multiple of the others' (`predictor_rate`). AdamW instead of SGD.
        * The loss is a poor measure of what was learned, so recipes keep the last weights.
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
        """Return the negative cosine of each view's prediction and the other view's projection."""
        views = two_views(batch, self.config, self.inputs)
        first, second = (self.projector(self.encoder.embed(view)) for view in views)
        cosines = negative_cosine(gather(self.predictor(first)), gather(second)) + negative_cosine(
            gather(self.predictor(second)), gather(first)
        )
        return {"loss": cosines / 2}

    def param_groups(self) -> list[dict[str, Any]]:
        """Return parameter groups in which the prediction head has its own learning rate."""
        return scale_rate(super().param_groups(), self.predictor, self.config.predictor_rate)
