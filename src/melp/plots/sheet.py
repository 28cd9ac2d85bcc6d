"""A sheet of ECG paper: its size, its grid and where the rows are, in mm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from melp.errors import MelpError

__all__ = [
    "LINE",
    "POINT",
    "Sheet",
    "draw_grid",
    "make_sheet",
    "place_rows",
    "row_needs",
    "row_seconds",
]

POINT = 72 / 25.4
"""Points in a mm."""
_PAPERS = {"a4": (297.0, 210.0), "letter": (279.4, 215.9)}  # mm, landscape

LINE = 4.4
"""mm between two lines of text above the grid."""

_BIG = 5.0  # mm
_UNPRINTED = 7.0  # mm that the grid keeps from the edge of the paper, where printers do not print
_FOOTER = 12.0  # mm
_RIGHT = 5.0  # mm of grid beyond the traces
_LEAST_GAP, _MOST_GAP, _EDGE = 20.0, 40.0, 10.0  # mm between two rows; above and below all rows
_ALIKE = 0.75  # of the mean distance between rows: the least distance
_FINE, _HEAVY = "#f5d0d0", "#e8a3a3"


@dataclass(frozen=True)
class Sheet:
    """Size of a sheet and edges of its grid in mm from the upper left corner.

    The baseline of the first line of text is at `text`; traces begin at `trace`.
    """

    width: float
    height: float
    left: float
    top: float
    right: float
    bottom: float
    trace: float
    text: float


def _down(millimetres: float) -> float:
    return math.floor(millimetres / _BIG + 1e-9) * _BIG


def _up(millimetres: float) -> float:
    return math.ceil(millimetres / _BIG - 1e-9) * _BIG


def _before(speed: float) -> float:
    """Return the mm of grid before the traces, which hold the calibration pulse."""
    return _up(4.0 + 0.2 * speed)


def _size(paper: str) -> tuple[float, float]:
    if paper.lower() not in _PAPERS:
        raise MelpError(f"paper: found {paper!r}, wanted A4 or letter")
    return _PAPERS[paper.lower()]


def row_seconds(paper: str | None, speed: float) -> float:
    """Return the seconds that a row holds; 10 without a paper size."""
    if paper is None:
        return 10.0
    width = _down(_size(paper)[0] - 2 * _UNPRINTED)
    return math.floor((width - _before(speed) - _RIGHT) / speed)


def make_sheet(
    paper: str | None, speed: float, seconds: float, text_lines: int, needs: Sequence[float]
) -> Sheet:
    """Return the sheet for rows of `seconds` s under `text_lines` lines of text.

    Args:
        paper: "A4", "letter", or None for a sheet as large as the rows need.
        speed: mm/s.
        seconds: length of the rows.
        text_lines: lines of text above the grid.
        needs: mm above the first row, between two rows and below the last one.
    """
    if paper is None:
        width = _up(_before(speed) + speed * seconds + _RIGHT)
        above = _up(1.5 + LINE * text_lines) if text_lines else 0.0
        height = above + sum(_own_heights(needs))
        return Sheet(width, height, 0.0, above, width, height, _before(speed), LINE)
    width, height = _size(paper)
    above = _UNPRINTED + (1.0 + LINE * text_lines if text_lines else 0.0)
    grid = _down(width - 2 * _UNPRINTED), _down(height - above - _FOOTER)
    left = (width - grid[0]) / 2
    spare = grid[0] - _RIGHT - _before(speed) - speed * row_seconds(paper, speed)
    top = height - _FOOTER - grid[1]
    trace = left + _before(speed) + _down(spare / 2)
    return Sheet(width, height, left, top, left + grid[0], top + grid[1], trace, _UNPRINTED + 3.0)


def _own_heights(needs: Sequence[float]) -> list[float]:
    """Return the mm above, between and below rows whose sheet has any height, in large squares."""
    first, *gaps, last = needs
    return [_up(first), *(_up(max(gap, _LEAST_GAP)) for gap in gaps), _up(last)]


def place_rows(sheet: Sheet, needs: Sequence[float], *, fit: bool) -> list[float]:
    """Return the baseline of each row in mm, on lines of the grid.

    Args:
        sheet: the sheet.
        needs: mm above the first row, between two rows and below the last one.
        fit: whether to spread the rows over the grid, else each has what it needs.
    """
    if not fit:
        return [sheet.top + float(place) for place in np.cumsum(_own_heights(needs))[:-1]]
    height = sheet.bottom - sheet.top
    # The edges get what keeps the rows on the grid, gaps a least height; what is left goes first to what
    # needs more.
    least = np.asarray(needs) - _EDGE + 1
    least[1:-1] = _ALIKE * (height - least[0] - least[-1]) / (len(needs) - 1)
    more = np.maximum(needs - least, 0)
    left = height - least.sum()
    more = more * left / more.sum() if more.sum() > left else more + (left - more.sum()) / len(needs)
    return [sheet.top + round(place) for place in np.cumsum(least + more)[:-1]]


def row_needs(up: Sequence[float], down: Sequence[float]) -> list[float]:
    """Return the mm above the first row, between two rows and below the last one.

    Args:
        up: mm from the baseline of each row to its highest point.
        down: mm to its lowest point.
    """
    gaps = [min(low + high + 4, _MOST_GAP) for low, high in zip(down, up[1:], strict=False)]
    return [_EDGE + min(up[0], _LEAST_GAP), *gaps, min(down[-1], _LEAST_GAP) + _EDGE]


def draw_grid(axes: Axes, sheet: Sheet) -> None:
    """Draw lines 1 mm and 5 mm apart, each kind as one path."""
    for step, color, linewidth, gid in ((1.0, _FINE, 0.1, "fine"), (_BIG, _HEAVY, 0.2, "heavy")):
        across = np.arange(sheet.left, sheet.right + 0.1, step)
        along = np.arange(sheet.top, sheet.bottom + 0.1, step)
        lines = [[(x, sheet.top), (x, sheet.bottom)] for x in across]
        lines += [[(sheet.left, y), (sheet.right, y)] for y in along]
        path = Path.make_compound_path(*map(Path, lines))
        axes.add_artist(
            PathPatch(path, edgecolor=color, facecolor="none", linewidth=linewidth * POINT, gid=gid)
        )
