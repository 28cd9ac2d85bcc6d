"""VICReg as a method of melp, in a separate package."""

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
    """Weight of the variance of the features (A, section 4.1)."""
    covariance: float = 1.0
    """Weight of the covariance of different features (A, section 4.1)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = dict.fromkeys(("invariance", "variance", "covariance"), (0.0, float("inf")))
        check_ranges("method", self, weights, above=("dim",))


class VICReg(Method):
    """Makes two views of a recording agree, while features keep their variance and are uncorrelated.

    Both views pass the encoder and a wide projection head. The loss has three terms: the distance between the
    two views of a recording; a penalty on features with a standard deviation below 1 over the batch, which
    prevents collapse to a point; and the covariances of different features.

    In words: loss = 25 * mean squared distance + 25 * sum over both views of mean(max(0, 1 - deviation))
    + 1 * sum over both views of (sum over pairs of different features of covariance^2) / features.

    Paper: Bardes, Ponce and LeCun, "VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised
    Learning", ICLR 2022.

    Differences:
        * Views are of ECGs. Variances and covariances are computed over the batch of all processes.
    """

    paper: ClassVar[str] = "Bardes, Ponce and LeCun, VICReg, ICLR 2022"
    needs: ClassVar[tuple[str, ...]] = ("ecg",)
    Config: ClassVar[type] = VICRegConfig
    config: VICRegConfig

    def __init__(self, config: VICRegConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        self.projector = mlp((self.encoder.dim, config.dim, config.dim, config.dim))

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return the weighted sum of the three terms, and each term."""
        first, second = (
            gather(self.projector(self.encoder.embed(view))).float()
            for view in two_views(batch, self.config, self.inputs)
        )
        with torch.autocast(first.device.type, enabled=False):
            terms = {
                "invariance": F.mse_loss(first, second),
                "variance": _variance_penalty(first) + _variance_penalty(second),
                "covariance": _covariance_penalty(first) + _covariance_penalty(second),
            }
        total = sum(getattr(self.config, name) * value for name, value in terms.items())
        return {"loss": total, **terms}


def _variance_penalty(vectors: Float[Tensor, "batch dim"]) -> Float[Tensor, ""]:
    return F.relu(1 - (vectors.var(0) + 1e-4).sqrt()).mean()


def _covariance_penalty(vectors: Float[Tensor, "batch dim"]) -> Float[Tensor, ""]:
    covariance = vectors.t().cov()
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / len(covariance)
