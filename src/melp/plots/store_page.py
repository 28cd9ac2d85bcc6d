"""A store at a glance: what is doubtful, what was left out, who was recorded, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from melp.data.describe import describe
from melp.data.store import Store
from melp.errors import MelpError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_store"]

_INK, _GREY, _BLUE, _ORANGE, _RED = "#14181d", "#8a949e", "#2c6fb3", "#c2540a", "#b3352c"
_SEXES = {"female": _ORANGE, "male": _BLUE, "": _GREY}
_LEAST, _MOST = 8, 12  # bars that a panel has room for
_OLDEST = 100
_LONGEST = 12  # statements


def plot_store(store: Store, file: Path) -> None:
    """Draws six panels: flags, what was left out, labels, ages, statements and folds.

    Args:
        store: the store.
        file: the picture, of a kind that matplotlib writes (.png, .svg, .pdf).

    Raises:
        MelpError: matplotlib does not know the kind of `file`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 7.2), layout="constrained")
    known = figure.canvas.get_supported_filetypes()
    kind = file.suffix.removeprefix(".").lower()
    if kind not in known:
        raise MelpError(f"{file}: picture of kind {kind!r}, wanted one of {', '.join(sorted(known))}")
    tables = describe(store, _MOST)
    panels = figure.subplots(2, 3)
    _bars(panels[0, 0], "flagged records", tables["flags"], len(store), _ORANGE)
    _bars(panels[0, 1], "left out", _left_out(store, tables["dropped"]), _listed(store), _RED)
    _bars(panels[0, 2], "commonest labels", tables["labels"], len(store), _BLUE)
    _ages(panels[1, 0], store)
    _statements(panels[1, 1], store)
    _folds(panels[1, 2], tables["folds"])
    manifest = store.manifest
    figure.suptitle(
        f"{manifest['corpus']}: {len(store):,} records, {store.rate:g} Hz, {store.seconds:g} s", color=_INK
    )
    unfinished = file.with_name(file.name + ".tmp")
    figure.savefig(unfinished, format=kind, dpi=110)
    unfinished.replace(file)


def _listed(store: Store) -> int:
    """All records of the corpus as published."""
    return len(store) + sum(store.manifest["dropped"].values()) + int(store.manifest["missing"])


def _left_out(store: Store, dropped: pd.DataFrame) -> pd.DataFrame:
    missing = pd.DataFrame({"reason": ["not on disk"], "records": [store.manifest["missing"]]})
    table = pd.concat([dropped, missing])
    return table[table["records"] > 0].sort_values("records", ascending=False).head(_MOST)


def _bars(axes: Axes, title: str, table: pd.DataFrame, of: int, colour: str) -> None:
    """Horizontal bars, the longest on top, with their numbers and what share of `of` they are."""
    if _titled(axes, title, empty=table.empty):
        return
    names = [_short(name) for name in table.iloc[:, 0].astype(str)]
    counts = table["records"].to_numpy()
    axes.barh(range(len(names)), counts, color=colour, height=0.7)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    for place, count in enumerate(counts):
        share = 100 * count / of
        text = f" {count:,} ({share:.1f} %)" if share >= 0.1 else f" {count:,} ({share:.2g} %)"
        axes.text(count, place, text, va="center", fontsize=8, color=_INK)
    axes.set_xlim(0, 1.35 * counts.max())
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.set_ylim(max(len(names), _LEAST) - 0.5, -0.5)


def _short(name: str) -> str:
    return name if len(name) <= 24 else name[:23] + "…"


def _ages(axes: Axes, store: Store) -> None:
    ages, sexes = store.column("age"), store.column("sex")
    known = np.isfinite(ages)
    if _titled(axes, "age", empty=not known.any()):
        return
    groups = {sex or "not told": ages[known & (sexes == sex)].clip(0, _OLDEST) for sex in _SEXES}
    shown = {
        name: (group, colour) for (name, group), colour in zip(groups.items(), _SEXES.values(), strict=True)
    }
    shown = {name: pair for name, pair in shown.items() if len(pair[0])}
    axes.hist(
        [group for group, _ in shown.values()],
        bins=list(range(0, _OLDEST + 5, 5)),
        stacked=True,
        color=[colour for _, colour in shown.values()],
        label=[f"{name} ({len(group):,})" for name, (group, _) in shown.items()],
    )
    axes.legend(frameon=False, fontsize=8)
    axes.set_xlabel(f"years; not told of {int((~known).sum()):,}")
    axes.set_ylabel("records")


def _statements(axes: Axes, store: Store) -> None:
    counts = store.lists("statements").lengths
    if _titled(axes, "statements a report", empty=not counts.any()):
        return
    axes.hist(
        counts.clip(max=_LONGEST),
        bins=[number - 0.5 for number in range(_LONGEST + 2)],
        color=_BLUE,
        rwidth=0.8,
    )
    axes.set_xlabel(f"statements ({_LONGEST}: so many or more)")
    axes.set_ylabel("records")


def _folds(axes: Axes, folds: pd.DataFrame) -> None:
    _titled(axes, "folds", empty=False)
    place = np.arange(len(folds))
    for number, (name, colour) in enumerate((("records", _BLUE), ("patients", _GREY))):
        axes.bar(place + 0.4 * number - 0.2, folds[name], width=0.4, color=colour, label=name)
    axes.set_xticks(place, folds["fold"].astype(str))
    axes.set_xlabel("fold")
    axes.legend(frameon=False, fontsize=8, ncols=2)
    axes.set_ylim(0, 1.2 * max(1, folds[["records", "patients"]].to_numpy().max()))


def _titled(axes: Axes, title: str, *, empty: bool) -> bool:
    """Whether there is nothing to draw, which the panel then says."""
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=_INK)
    if empty:
        axes.text(0.5, 0.5, "none", ha="center", va="center", color=_GREY, transform=axes.transAxes)
        axes.set_axis_off()
    return empty
