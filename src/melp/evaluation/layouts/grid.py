"""A table as lines of text, the same for Markdown, LaTeX and pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from melp.evaluation.layouts.entries import Entries
from melp.evaluation.layouts.layout import Layout

__all__ = ["DASH", "INTERVAL", "TITLE", "VALUE", "Block", "Grid", "Line", "grid_of"]

VALUE, INTERVAL, TITLE = "value", "interval", "title"
DASH = "–"
_SEEDS = "Seeds"


@dataclass(frozen=True)
class Block:
    """A part of a table.

    Attributes:
        title: its heading; none if empty.
        entries: the values.
        marks: "best", "second" or "" for each entry.
        gains: a difference for each column: value, lo, hi; None if the layout has none.
    """

    title: str
    entries: Entries
    marks: pd.DataFrame
    gains: pd.DataFrame | None = None


@dataclass(frozen=True)
class Line:
    """A line of a table: of values, of their intervals, or the title of a block.

    `cells` has the labels of the row first; `marks` has one mark for each cell.
    """

    kind: str
    cells: list[str]
    marks: list[str]


@dataclass(frozen=True)
class Grid:
    """A table as text.

    Attributes:
        caption: what it shows.
        labels: the number of columns with labels.
        heads: the headings of each column, from the top.
        lines: the lines.
        notes: sentences below the table.
    """

    caption: str
    labels: int
    heads: list[tuple[str, ...]]
    lines: list[Line]
    notes: list[str] = field(default_factory=list)


def grid_of(layout: Layout, caption: str, blocks: Sequence[Block], notes: Sequence[str]) -> Grid:
    """Return the lines of a table. Rows with an interval have it below the value."""
    columns = [layout.headings(column) for column in blocks[0].entries.columns]
    upper = ("",) * (len(columns[0]) - 1)
    heads = [(*upper, head) for head in layout.heads] + columns + [(*upper, _SEEDS)]
    lines = []
    for block in blocks:
        if block.title:
            lines.append(_line(TITLE, [block.title], len(heads)))
        lines += _block_lines(layout, block, len(heads))
    return Grid(caption, len(layout.heads), heads, lines, list(notes))


def _block_lines(layout: Layout, block: Block, width: int) -> list[Line]:
    lines = []
    entries = block.entries
    for row, name in enumerate(entries.value.index):
        labels = list(layout.labels(name))
        values = [_number(value, layout.decimals) for value in entries.value.iloc[row].tolist()]
        pairs = zip(entries.lo.iloc[row], entries.hi.iloc[row], strict=True)
        limits = [_interval(*pair, layout) for pair in pairs]
        marks = [""] * len(labels) + list(block.marks.iloc[row])
        lines.append(_line(VALUE, [*labels, *values, _seeds(entries.training_seeds.iloc[row])], width, marks))
        if any(limits):
            lines.append(_line(INTERVAL, [""] * len(labels) + limits, width))
    if block.gains is not None:
        space = [""] * (len(layout.heads) - 1)
        values = [_number(value, layout.decimals, "+") for value in block.gains["value"]]
        lines.append(_line(VALUE, ["Gains", *space, *values], width))
        pairs = zip(block.gains["lo"], block.gains["hi"], strict=True)
        limits = [_interval(*pair, layout, "+") for pair in pairs]
        if any(limits):
            lines.append(_line(INTERVAL, ["", *space, *limits], width))
    return lines


def _line(kind: str, cells: list[str], width: int, marks: Sequence[str] = ()) -> Line:
    """Return a line whose cells and marks are padded to the width of the table."""
    return Line(kind, cells + [""] * (width - len(cells)), [*marks] + [""] * (width - len(marks)))


def _number(value: float, decimals: int, sign: str = "") -> str:
    # A minus sign is as wide as a plus sign; a hyphen is not.
    return DASH if np.isnan(value) else f"{value:{sign}.{decimals}f}".replace("-", "−")


def _interval(lo: float, hi: float, layout: Layout, sign: str = "") -> str:
    """Return an interval with one decimal less than the values."""
    if np.isnan([lo, hi]).any():
        return ""
    decimals = max(layout.decimals - 1, 1)
    join = " to " if sign else DASH
    return join.join(_number(limit, decimals, sign) for limit in (lo, hi))


def _seeds(counts: pd.Series[float]) -> str:
    """Return how many training seeds the entries of a row have: "3", or "2–3"."""
    present = counts[counts > 0].astype(int)
    if present.empty:
        return ""
    least, most = present.min(), present.max()
    return str(least) if least == most else f"{least}{DASH}{most}"
