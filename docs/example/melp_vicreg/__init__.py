"""VICReg as a method of melp, in a package of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from melp.errors import check_ranges
from melp.losses.gather import gather
from melp.methods import Batch, Inputs, Method, ViewsConfig, two_views
from melp.nn.heads import mlp


@dataclass(frozen=True)
class VICRegConfig(ViewsConfig):
    """Options of VICReg (A: the paper)."""

    dim: int = 8192
    """Width of the three layers of the projection head (A, section 4.2)."""
    invariance: float = 25.0
    """Weight of the distance between the two views (A, section 4.1)."""
    variance: float = 25.0
    """Weight of the features' spread (A, section 4.1)."""
    covariance: float = 1.0
    """Weight of what different features have in common (A, section 4.1)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = dict.fromkeys(("invariance", "variance", "covariance"), (0.0, float("inf")))
        check_ranges("method", self, weights, above=("dim",))


class VICReg(Method):
    """Two views of a recording agree, while every feature keeps its spread and says something of its own.

    Both views pass the encoder and a wide projection head. Three terms hold each other in balance: the views
    of a recording are to be near each other; each feature is to have a standard deviation of at least 1 over
    the batch, so that not all recordings become one point; and no two features are to vary together.

    In words: loss = 25 * mean squared distance + 25 * sum over both views of mean(max(0, 1 - deviation))
    + 1 * sum over both views of (sum over pairs of different features of covariance^2) / features.

    Paper: Bardes, Ponce and LeCun, "VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised
    Learning", ICLR 2022.

    Differences:
        * Views of ECGs; variances and covariances are those of the batch of all processes.
    """

    paper: ClassVar[str] = "Bardes, Ponce and LeCun, VICReg, ICLR 2022"
    needs: ClassVar[tuple[str, ...]] = ("ecg",)
    Config: ClassVar[type] = VICRegConfig
    config: VICRegConfig

    def __init__(self, config: VICRegConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        self.projector = mlp((self.encoder.dim, config.dim, config.dim, config.dim))

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The three terms, and their weighted sum."""
        first, second = (
            gather(self.projector(self.encoder.embed(view))).float()
            for view in two_views(batch, self.config, self.inputs)
        )
        with torch.autocast(first.device.type, enabled=False):
            terms = {
                "invariance": F.mse_loss(first, second),
                "variance": _lacking_spread(first) + _lacking_spread(second),
                "covariance": _shared(first) + _shared(second),
            }
        total = sum(getattr(self.config, name) * value for name, value in terms.items())
        return {"loss": total, **terms}


def _lacking_spread(vectors: Float[Tensor, "batch dim"]) -> Float[Tensor, ""]:
    return F.relu(1 - (vectors.var(0) + 1e-4).sqrt()).mean()


def _shared(vectors: Float[Tensor, "batch dim"]) -> Float[Tensor, ""]:
    covariance = vectors.t().cov()
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / len(covariance)
