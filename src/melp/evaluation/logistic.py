"""L2-regularised logistic regression, all classes and all strengths in one optimisation.

scikit-learn fits one class and one strength at a time; a benchmark needs some hundred of them a probe. They
share the features, so one matrix product serves all, and the problem is made nearly spherical beforehand: the
features are turned to their principal axes (which the L2 penalty does not see) and each weight is measured in
units of its expected curvature. The result is scikit-learn's to its tolerance.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

__all__ = ["fit_logistic"]


def fit_logistic(
    features: Float[Tensor, "record feature"],
    labels: Bool[Tensor, "record class"],
    strengths: Sequence[float],
    max_iterations: int = 300,
) -> tuple[Float[Tensor, "strength class feature"], Float[Tensor, "strength class"]]:
    """Weights and biases that minimise, for each class and strength C, the log-loss + |w|^2 / (2 C).

    The log-loss is summed over records and the bias not penalised, as in scikit-learn. A class without a
    positive or without a negative has no finite bias: its weights and bias are 0.
    """
    features = features.double()
    classes, count = labels.shape[1], len(features)
    _, axes = torch.linalg.eigh(features.T @ features)
    # With fewer records than features the solution lies in their span; the other axes carry nothing.
    axes = axes[:, -min(features.shape) :]
    turned = features @ axes
    target = labels.double().repeat(1, len(strengths))  # column = strength * classes + class
    penalty = torch.tensor(strengths, dtype=torch.float64).reciprocal().repeat_interleave(classes)
    rate = target.mean(0).clamp(0.5 / count, 1 - 0.5 / count)
    curvature = rate * (1 - rate)
    weight_unit = (turned.square().sum(0)[:, None] * curvature + penalty).rsqrt()
    bias_unit = (count * curvature).rsqrt()
    start = torch.logit(rate)
    scaled = torch.zeros(len(weight_unit) + 1, len(penalty), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [scaled],
        max_iter=max_iterations,
        history_size=20,
        tolerance_grad=1e-4,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def unscaled() -> tuple[Tensor, Tensor]:
        return scaled[1:] * weight_unit, start + scaled[0] * bias_unit

    def closure() -> Tensor:
        optimiser.zero_grad()
        weights, bias = unscaled()
        logits = torch.addmm(bias, turned, weights)
        loss = functional.binary_cross_entropy_with_logits(logits, target, reduction="sum")
        loss = loss + (penalty * weights.square()).sum() / 2
        loss.backward()
        return loss

    optimiser.step(closure)
    with torch.no_grad():
        weights, bias = unscaled()
        learnable = labels.any(0) & ~labels.all(0)
        weights = (axes @ weights).T.unflatten(0, (len(strengths), classes))
        return weights * learnable[:, None], bias.view(len(strengths), classes) * learnable
