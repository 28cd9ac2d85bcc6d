"""An ECG on paper, as SVG: 25 mm/s, 10 mm/mV, three rows of four leads and a rhythm strip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from melp.ecg import ECG
from melp.errors import MelpError

__all__ = ["LAYOUT", "ecg_paper"]

SPEED = 25.0  # mm/s
GAIN = 10.0  # mm/mV
LAYOUT = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
"""Leads of each row, each shown for a quarter of the time; the rows are simultaneous."""
RHYTHM = "II"

_LEFT, _RIGHT, _TOP, _BOTTOM = 10.0, 5.0, 10.0, 10.0  # mm of paper around the traces
_BIG = 5.0  # mm
_LEAST_GAP, _MOST_GAP = 20.0, 40.0  # mm between two rows
_PAPER, _FINE, _HEAVY = "#fffdfc", "#f8dcdc", "#eeb0b0"
_INK, _BORDER, _SHADE = "#14181d", "#8a949e", "#1d6fb8"
_DEEPEST = 0.5  # opacity where a layer is 1


def ecg_paper(
    ecg: ECG, layers: Sequence[Float[np.ndarray, " frame"]] = (), *, name: str = "ecg", label: str = ""
) -> str:
    """A `<svg>` element, one unit a millimetre, that keeps its scale whatever the width it is shown at.

    The median of each piece of trace lies on its row's baseline. Rows stand as far apart as their deflections
    need, from 20 to 40 mm.

    Args:
        ecg: a recording with the twelve standard leads; its first 10 s are shown.
        layers: each the relevance from 0 (blank) to 1 of frames that divide the shown time evenly, drawn as
            shading under the traces in a group of class `layer` that a style sheet can show or hide.
        name: makes the ids of the element unique in its page.
        label: what a screen reader says.

    Raises:
        MelpError: a standard lead is missing.
    """
    ecg = ecg.ordered()
    shown = min(ecg.seconds, 10.0)
    pieces = _pieces(ecg, shown)
    baselines, height = _baselines(pieces)
    # Whole big squares: the grid ends on a heavy line.
    width = _up(_LEFT + SPEED * shown + _RIGHT)
    parts = [
        _grid(width, height),
        *(_layer(layer, number, name, shown, height) for number, layer in enumerate(layers)),
        *(_calibration(y) for y in baselines),
        *(_trace(*piece, baselines[piece[0]], ecg.rate) for piece in pieces),
        _text(1.5, height - 2.0, "25 mm/s   10 mm/mV", 2.6, "normal"),
    ]
    return (
        f'<svg class="ecg" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{label or "12-lead ECG"}" font-family="system-ui, sans-serif">'
        f"<rect width='{width:g}' height='{height:g}' fill='{_PAPER}'/>{''.join(parts)}</svg>"
    )


Piece = tuple[int, str, float, Float[np.ndarray, " time"]]
"""Row, lead, second at which it begins, trace in mV with its median at 0."""


def _pieces(ecg: ECG, shown: float) -> list[Piece]:
    quarter = shown / len(LAYOUT[0])
    places = [
        (row, lead, column * quarter, (column + 1) * quarter)
        for row, leads in enumerate(LAYOUT)
        for column, lead in enumerate(leads)
    ]
    places.append((len(LAYOUT), RHYTHM, 0.0, shown))
    return [(row, lead, start, _cut(ecg, lead, start, end)) for row, lead, start, end in places]


def _cut(ecg: ECG, lead: str, start: float, end: float) -> Float[np.ndarray, " time"]:
    trace = ecg.signal[ecg.leads.index(lead), round(start * ecg.rate) : round(end * ecg.rate)].astype(float)
    if not trace.size or not np.isfinite(trace).all():
        raise MelpError(f"ECG: lead {lead} has no samples that can be drawn between {start:g} and {end:g} s")
    return trace - np.median(trace)


def _baselines(pieces: Sequence[Piece]) -> tuple[list[float], float]:
    """Baseline of each row and the height of the paper, in mm."""
    rows = range(len(LAYOUT) + 1)
    up = [GAIN * max(float(piece[3].max()) for piece in pieces if piece[0] == row) for row in rows]
    down = [GAIN * max(float(-piece[3].min()) for piece in pieces if piece[0] == row) for row in rows]
    gaps = [_up(min(max(down[row] + up[row + 1] + 4, _LEAST_GAP), _MOST_GAP)) for row in range(len(LAYOUT))]
    first = _up(_TOP + min(up[0], 20.0))
    baselines = [first + sum(gaps[:row]) for row in rows]
    return baselines, _up(baselines[-1] + min(down[-1], 20.0) + _BOTTOM)


def _up(millimetres: float) -> float:
    return float(np.ceil(millimetres / _BIG) * _BIG)


def _grid(width: float, height: float) -> str:
    """Lines every millimetre, heavier ones every fifth."""
    return "".join(
        f'<path class="{name}" d="'
        + "".join(f"M{x:g} 0V{height:g}" for x in np.arange(0, width + 0.1, step))
        + "".join(f"M0 {y:g}H{width:g}" for y in np.arange(0, height + 0.1, step))
        + f'" stroke="{colour}" stroke-width="{stroke}" fill="none"/>'
        for name, step, colour, stroke in (("fine", 1.0, _FINE, 0.1), ("heavy", _BIG, _HEAVY, 0.2))
    )


def _calibration(baseline: float) -> str:
    """1 mV for 0.2 s."""
    pulse = f"M1 {baseline:g}h1.5v{-GAIN:g}h{0.2 * SPEED:g}v{GAIN:g}h1.5"
    return f'<path class="calibration" d="{pulse}" stroke="{_INK}" stroke-width="0.3" fill="none"/>'


def _trace(row: int, lead: str, start: float, trace: np.ndarray, baseline: float, rate: float) -> str:
    left = _LEFT + SPEED * start
    x = left + SPEED * np.arange(len(trace)) / rate
    points = " ".join(f"{a:.2f},{b:.2f}" for a, b in zip(x, baseline - GAIN * trace, strict=True))
    # Above what the lead does where its name stands, but not in the row above.
    above = min(max(6.5, GAIN * float(trace[: round(0.4 * rate)].max()) + 1.5), 13.0)
    begin = f'<path d="M{left:g} {baseline - 4:g}v8" stroke="{_BORDER}" stroke-width="0.3"/>' if start else ""
    return (
        f'{begin}<polyline class="trace" data-lead="{lead}" points="{points}" fill="none" stroke="{_INK}" '
        f'stroke-width="0.3" stroke-linejoin="round"/>{_text(left + 1.2, baseline - above, lead, 3.4, "600")}'
    )


def _text(x: float, y: float, text: str, size: float, weight: str) -> str:
    # A rim of paper keeps the letters readable where a trace runs through them.
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" font-weight="{weight}" fill="{_INK}" '
        f'stroke="{_PAPER}" stroke-width="0.8" paint-order="stroke" xml:space="preserve">{text}</text>'
    )


def _layer(
    relevance: Float[np.ndarray, " frame"], number: int, name: str, shown: float, height: float
) -> str:
    """Shading that passes smoothly from the middle of each frame to that of the next."""
    right = _LEFT + SPEED * shown
    stops = "".join(
        f'<stop offset="{(frame + 0.5) / len(relevance):.4f}" stop-color="{_SHADE}" '
        f'stop-opacity="{_DEEPEST * min(max(float(value), 0.0), 1.0):.3f}"/>'
        for frame, value in enumerate(relevance)
    )
    gradient = f"{name}-{number}"
    span = f'gradientUnits="userSpaceOnUse" x1="{_LEFT:g}" x2="{right:g}" y1="0" y2="0"'
    place = f'x="{_LEFT:g}" width="{right - _LEFT:g}" height="{height:g}"'
    return (
        f'<g class="layer layer-{number}"><linearGradient id="{gradient}" {span}>{stops}</linearGradient>'
        f'<rect {place} fill="url(#{gradient})"/></g>'
    )
