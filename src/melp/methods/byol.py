"""BYOL: a network predicts the output of its moving average for another view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor

from melp.errors import check_ranges
from melp.losses.gather import gather
from melp.losses.negative_cosine import negative_cosine
from melp.methods._base import Batch, Inputs, Method
from melp.methods._ema import MovingAverage, rising_momentum
from melp.methods._views import ViewsConfig, two_views
from melp.nn.heads import mlp
from melp.nn.parameters import scale_rate


@dataclass(frozen=True)
class BYOLConfig(ViewsConfig):
    """Options of BYOL (A: the paper)."""

    hidden: int = 4096
    """Hidden width of the projection and the prediction head (A, section 3.3)."""
    dim: int = 256
    """Width of projections and predictions (A, section 3.3)."""
    momentum: float = 0.99
    """Initial momentum of the target's moving average; rises to 1 (A: 0.99 for 300 epochs, 0.996 for
    1,000)."""
    predictor_rate: float = 1.0
    """Factor on the learning rate of the prediction head (A: 1; with 10 no slow target is needed)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges("method", self, {"momentum": (0, 1)}, above=("hidden", "dim", "predictor_rate"))


class BYOL(Method):
    """Learns from two views without negatives: one network predicts the other's projection.

    The online network (encoder, projection head, prediction head) reads one view; the target (encoder and
    projection head, whose weights are a slow moving average of the online ones) reads the other. The online
    network predicts the direction of the target's projection. The target gets no gradient, and only the
    online network has a predictor. Because of both, training does not collapse to a constant output, which
    would minimise the loss.

    In words: loss = mean of (2 - 2 cosine(prediction of view 1, target's projection of view 2)), plus the
    same with the views swapped. After each step, target <- m target + (1 - m) online, where m rises from
    `momentum` to 1 by half a cosine.

    Paper: Grill et al., "Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning", NeurIPS
    2020. On ECGs: Mehari and Strodthoff 2022.

    Differences:
        * Views are random resized crops with a time-out (Mehari and Strodthoff 2022), with the same
          augmentation for both; the paper augments images in two ways, and MERL and MELP do not state theirs.
        * The loss is a poor measure of what was learned, and lowest after a collapse, so recipes keep the
          last weights. AdamW instead of LARS.
    """

    paper: ClassVar[str] = "Grill et al., Bootstrap Your Own Latent, NeurIPS 2020"
    needs: ClassVar[tuple[str, ...]] = ("ecg",)
    Config: ClassVar[type] = BYOLConfig
    config: BYOLConfig

    def __init__(self, config: BYOLConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        self.projector = mlp((self.encoder.dim, config.hidden, config.dim))
        self.predictor = mlp((config.dim, config.hidden, config.dim))
        self.target_encoder = MovingAverage(self.encoder)
        self.target_projector = MovingAverage(self.projector)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return the distance between each view's prediction and the target of the other view."""
        views = two_views(batch, self.config, self.inputs)
        first, second = (gather(self._predict(view)) for view in views)
        first_target, second_target = (gather(self._target(view)) for view in views)
        cosines = negative_cosine(first, second_target) + negative_cosine(second, first_target)
        return {"loss": 4 + 2 * cosines}

    def _predict(self, view: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        predicted: Tensor = self.predictor(self.projector(self.encoder.embed(view)))
        return predicted

    def _target(self, view: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        projected: Tensor = self.target_projector(self.target_encoder.embed(view))
        return projected

    def param_groups(self) -> list[dict[str, Any]]:
        """Return parameter groups in which the prediction head has its own learning rate."""
        return scale_rate(super().param_groups(), self.predictor, self.config.predictor_rate)

    def after_step(self, step: int, steps: int) -> None:
        """Update the target."""
        momentum = rising_momentum(self.config.momentum, step, steps)
        for target in (self.target_encoder, self.target_projector):
            target.update(momentum)
