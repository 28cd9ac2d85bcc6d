"""The scores of sentences over the recordings of one person."""

from __future__ import annotations

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from melp.errors import MelpError
from melp.plots.figures import BLUE, GREY, Picture, plain_axes

__all__ = ["plot_over_time"]

_COLUMNS, _PANEL = 3, (3.6, 2.3)  # panels beside each other; inches
_DATES = ["%Y", "%b %Y", "%d %b %Y", "%H:%M", "%H:%M", "%S s"]  # of ticks at years, months, days ...
_TITLE = 42  # characters in a line


def plot_over_time(scores: pd.DataFrame, time: str = "number", score: str = "similarity") -> Picture:
    """Plot the score of each sentence over time, each in a panel; the panels have the same axes.

    A dashed line is at the first score. The intervals are shaded, if `scores` has columns `lo` and `hi`.

    Args:
        scores: one row per recording and sentence: `sentence`, and the columns named by `time` and `score`,
            as `melp.Model.compare` returns them.
        time: column of dates or numbers.
        score: column of scores; a missing score is a gap.

    Raises:
        MelpError: a column is missing, or there is no score.
    """
    if missing := [name for name in ("sentence", time, score) if name not in scores]:
        found = ", ".join(map(str, scores.columns))
        raise MelpError(f"scores: found columns {found}, wanted also {', '.join(missing)}")
    if not scores[score].notna().any():
        raise MelpError(f"scores: found no {score}, wanted at least one")
    sentences = scores["sentence"].unique()
    columns = min(_COLUMNS, len(sentences))
    rows = -(-len(sentences) // columns)
    figure = Picture(
        figsize=(_PANEL[0] * columns, 0.2 + _PANEL[1] * rows),
        layout=ConstrainedLayoutEngine(hspace=0.06, wspace=0.04),
    )
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for panel in panels[len(sentences) :]:
        panel.set_axis_off()
    for number, (panel, sentence) in enumerate(zip(panels, sentences, strict=False)):
        own = scores[scores["sentence"] == sentence].sort_values(time, kind="stable")
        _panel(panel, str(sentence), own, time, score)
        # Below the last panel of a column, also where the row below has fewer panels.
        panel.tick_params(labelbottom=number + columns >= len(sentences))
    _time_axis(panels[0], dates=pd.api.types.is_datetime64_any_dtype(scores[time]))
    figure.supxlabel(time, fontsize=9)
    figure.supylabel(score, fontsize=9)
    return figure


def _panel(axes: Axes, sentence: str, own: pd.DataFrame, time: str, score: str) -> None:
    plain_axes(axes, "\n".join(textwrap.wrap(sentence, _TITLE)))
    first = own[score].dropna().head(1)
    for value in first:
        axes.axhline(value, color=GREY, linewidth=0.8, linestyle="--")
    if {"lo", "hi"} <= set(own):
        axes.fill_between(own[time], own["lo"], own["hi"], color=BLUE, alpha=0.2, linewidth=0, gid="interval")
    axes.plot(own[time], own[score], color=BLUE, linewidth=1.6, marker="o", markersize=4, gid="score")
    axes.grid(axis="y", color="#e3e8ed")


def _time_axis(axes: Axes, *, dates: bool) -> None:
    if dates:
        locator = AutoDateLocator(minticks=2, maxticks=5)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(
            ConciseDateFormatter(locator, formats=_DATES, zero_formats=_DATES, show_offset=False)
        )
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
