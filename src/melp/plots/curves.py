"""Loss curves, as SVG, from the log of a training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
from jaxtyping import Float

from melp.errors import MelpError

__all__ = ["Curve", "curve_panel", "read_log"]

_VALIDATION = "validation/"
_WIDTH, _HEIGHT = 330, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 30, 34
TRAIN, VALIDATION = "#2c6fb3", "#c2540a"


@dataclass
class Curve:
    """One scalar of a training: `train` and `validation` hold (step, value) pairs."""

    train: list[tuple[int, float]] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)


def read_log(file: Path) -> dict[str, Curve]:
    """The scalars of a `log.jsonl`, by name, in the order in which they come.

    Raises:
        MelpError: there is no such file, or a line is no JSON.
    """
    if not file.is_file():
        raise MelpError(f"{file}: no log found, wanted that of a training")
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


def curve_panel(title: str, curve: Curve, *, unit: str = "step") -> str:
    """A `<svg>` element: each step's value pale, their running mean, and validation values as dots.

    Args:
        title: above the panel.
        curve: what is drawn; must hold a value.
        unit: below the horizontal axis.
    """
    everything = np.array([*curve.train, *curve.validation], dtype=float)
    if not len(everything):
        raise MelpError(f"curve {title!r}: no value to draw")
    axes = _Axes(everything[:, 0], _inner(everything[:, 1]))
    return (
        f'<svg class="curve" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="11" fill="#3d4650">'
        f'<text x="{_LEFT}" y="17" font-size="13" font-weight="600" fill="#14181d">{escape(title)}</text>'
        f"{axes.draw(unit)}{_train(curve.train, axes)}{_validation(curve.validation, axes)}</svg>"
    )


def _inner(values: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
    """The values without the highest hundredth, so that one spike does not flatten the rest."""
    return values[values <= np.quantile(values, 0.99)] if len(values) >= 100 else values


class _Axes:
    def __init__(self, x: Float[np.ndarray, " value"], y: Float[np.ndarray, " value"]) -> None:
        self.x_ticks, self.y_ticks = ticks(0.0, float(x.max()), 4), ticks(float(y.min()), float(y.max()), 4)
        self.right = max(float(x.max()), 1.0)
        self.low, self.high = min(self.y_ticks[0], float(y.min())), max(self.y_ticks[-1], float(y.max()))

    def x(self, value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * value / self.right

    def y(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share

    def draw(self, unit: str) -> str:
        end = _WIDTH - _RIGHT
        across = "".join(
            f'<path d="M{_LEFT} {self.y(tick):.1f}H{end}" stroke="#e3e8ed"/>'
            f'<text x="{_LEFT - 7}" y="{self.y(tick) + 3.8:.1f}" text-anchor="end">{tick:g}</text>'
            for tick in self.y_ticks
        )
        along = "".join(
            f'<text x="{self.x(tick):.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">{tick:g}</text>'
            for tick in self.x_ticks
            if tick <= self.right
        )
        name = f'<text x="{end}" y="{_HEIGHT - 4}" text-anchor="end" fill="#69737d">{escape(unit)}</text>'
        return f'{across}<path d="M{_LEFT} {self.y(self.low):.1f}H{end}" stroke="#9aa4ae"/>{along}{name}'


def ticks(low: float, high: float, most: int) -> list[float]:
    """About `most` round numbers (1, 2 or 5 times a power of ten), from `low` or below to `high` or above."""
    span = max(high - low, abs(high) * 1e-3, 1e-9)
    power = 10.0 ** np.floor(np.log10(span / most))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= most)
    first, last = np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9)
    return [round(float(step * number), 10) for number in np.arange(first, max(last, first + 1) + 1)]


def _points(pairs: Sequence[tuple[float, float]], axes: _Axes) -> str:
    return " ".join(f"{axes.x(step):.1f},{axes.y(value):.1f}" for step, value in pairs)


def _train(pairs: Sequence[tuple[int, float]], axes: _Axes) -> str:
    if not pairs:
        return ""
    steps, values = np.array(pairs, dtype=float).T
    width = max(1, len(values) // 40)
    padded = np.pad(values, (width // 2, width - 1 - width // 2), mode="edge")
    smooth = np.convolve(padded, np.ones(width) / width, mode="valid")
    thin = slice(None, None, max(1, len(values) // 400))
    lines = ((values, 0.8, 0.28), (smooth, 2, 1))
    return "".join(
        f'<polyline class="train" points="{_points(list(zip(steps[thin], line[thin], strict=True)), axes)}" '
        f'fill="none" stroke="{TRAIN}" stroke-width="{stroke}" opacity="{opacity}" stroke-linejoin="round"/>'
        for line, stroke, opacity in lines
    )


def _validation(pairs: Sequence[tuple[int, float]], axes: _Axes) -> str:
    dots = "".join(
        f'<circle cx="{axes.x(step):.1f}" cy="{axes.y(value):.1f}" r="2.6" fill="{VALIDATION}"/>'
        for step, value in pairs
    )
    line = _points(pairs, axes)
    style = f'fill="none" stroke="{VALIDATION}" stroke-width="1.6"'
    return f'<polyline class="validation" points="{line}" {style}/>{dots}'
