"""A table of results as a page, drawn without LaTeX."""

from __future__ import annotations

import textwrap
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from melp.plots.figures import INK

if TYPE_CHECKING:
    from melp.evaluation.layouts.grid import Grid, Line

__all__ = ["plot_page"]

_SIZE, _SMALL, _GAP, _MARGIN = 8.0, 5.5, 9.0, 24.0
_HEIGHTS = {"value": 12.0, "interval": 8.0, "title": 16.0}
_HEAD, _NOTE = 13.0, 10.0
"""Sizes of text, spaces and heights of lines, in points."""


def plot_page(grid: Grid) -> Figure:
    """Draw a table: the best of a column bold, the second-best underlined, intervals below the values."""
    edges = _edges(grid)
    width = edges[-1]
    caption, notes = (_wrapped(texts, width) for texts in ([grid.caption], grid.notes))
    lines = sum(_HEIGHTS[line.kind] for line in grid.lines)
    height = _NOTE * (len(caption) + len(notes) + 2) + _HEAD * len(grid.heads[0]) + lines
    size = (width + 2 * _MARGIN, height + 2 * _MARGIN)
    figure = Figure(figsize=(size[0] / 72, size[1] / 72))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-_MARGIN, width + _MARGIN), ylim=(height + _MARGIN, -_MARGIN))
    axes.set_axis_off()
    y = _write_lines(axes, caption, 0)
    y = _write_heads(axes, grid, edges, y)
    for line in grid.lines:
        y += _HEIGHTS[line.kind]
        _write_line(axes, line, grid.labels, edges, y)
    _rule(axes, 0, width, y + 4)
    _write_lines(axes, notes, y + _NOTE)
    return figure


def _edges(grid: Grid) -> list[float]:
    """Return where the columns begin, and where the last one ends, in points."""
    widths = [_width(head[-1], _SIZE) for head in grid.heads]
    for line in grid.lines:
        widths = [
            max(width, _width(text, _size(line))) for width, text in zip(widths, line.cells, strict=True)
        ]
    for name, span in _spans(grid):
        lacking = _width(name, _SIZE) - sum(widths[place] for place in span) - _GAP * (len(span) - 1)
        widths[span[0]] += max(lacking, 0)
    edges = [0.0]
    for width in widths:
        edges.append(edges[-1] + width + _GAP)
    return edges


def _size(line: Line) -> float:
    return _SMALL if line.kind == "interval" else _SIZE


@cache
def _width(text: str, size: float) -> float:
    """Return the width of a text in bold."""
    if not text:
        return 0.0
    return float(TextPath((0, 0), text, size, prop=FontProperties(weight="bold")).get_extents().width)


def _spans(grid: Grid) -> list[tuple[str, list[int]]]:
    """Return the headings that stand over others, and their columns."""
    if len(grid.heads[0]) == 1:
        return []
    groups = groupby(range(len(grid.heads)), key=lambda place: " ".join(grid.heads[place][:-1]).strip())
    return [(name, list(places)) for name, places in groups if name]


def _wrapped(texts: list[str], width: float) -> list[str]:
    return [line for text in texts for line in textwrap.wrap(text, max(int(width / (0.52 * _SIZE)), 40))]


def _write_lines(axes: Axes, texts: list[str], y: float) -> float:
    for text in texts:
        y += _NOTE
        axes.text(0, y, text, fontsize=_SIZE, color=INK)
    return y


def _write_heads(axes: Axes, grid: Grid, edges: list[float], y: float) -> float:
    _rule(axes, 0, edges[-1], y + 5)
    spans = _spans(grid)
    if spans:
        y += _HEAD + 3
    for name, places in spans:
        left, right = edges[places[0]], edges[places[-1] + 1] - _GAP
        axes.text((left + right) / 2, y, name, fontsize=_SIZE, color=INK, ha="center")
        if len(places) > 1:
            _rule(axes, left, right, y + 4, 0.5)
    y += _HEAD + (0 if spans else 3)
    for place, head in enumerate(grid.heads):
        _write(axes, head[-1], place, place < grid.labels, edges, y, _SIZE)
    _rule(axes, 0, edges[-1], y + 5, 0.6)
    return y + 4


def _write_line(axes: Axes, line: Line, labels: int, edges: list[float], y: float) -> None:
    if line.kind == "title":
        axes.text(0, y, line.cells[0], fontsize=_SIZE, color=INK, fontstyle="italic")
        return
    for place, (text, mark) in enumerate(zip(line.cells, line.marks, strict=True)):
        _write(axes, text, place, place < labels, edges, y, _size(line), mark)


def _write(
    axes: Axes, text: str, place: int, left: bool, edges: list[float], y: float, size: float, mark: str = ""
) -> None:
    """Write a cell: labels begin where their column does, numbers end where it does."""
    x = edges[place] if left else edges[place + 1] - _GAP
    weight = "bold" if mark == "best" else "normal"
    axes.text(x, y, text, fontsize=size, color=INK, ha="left" if left else "right", fontweight=weight)
    if mark == "second":
        _rule(axes, x - _width(text, size) * 0.9, x, y + 1.7, 0.6)


def _rule(axes: Axes, left: float, right: float, y: float, width: float = 1.0) -> None:
    axes.plot([left, right], [y, y], color=INK, linewidth=width)
