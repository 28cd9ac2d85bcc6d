"""An ECG on paper: 25 mm/s, 10 mm/mV, three rows of four leads and a rhythm strip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from melp.ecg import ECG
from melp.errors import MelpError
from melp.plots.figures import GREY, INK

__all__ = ["LAYOUT", "ecg_paper"]

SPEED = 25.0  # mm/s
GAIN = 10.0  # mm/mV
LAYOUT = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
"""Leads of each row. Each lead is shown for a quarter of the time; the rows are simultaneous."""
RHYTHM = "II"

_POINT = 72 / 25.4  # points in a mm
_LEFT, _RIGHT, _TOP, _BOTTOM = 10.0, 5.0, 10.0, 10.0  # mm of paper around the traces
_BIG = 5.0  # mm
_LEAST_GAP, _MOST_GAP = 20.0, 40.0  # mm between two rows
_PAPER, _FINE, _HEAVY, _SHADE = "#fffdfc", "#f8dcdc", "#eeb0b0", "#1d6fb8"
_DEEPEST = 0.5  # opacity of shading of depth 1


def ecg_paper(ecg: ECG, layers: Sequence[Float[np.ndarray, " frame"]] = (), *, name: str = "ecg") -> Figure:
    """Draw an ECG on paper; the axes of the figure are in mm, from the upper left corner.

    Each trace is placed with its median on the baseline of its row. The distance between rows depends on the
    height of the deflections, from 20 to 40 mm.

    Args:
        ecg: a recording with the twelve standard leads; its first 10 s are shown.
        layers: depths of shading from 0 (blank) to 1, one per frame; the frames divide the shown time evenly.
            In an SVG, layer I has the id NAME-layer-I, so that a style sheet can show or hide it.
        name: unique in the page that contains the figure.

    Raises:
        MelpError: a standard lead is missing.
    """
    ecg = ecg.ordered()
    shown = min(ecg.seconds, 10.0)
    pieces = _pieces(ecg, shown)
    baselines, height = _baselines(pieces)
    # A multiple of the big squares, so that the grid ends on a heavy line.
    width = _up(_LEFT + SPEED * shown + _RIGHT)
    figure = Figure(figsize=(width / 25.4, height / 25.4), facecolor=_PAPER)
    figure.suppressComposite = True  # an image per layer
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    _grid(axes, 1.0, color=_FINE, linewidth=0.1 * _POINT, gid="fine")
    _grid(axes, _BIG, color=_HEAVY, linewidth=0.2 * _POINT, gid="heavy")
    for number, layer in enumerate(layers):
        shades = np.tile(to_rgba(_SHADE), (1, len(layer), 1))
        shades[0, :, 3] = _DEEPEST * np.clip(layer, 0, 1)
        extent = (_LEFT, _LEFT + SPEED * shown, height, 0)
        gid = f"{name}-layer-{number}"
        axes.imshow(shades, extent=extent, aspect="auto", interpolation="none", gid=gid)
    for y in baselines:
        _calibration(axes, y)
    for row, lead, start, trace in pieces:
        _trace(axes, lead, _LEFT + SPEED * start, baselines[row], trace, ecg.rate)
    axes.text(1.5, height - 2.0, "25 mm/s · 10 mm/mV", fontsize=2.6 * _POINT, color=INK)
    return figure


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


def _grid(axes: Axes, step: float, *, color: str, linewidth: float, gid: str) -> None:
    """Draw vertical and horizontal lines, `step` mm apart, as one path."""
    (_, width), (height, _) = axes.get_xlim(), axes.get_ylim()
    lines = [[(x, 0), (x, height)] for x in np.arange(0, width + 0.1, step)]
    lines += [[(0, y), (width, y)] for y in np.arange(0, height + 0.1, step)]
    path = Path.make_compound_path(*map(Path, lines))
    axes.add_artist(PathPatch(path, edgecolor=color, facecolor="none", linewidth=linewidth, gid=gid))


def _calibration(axes: Axes, baseline: float) -> None:
    """Draw a pulse of 1 mV and 0.2 s."""
    x = 1 + np.cumsum([0, 1.5, 0, 0.2 * SPEED, 0, 1.5])
    y = baseline - GAIN * np.array([0, 0, 1, 1, 0, 0])
    axes.plot(x, y, color=INK, linewidth=0.3 * _POINT, gid="calibration")


def _trace(
    axes: Axes, lead: str, left: float, baseline: float, trace: Float[np.ndarray, " time"], rate: float
) -> None:
    x = left + SPEED * np.arange(len(trace)) / rate
    if left > _LEFT:
        axes.plot([left, left], [baseline - 4, baseline + 4], color=GREY, linewidth=0.3 * _POINT)
    axes.plot(x, baseline - GAIN * trace, color=INK, linewidth=0.3 * _POINT, gid=f"trace-{lead}")
    # The name is above the first 0.4 s of the trace, but below the row above.
    above = min(max(6.5, GAIN * float(trace[: round(0.4 * rate)].max()) + 1.5), 13.0)
    axes.text(left + 1.2, baseline - above, lead, fontsize=3.4 * _POINT, fontweight="bold", color=INK)
