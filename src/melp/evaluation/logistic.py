"""L2-regularised logistic regression, all classes and all strengths at once.

scikit-learn fits one class and one strength at a time; a probe needs some hundred of them. They share the
features, so that one matrix product serves all. Each has its own L-BFGS (memory, step and stopping), on a
problem made nearly spherical beforehand: the features are turned to their principal axes, which the L2
penalty does not see, and each weight is measured in units of its expected curvature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

__all__ = ["fit_logistic", "minimise_columns"]

Columns = Float[Tensor, "parameter column"]
Objective = Callable[[Columns, Tensor], tuple[Float[Tensor, " column"], Columns]]


def fit_logistic(
    features: Float[Tensor, "record feature"],
    labels: Bool[Tensor, "record class"],
    strengths: Sequence[float],
    tolerance: float = 1e-4,
) -> tuple[Float[Tensor, "strength class feature"], Float[Tensor, "strength class"]]:
    """Weights and biases that minimise, for each class and strength C, the log-loss + |w|^2 / (2 C).

    The log-loss is summed over records and the bias not penalised, as in scikit-learn. A class without a
    positive or without a negative has no finite bias: its weights and bias are 0.

    Args:
        features: standardised features.
        labels: which record has which class.
        strengths: values of C.
        tolerance: largest slope that is left, in log-loss a unit of expected curvature.
    """
    features = features.double()
    classes, count = labels.shape[1], len(features)
    _, axes = torch.linalg.eigh(features.T @ features)
    # With fewer records than features the solution lies in their span; the other axes carry nothing.
    axes = axes[:, -min(features.shape) :]
    inputs = torch.cat([features @ axes, torch.ones(count, 1, dtype=torch.float64)], dim=1)
    target = labels.double().repeat(1, len(strengths))  # column = strength * classes + class
    penalty = torch.zeros(inputs.shape[1], target.shape[1], dtype=torch.float64)
    penalty[:-1] = torch.tensor(strengths, dtype=torch.float64).reciprocal().repeat_interleave(classes)
    rate = target.mean(0).clamp(0.5 / count, 1 - 0.5 / count)
    unit = (inputs.square().sum(0)[:, None] * rate * (1 - rate) + penalty).rsqrt()
    start = torch.zeros_like(penalty)
    start[-1] = torch.logit(rate) / unit[-1]

    def value_and_slope(scaled: Columns, columns: Tensor) -> tuple[Float[Tensor, " column"], Columns]:
        weights = scaled * unit[:, columns]
        logits, wanted, shrink = inputs @ weights, target[:, columns], penalty[:, columns]
        losses = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        slope = inputs.T @ (torch.sigmoid(logits) - wanted) + shrink * weights
        return losses.sum(0) + (shrink * weights.square()).sum(0) / 2, slope * unit[:, columns]

    solution = minimise_columns(value_and_slope, start, tolerance) * unit
    learnable = labels.any(0) & ~labels.all(0)
    weights = (axes @ solution[:-1]).T.unflatten(0, (len(strengths), classes))
    return weights * learnable[:, None], solution[-1].view(len(strengths), classes) * learnable


def minimise_columns(
    value_and_slope: Objective, start: Columns, tolerance: float, memory: int = 12, iterations: int = 300
) -> Columns:
    """The minimum of a strictly convex function of each column, by one L-BFGS a column.

    Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 3.1 (backtracking).

    Args:
        value_and_slope: values and slopes at some places, given these and the numbers of their columns.
        start: where to begin.
        tolerance: a column stops where no slope is larger.
        memory: steps remembered.
        iterations: steps at most.
    """
    result = start.clone()
    columns = torch.arange(start.shape[1])
    place = start
    value, slope = value_and_slope(place, columns)
    steps: list[Columns] = []
    changes: list[Columns] = []
    for _ in range(iterations):
        moving = slope.abs().amax(0) > tolerance
        result[:, columns] = place
        if not moving.any():
            break
        if moving.sum() < 0.8 * len(columns):  # columns that have arrived cost nothing from here on
            columns, place, value, slope = columns[moving], place[:, moving], value[moving], slope[:, moving]
            steps, changes = [step[:, moving] for step in steps], [each[:, moving] for each in changes]
        direction = -_inverse_curvature(slope, steps, changes)
        new_place, new_value, new_slope = _backtrack(value_and_slope, columns, place, value, slope, direction)
        steps, changes = [*steps, new_place - place][-memory:], [*changes, new_slope - slope][-memory:]
        place, value, slope = new_place, new_value, new_slope
    result[:, columns] = place
    return result


def _inverse_curvature(slope: Columns, steps: Sequence[Columns], changes: Sequence[Columns]) -> Columns:
    """The slope divided by the curvature that the remembered steps have met (two-loop recursion)."""
    result = slope
    products = [(step * change).sum(0) for step, change in zip(steps, changes, strict=True)]
    # A column that did not move has nothing to remember: weight 0.
    weights = [torch.where(product > 1e-300, 1 / product, 0.0) for product in products]
    shares = []
    for step, change, weight in zip(reversed(steps), reversed(changes), reversed(weights), strict=True):
        share = weight * (step * result).sum(0)
        result = result - share * change
        shares.append(share)
    if steps:
        size = changes[-1].square().sum(0)
        result = result * torch.where(size > 1e-300, products[-1] / size, 1.0)
    for step, change, weight, share in zip(steps, changes, weights, reversed(shares), strict=True):
        result = result + (share - weight * (change * result).sum(0)) * step
    return result


def _backtrack(
    value_and_slope: Objective,
    columns: Tensor,
    place: Columns,
    value: Float[Tensor, " column"],
    slope: Columns,
    direction: Columns,
) -> tuple[Columns, Float[Tensor, " column"], Columns]:
    """Halves the step of each column until its value falls as much as its slope promises (Armijo)."""
    promised = (slope * direction).sum(0)
    length = torch.ones_like(value)
    new_place = place + direction
    new_value, new_slope = value_and_slope(new_place, columns)
    for _ in range(30):
        # The last term forgives rounding where the value is almost flat.
        short = new_value > value + 1e-4 * length * promised + 1e-12 * value.abs()
        if not short.any():
            break
        length = torch.where(short, length / 2, length)
        new_place[:, short] = (place + length * direction)[:, short]
        new_value[short], new_slope[:, short] = value_and_slope(new_place[:, short], columns[short])
    return new_place, new_value, new_slope
