"""L2 logistic regression of many classes with many penalties at once, by conjugate gradients in torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from melp.errors import MelpError

__all__ = ["fit_logistic"]

_TOLERANCE = 4e-10
"""Mean squared error of the log-odds at which a problem is solved; less if the first excess is below 1."""
_SLOPE = 0.5
"""Share of the first slope along a direction, below which the next direction is taken."""
_DROPPED = 0.1
"""Share of the problems that must be solved before these are dropped from the batch."""
_STEPS = {torch.float32: 300, torch.float64: 5000}
"""Most steps in each precision. Few problems need the second: in the first, gradients are noisy."""


def fit_logistic(
    features: Float[Tensor, "record feature"],
    labels: Bool[Tensor, "record class"],
    c_values: Sequence[float],
) -> tuple[Float[Tensor, "c class feature"], Float[Tensor, "c class"]]:
    """Return weights and biases of a logistic regression of each class with each C, in float64.

    Each minimises the sum of the log-losses plus the squared weights / (2 C), as
    `sklearn.linear_model.LogisticRegression` on standardised features; the bias has no penalty. The result is
    for features that are not standardised. A constant feature has weight 0.

    All problems share two matrix products per step, on the features' device: nonlinear conjugate gradients
    (Polak and Ribiere, 1969), preconditioned by the second derivatives at equal scores, which are diagonal
    along the principal axes. A solved problem leaves the batch.

    Args:
        features: features as they are.
        labels: classes, each with at least one positive and one negative.
        c_values: inverse strengths of the penalty.

    Raises:
        MelpError: a problem is not solved in 5,000 steps.
    """
    features = features.double()
    mean, scale = features.mean(0), features.std(0, correction=0)
    constant = scale <= 1e-10 * features.abs().amax(0)
    scale = scale.masked_fill(constant, torch.inf)
    standardised = (features - mean) / scale
    squares, axes = torch.linalg.eigh(standardised.T @ standardised)
    axes = axes[:, squares > 1e-10 * squares[-1]]
    # The last axis is the intercept.
    records = torch.cat([standardised @ axes, torch.ones_like(features[:, :1])], dim=1)
    problems = _problems(records, labels.double(), c_values)
    solved = problems.weights.clone()
    for dtype, steps in _STEPS.items():
        problems = _minimise(records.to(dtype), problems.to(dtype), steps, solved)
    if unsolved := len(problems.number):
        raise MelpError(
            f"probe: found {unsolved} of {len(solved)} regressions unsolved after {steps} steps, wanted a "
            "smaller C"
        )
    weights = solved[:, :-1] @ axes.T / scale
    bias = solved[:, -1] - weights @ mean
    shape = len(c_values), labels.shape[1]
    return weights.unflatten(0, shape), bias.unflatten(0, shape)


@dataclass
class _Problems:
    """Problems that are not solved yet, one a row of each tensor, and how far they are."""

    number: Int[Tensor, " problem"]
    penalty: Float[Tensor, "problem axis"]
    target: Float[Tensor, "problem axis"]
    """Sum of the positives along each axis."""
    scaling: Float[Tensor, "problem axis"]
    """Second derivatives at equal scores."""
    weights: Float[Tensor, "problem axis"]
    scores: Float[Tensor, "problem record"]
    goal: Float[Tensor, " problem"]
    """Excess log-loss at which the problem is solved."""
    gradient: Float[Tensor, "problem axis"]
    """Gradient where the direction was taken."""
    direction: Float[Tensor, "problem axis"]
    slope: Float[Tensor, " problem"]
    """Slope along the direction where it was taken."""
    place: Float[Tensor, " problem"]
    """Steps along the direction so far, in units of its length."""
    low: Float[Tensor, " problem"]
    """Last place before the minimum along the direction."""
    high: Float[Tensor, " problem"]
    """First place after it."""

    def to(self, dtype: torch.dtype) -> _Problems:
        """Return the problems in another precision, without the directions, which noise may have decided."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "number"}
        values |= {name: torch.zeros_like(values[name]) for name in ("direction", "slope")}
        return replace(self, **{name: value.to(dtype) for name, value in values.items()})

    def keep(self, rows: Bool[Tensor, " problem"]) -> _Problems:
        """Return some of the problems."""
        return replace(self, **{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def _problems(
    records: Float[Tensor, "record axis"], labels: Float[Tensor, "record class"], c_values: Sequence[float]
) -> _Problems:
    """Return the problems before the first step: weights 0, the bias that predicts the share of positives."""
    share = labels.mean(0).repeat(len(c_values))
    penalty = 1 / labels.new_tensor(c_values).repeat_interleave(labels.shape[1])
    penalty = penalty[:, None].repeat(1, records.shape[1])
    penalty[:, -1] = 0
    weights, none = torch.zeros_like(penalty), torch.zeros_like(share)
    weights[:, -1] = share.logit()
    target = (labels.T @ records).repeat(len(c_values), 1)
    scaling = (share * (1 - share))[:, None] * records.square().sum(0) + penalty
    excess = ((share[:, None] * records.sum(0) - target).square() / scaling).sum(1)
    values = {
        "penalty": penalty,
        "target": target,
        "scaling": scaling,
        "weights": weights,
        "scores": weights[:, -1:].repeat(1, len(records)),
        "goal": _TOLERANCE * scaling[:, -1] * excess.clamp(1e-12, 1),
        "gradient": torch.zeros_like(weights),
        "direction": torch.zeros_like(weights),
        "slope": none,
        "place": none,
        "low": none,
        "high": none,
    }
    number = torch.arange(len(share), device=share.device)
    return _Problems(number, **values)


def _minimise(
    records: Float[Tensor, "record axis"],
    problems: _Problems,
    steps: int,
    solved: Float[Tensor, "all_problems axis"],
) -> _Problems:
    """Write the weights of the problems that are solved in some steps to `solved`; return the others."""
    problems.scores = problems.weights @ records.T
    for _ in range(steps):
        predicted = problems.scores.sigmoid()
        gradient = predicted @ records - problems.target + problems.penalty * problems.weights
        excess = (gradient.square() / problems.scaling).sum(1)
        unsolved = ~(excess <= problems.goal)  # also if it is not a number
        if unsolved.float().mean() <= 1 - _DROPPED:
            solved[problems.number] = problems.weights.double()
            problems = problems.keep(unsolved)
            predicted, gradient, excess = predicted[unsolved], gradient[unsolved], excess[unsolved]
        if not len(problems.number):
            break
        slope = _turn(problems, gradient, excess)
        change = problems.direction @ records.T
        variance = torch.addcmul(predicted, predicted, predicted, value=-1).mul_(change)
        curvature = (variance * change).sum(1) + (problems.penalty * problems.direction.square()).sum(1)
        move = _move(problems, slope, curvature)[:, None]
        problems.weights = problems.weights + move * problems.direction
        problems.scores = problems.scores.addcmul(change, move)
    return problems


def _turn(
    problems: _Problems, gradient: Float[Tensor, "problem axis"], excess: Float[Tensor, " problem"]
) -> Float[Tensor, " problem"]:
    """Take a new direction where the minimum along the present one is near; return the slopes along them."""
    present = (gradient * problems.direction).sum(1)
    turned = present.abs() <= _SLOPE * problems.slope.abs()
    down = gradient / problems.scaling
    before = (problems.gradient.square() / problems.scaling).sum(1)
    share = ((excess - (problems.gradient * down).sum(1)) / before).nan_to_num(0, 0, 0).clamp(min=0)
    direction = share[:, None] * problems.direction - down
    uphill = (gradient * direction).sum(1) >= 0
    direction = torch.where(uphill[:, None], -down, direction)
    slope = (gradient * direction).sum(1)
    problems.direction = torch.where(turned[:, None], direction, problems.direction)
    problems.gradient = torch.where(turned[:, None], gradient, problems.gradient)
    problems.slope = torch.where(turned, slope, problems.slope)
    problems.place = problems.place.masked_fill(turned, 0)
    problems.low = problems.low.masked_fill(turned, 0)
    problems.high = problems.high.masked_fill(turned, torch.inf)
    return torch.where(turned, slope, present)


def _move(
    problems: _Problems, slope: Float[Tensor, " problem"], curvature: Float[Tensor, " problem"]
) -> Float[Tensor, " problem"]:
    """Return how far to move: Newton's step along the direction, or to the middle of what is left of it."""
    problems.low = torch.where(slope < 0, problems.place, problems.low)
    problems.high = torch.where(slope < 0, problems.high, problems.place)
    place = problems.place - slope / curvature
    inside = (place > problems.low) & (place < problems.high)
    place = torch.where(inside, place, (problems.low + problems.high) / 2)
    move, problems.place = place - problems.place, place
    return move
