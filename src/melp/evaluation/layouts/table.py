"""From the cells of a layout to the blocks of its table, and their text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from melp.errors import MelpError
from melp.evaluation.layouts import notes
from melp.evaluation.layouts.chance import Comparison, Scores
from melp.evaluation.layouts.entries import FIELDS, add_average, arrange, summarise
from melp.evaluation.layouts.grid import Block
from melp.evaluation.layouts.layout import AVERAGE, Layout
from melp.evaluation.layouts.marks import LOWER_IS_BETTER, mark
from melp.evaluation.layouts.published import published_entries
from melp.plots.table_points import OURS

__all__ = ["blocks_of", "long_form"]

PUBLISHED = "published"


def blocks_of(
    cells: pd.DataFrame,
    layout: Layout,
    *,
    metric: str = "auroc",
    published: bool = False,
    scores: Scores | None = None,
) -> tuple[list[Block], list[str]]:
    """Return the blocks of a table, ours first, and the notes.

    Args:
        cells: one row per cell, from `choose`.
        layout: the layout.
        metric: the metric of the cells.
        published: whether the published figures are a second block.
        scores: reads the predictions of a cell; with it, columns are marked only where the best differs from
            the second-best beyond chance.

    Raises:
        MelpError: no such table is published, or entries are compared by another metric than AUROC.
    """
    if published and not (layout.published and metric == "auroc"):
        raise MelpError(f"published: found layout {layout.name} with {metric}, wanted a published table")
    if scores and metric != "auroc":
        raise MelpError(f"metric: found {metric!r} with --data, wanted auroc, by which entries are compared")
    entries = arrange(summarise(cells, layout), layout)
    lines = [notes.averaged(cells, entries, layout.decimals), *notes.missing(layout, entries)]
    protocols = notes.protocols(cells, layout, entries)
    theirs = published_entries(layout, entries) if published else None
    if layout.average:
        entries = add_average(entries)
    marks = mark(entries.value, layout.decimals, lower_is_better=metric in LOWER_IS_BETTER)
    block = Block("", entries, marks, _gains(entries.value, layout))
    if scores:
        block, line = _compared(block, layout, Comparison(cells, layout, scores))
        lines.append(line)
    if theirs is None:
        return [block], lines
    second = Block("Published", theirs, mark(theirs.value, layout.decimals), _gains(theirs.value, layout))
    return [replace(block, title="Ours"), second], [*lines, protocols]


def _gains(values: pd.DataFrame, layout: Layout) -> pd.DataFrame | None:
    """Return the gains in each column, without intervals; None if the table does not have both models."""
    if layout.gains is None or not {(name,) for name in layout.gains} <= set(values.index):
        return None
    first, second = (values.loc[[(name,)]].iloc[0] for name in layout.gains)
    return pd.DataFrame({"value": first - second, "lo": np.nan, "hi": np.nan})


def _compared(block: Block, layout: Layout, comparison: Comparison) -> tuple[Block, str]:
    """Return the block with marks only where they are beyond chance, and with intervals of the gains."""
    values = block.entries.value
    tested = values.loc[:, values.columns.get_level_values(0) != AVERAGE]
    clear, count, unknown = comparison.clear_columns(tested)
    marks = block.marks.copy()
    marks.loc[:, ~values.columns.isin(clear)] = ""
    gains = block.gains if block.gains is None else block.gains.copy()
    if gains is not None and layout.gains is not None:
        for place, column in enumerate(tested.columns):
            if gains["value"].notna().iloc[place]:
                one = comparison.difference(*((name, *column) for name in layout.gains))
                gains.iloc[place, 1:] = np.array([one.lo, one.hi], dtype=float) * layout.scale
    return replace(block, marks=marks, gains=gains), notes.compared(len(clear), count, unknown, layout)


def long_form(blocks: Sequence[Block], layout: Layout) -> pd.DataFrame:
    """Return one row per entry: block, the fields of its row and column, those of `Entries`, mark."""
    parts = []
    for block in blocks:
        levels = list(range(len(layout.columns)))
        tables = {name: getattr(block.entries, name) for name in FIELDS} | {"mark": block.marks}
        table = pd.DataFrame({name: one.stack(levels, future_stack=True) for name, one in tables.items()})
        table = table.reset_index()
        table.insert(0, "block", PUBLISHED if block is not blocks[0] else OURS)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)
