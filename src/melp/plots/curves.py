"""Loss curves from the log of a training run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from melp.errors import MelpError
from melp.plots.figures import BLUE, GREY, ORANGE, plain_axes

__all__ = ["Curve", "plot_curve", "read_log"]

_VALIDATION = "validation/"
_MOST_POINTS = 400  # of a line; more are not visible and enlarge the page


@dataclass
class Curve:
    """A scalar during training: (step, value) pairs of the training and the validation data."""

    train: list[tuple[int, float]] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)


def read_log(file: Path) -> dict[str, Curve]:
    """Return the scalars of a `log.jsonl` by name, in the order in which they first appear.

    Raises:
        MelpError: the file does not exist, or a line is not valid JSON.
    """
    if not file.is_file():
        raise MelpError(f"{file}: no log found, wanted the log of a training")
    curves: dict[str, Curve] = {}
    for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            line = json.loads(text)
            step = line.pop("step")
        except (ValueError, KeyError) as error:
            raise MelpError(f"{file}:{number}: found {text[:40]!r}, wanted a line of scalars") from error
        for name, value in line.items():
            curve = curves.setdefault(name.removeprefix(_VALIDATION), Curve())
            pairs = curve.validation if name.startswith(_VALIDATION) else curve.train
            pairs.append((int(step), float(value)))
    return curves


def plot_curve(title: str, curve: Curve, *, unit: str = "step") -> Figure:
    """Plot the value of each step (pale), the running mean of the values, and the validation values (dots).

    Args:
        title: title of the figure.
        curve: the values; at least one.
        unit: label of the horizontal axis.

    Raises:
        MelpError: the curve has no values.
    """
    values = np.array([*curve.train, *curve.validation], dtype=float)
    if not len(values):
        raise MelpError(f"curve {title!r}: no values")
    figure = Figure(figsize=(3.8, 2.4))
    axes = figure.add_axes((0.12, 0.15, 0.85, 0.71))
    plain_axes(axes, title)
    if curve.train:
        steps, losses = zip(*curve.train, strict=True)
        train = pd.Series(losses, index=steps)
        thin = slice(None, None, -(-len(train) // _MOST_POINTS))
        mean = train.rolling(max(1, len(train) // 40), center=True, min_periods=1).mean()
        axes.plot(train[thin], color=BLUE, linewidth=0.8, alpha=0.28, gid="train")
        axes.plot(mean[thin], color=BLUE, linewidth=2, gid="train-mean")
    if curve.validation:
        steps, losses = zip(*curve.validation, strict=True)
        axes.plot(steps, losses, color=ORANGE, linewidth=1.6, marker="o", markersize=4, gid="validation")
        axes.lines[-1].set_clip_on(False)
    axes.set_xlim(0, max(values[:, 0].max(), 1))
    axes.xaxis.set_major_locator(_round_numbers())
    ticks = _round_ticks(values[:, 1])
    axes.set_yticks(ticks)
    axes.set_ylim(ticks[0], ticks[-1])
    axes.set_xlabel(unit, loc="right", fontsize=8, color="#69737d")
    axes.grid(axis="y", color="#e3e8ed")
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(GREY)
    axes.tick_params(length=0, pad=6)
    return figure


def _round_numbers() -> MaxNLocator:
    return MaxNLocator(4, steps=[1, 2, 5, 10])


def _round_ticks(values: Float[np.ndarray, " value"]) -> Float[np.ndarray, " tick"]:
    """Return round numbers that span the values, or their lower 99 % if there are at least 100."""
    # Without the highest values, so that a spike does not flatten the rest of the curve.
    low, high = values.min(), np.quantile(values, 0.99 if len(values) >= 100 else 1, method="lower")
    return np.asarray(_round_numbers().tick_values(low, max(high, low + max(abs(low) * 1e-3, 1e-9))))
