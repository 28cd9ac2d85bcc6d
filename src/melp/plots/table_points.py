"""A table of results as a figure: a panel for each task, a row for each model, a colour for each fraction."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from melp.plots.figures import BLUE, GREY, INK, plain_axes

if TYPE_CHECKING:
    from melp.evaluation.layouts.layout import Layout

__all__ = ["plot_points"]

OURS = "ours"
_WIDEST = 3  # panels side by side


def plot_points(entries: pd.DataFrame, layout: Layout, title: str) -> Figure:
    """Plot the entries of a table with their intervals; published figures are circles.

    Args:
        entries: block ("ours" or another), the fields of rows and columns, value, lo, hi. The last
            field of the columns is the colour, if there are several, and the others are the panel.
        layout: the layout, for labels.
        title: title of the figure.
    """
    places = _tuples(entries, layout.rows)
    rows = list(map(layout.row_name, sorted(set(places), key=layout.order)))
    headings = [layout.headings(column) for column in _tuples(entries, layout.columns)]
    entries = entries.assign(
        row=list(map(layout.row_name, places)),
        panel=[" ".join(heading[:-1] or heading) for heading in headings],
        group=[heading[-1] if heading[:-1] else "" for heading in headings],
    )
    panels = list(entries["panel"].unique())
    groups = list(entries.sort_values(layout.columns[-1], kind="stable")["group"].unique())
    colours = dict(zip(groups, _colours(len(groups)), strict=True))
    across = 2 if len(panels) == 4 else min(len(panels), _WIDEST)
    down = -(-len(panels) // across)
    figure = Figure(figsize=(2 + 2.7 * across, 0.9 + down * (0.6 + 0.22 * len(rows))), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False, sharey=True)
    for axes, name in zip(grid.flat, panels, strict=False):
        _panel(axes, entries[entries["panel"] == name], rows, colours)
        plain_axes(axes, name)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    grid[0, 0].set_yticks(range(len(rows)), rows)
    grid[0, 0].set_ylim(len(rows) - 0.5, -0.5)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK)
    if handles := _legend(entries, colours):
        look = {"frameon": False, "fontsize": 9, "ncols": min(len(handles), 6)}
        figure.legend(handles=handles, loc="outside lower center", **look)
    return figure


def _tuples(table: pd.DataFrame, columns: Sequence[str]) -> list[tuple[object, ...]]:
    return list(zip(*(table[name] for name in columns), strict=True))


def _colours(count: int) -> list[str]:
    """Return colours from light to dark."""
    if count == 1:
        return [BLUE]
    return [to_hex(matplotlib.colormaps["Blues"](shade)) for shade in np.linspace(0.4, 1, count)]


def _panel(axes: Axes, entries: pd.DataFrame, rows: list[str], colours: dict[str, str]) -> None:
    for place in range(0, len(rows), 2):
        axes.axhspan(place - 0.5, place + 0.5, color="#f3f5f7", zorder=0, linewidth=0)
    most = 0.22 if len(colours) > 1 else 0
    shift = dict(zip(colours, np.linspace(-most, most, len(colours)), strict=True))
    for group, ours in itertools.product(colours, (True, False)):
        part = entries[(entries["group"] == group) & ((entries["block"] == OURS) == ours)]
        y = np.array([rows.index(row) for row in part["row"]]) + shift[group]
        colour = colours[group]
        if ours:
            axes.hlines(y, part["lo"], part["hi"], color=colour, linewidth=1.3)
        face = colour if ours else "white"
        axes.scatter(part["value"], y, s=16, color=face, edgecolors=colour, linewidths=1, zorder=3)
    axes.grid(axis="x", color="#e3e8ed")
    axes.tick_params(length=0)
    axes.set_axisbelow(True)


def _legend(entries: pd.DataFrame, colours: dict[str, str]) -> list[Line2D]:
    """Return an entry for each colour and for the published figures; none if there is only one."""
    names = {name or "ours": colour for name, colour in colours.items()}
    handles = [_dot(name, colour, colour) for name, colour in names.items()]
    if (entries["block"] != OURS).any():
        handles.append(_dot("published", GREY, "white"))
    return handles if len(handles) > 1 else []


def _dot(label: str, edge: str, face: str) -> Line2D:
    return Line2D(
        [], [], linestyle="", marker="o", markersize=5, color=edge, markerfacecolor=face, label=label
    )
