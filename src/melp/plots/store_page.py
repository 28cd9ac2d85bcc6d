"""A store at a glance: flags, records left out, labels, ages, statements and folds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from melp.data.describe import describe
from melp.data.store import Store
from melp.plots.figures import BLUE, GREY, INK, ORANGE, plain_axes

__all__ = ["plot_store"]

_RED = "#b3352c"
_SEXES = {"female": ORANGE, "male": BLUE, "": GREY}
_LEAST, _MOST = 8, 12  # bars in a panel
_OLDEST = 100
_LONGEST = 12  # statements


def plot_store(store: Store) -> Figure:
    """Plot flags, records left out, labels, ages, statements and folds in six panels."""
    figure = Figure(figsize=(13, 7.2), layout=ConstrainedLayoutEngine(hspace=0.08, wspace=0.04))
    tables = describe(store, _MOST)
    panels = figure.subplots(2, 3)
    _bars(panels[0, 0], "flagged records", tables["flags"], len(store), ORANGE)
    _bars(panels[0, 1], "left out", _left_out(store, tables["dropped"]), _listed(store), _RED)
    _bars(panels[0, 2], "most frequent labels", tables["labels"], len(store), BLUE)
    _ages(panels[1, 0], store)
    _statements(panels[1, 1], store)
    _folds(panels[1, 2], tables["folds"])
    manifest = store.manifest
    figure.suptitle(
        f"{manifest['corpus']}: {len(store):,} records, {store.rate:g} Hz, {store.seconds:g} s", color=INK
    )
    return figure


def _listed(store: Store) -> int:
    """Return the number of records in the published corpus."""
    return len(store) + sum(store.manifest["dropped"].values()) + int(store.manifest["missing"])


def _left_out(store: Store, dropped: pd.DataFrame) -> pd.DataFrame:
    missing = pd.DataFrame({"reason": ["not on disk"], "records": [store.manifest["missing"]]})
    table = pd.concat([dropped, missing])
    return table[table["records"] > 0].sort_values("records", ascending=False).head(_MOST)


def _bars(axes: Axes, title: str, table: pd.DataFrame, of: int, colour: str) -> None:
    """Draw horizontal bars, the longest on top, each with its count and its share of `of` records."""
    if _is_empty(axes, title, empty=table.empty):
        return
    names = [_short(name) for name in table.iloc[:, 0].astype(str)]
    counts = table["records"].to_numpy()
    axes.barh(range(len(names)), counts, color=colour, height=0.7)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    for place, count in enumerate(counts):
        share = 100 * count / of
        text = f" {count:,} ({share:.1f} %)" if share >= 0.1 else f" {count:,} ({share:.2g} %)"
        axes.text(count, place, text, va="center", fontsize=8, color=INK)
    axes.set_xlim(0, 1.35 * counts.max())
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.set_ylim(max(len(names), _LEAST) - 0.5, -0.5)


def _short(name: str) -> str:
    return name if len(name) <= 24 else name[:23] + "…"


def _ages(axes: Axes, store: Store) -> None:
    ages, sexes = store.column("age"), store.column("sex")
    known = np.isfinite(ages)
    if _is_empty(axes, "age", empty=not known.any()):
        return
    groups = {sex: ages[known & (sexes == sex)].clip(0, _OLDEST) for sex in _SEXES}
    groups = {sex: group for sex, group in groups.items() if len(group)}
    axes.hist(
        list(groups.values()),
        bins=list(range(0, _OLDEST + 5, 5)),
        stacked=True,
        color=[_SEXES[sex] for sex in groups],
        label=[f"{sex or 'unknown'} ({len(group):,})" for sex, group in groups.items()],
    )
    axes.legend(frameon=False, fontsize=8, ncols=3)
    axes.margins(y=0.15)
    axes.set_xlabel(f"years (unknown: {int((~known).sum()):,})")
    axes.set_ylabel("records")


def _statements(axes: Axes, store: Store) -> None:
    counts = store.lists("statements").lengths
    if _is_empty(axes, "statements per report", empty=not counts.any()):
        return
    axes.hist(
        counts.clip(max=_LONGEST),
        bins=[number - 0.5 for number in range(_LONGEST + 2)],
        color=BLUE,
        rwidth=0.8,
    )
    axes.set_xlabel(f"statements ({_LONGEST}: {_LONGEST} or more)")
    axes.set_ylabel("records")


def _folds(axes: Axes, folds: pd.DataFrame) -> None:
    plain_axes(axes, "folds")
    place = np.arange(len(folds))
    for number, (name, colour) in enumerate((("records", BLUE), ("patients", GREY))):
        axes.bar(place + 0.4 * number - 0.2, folds[name], width=0.4, color=colour, label=name)
    axes.set_xticks(place, folds["fold"].astype(str))
    axes.set_xlabel("fold")
    axes.legend(frameon=False, fontsize=8, ncols=2)
    axes.set_ylim(0, 1.2 * max(1, folds[["records", "patients"]].to_numpy().max()))


def _is_empty(axes: Axes, title: str, *, empty: bool) -> bool:
    """Set the title of a panel, and write "none" into an empty one."""
    plain_axes(axes, title)
    if empty:
        axes.text(0.5, 0.5, "none", ha="center", va="center", color=GREY, transform=axes.transAxes)
        axes.set_axis_off()
    return empty
