"""Barlow Twins: the features of two views agree, and different features are uncorrelated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from melp.errors import check_ranges
from melp.losses.barlow_twins import barlow_twins_loss
from melp.losses.gather import gather
from melp.methods._base import Batch, Inputs, Method
from melp.methods._views import ViewsConfig, two_views
from melp.nn.heads import mlp


@dataclass(frozen=True)
class BarlowTwinsConfig(ViewsConfig):
    """Options of Barlow Twins (A: the paper)."""

    dim: int = 8192
    """Width of the three layers of the projection head (A, section 2.2)."""
    redundancy: float = 0.005
    """Weight of the correlations between different features (A, section 2.2: lambda)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges("method", self, {"redundancy": (0, 1)}, above=("dim",))


class BarlowTwins(Method):
    """Makes each feature agree between two views, and decorrelates different features.

    Two views of each recording pass the encoder and a wide projection head. Feature i of the first view is
    correlated over the batch with feature j of the second. The loss pulls the correlations towards 1 for
    i = j (the feature is invariant to the augmentation) and towards 0 otherwise (no feature is redundant).
    The second term prevents collapse to a point; there are no negatives, and the two views are treated alike.

    In words: loss = sum over features of (1 - own correlation)^2 + lambda * sum over pairs of different
    features of correlation^2.

    Paper: Zbontar, Jing, Misra, LeCun and Deny, "Barlow Twins: Self-Supervised Learning via Redundancy
    Reduction", ICML 2021.

    Differences:
        * Views are random resized crops with time-out (Mehari and Strodthoff 2022); the paper augments
          images, and MERL and MELP do not state their augmentations.
        * Correlations are exact, without the epsilon of a batch norm, and computed over the batch of all
          processes. AdamW instead of LARS.
    """

    paper: ClassVar[str] = "Zbontar et al., Barlow Twins, ICML 2021"
    needs: ClassVar[tuple[str, ...]] = ("ecg",)
    Config: ClassVar[type] = BarlowTwinsConfig
    config: BarlowTwinsConfig

    def __init__(self, config: BarlowTwinsConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        self.projector = mlp((self.encoder.dim, config.dim, config.dim, config.dim))

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return the distance of the correlations from the identity."""
        first, second = (
            gather(self.projector(self.encoder.embed(view)))
            for view in two_views(batch, self.config, self.inputs)
        )
        return {"loss": barlow_twins_loss(first, second, self.config.redundancy)}
