"""The entries of a table: cells of several seeds as one value with its interval."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from melp.evaluation.layouts.choose import SEEDS
from melp.evaluation.layouts.layout import AVERAGE, Layout, sortable

__all__ = ["FIELDS", "Entries", "add_average", "arrange", "summarise"]


@dataclass(frozen=True)
class Entries:
    """One block of a table. All tables have the same rows and columns, which are tuples (a `MultiIndex`).

    Attributes:
        value, lo, hi: mean over the cells and its 95 % interval, times the scale of the layout; NaN where
            there is none.
        sd: standard deviation over training seeds of the means over label seeds; NaN for one seed.
        training_seeds, label_seeds: their numbers; 0 where there is no cell.
    """

    value: pd.DataFrame
    lo: pd.DataFrame
    hi: pd.DataFrame
    sd: pd.DataFrame
    training_seeds: pd.DataFrame
    label_seeds: pd.DataFrame

    @property
    def columns(self) -> list[tuple[object, ...]]:
        """The columns, from left to right."""
        return [tuple(column) for column in self.value.columns]

    def like(self, other: Entries) -> Entries:
        """Return the entries of the columns of another table."""
        columns = other.value.columns
        return Entries(**{name: getattr(self, name).reindex(columns=columns) for name in FIELDS})


FIELDS = tuple(field.name for field in fields(Entries))


def summarise(cells: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Return one row per entry, indexed by the fields of rows and columns.

    The limits of an entry are the means of its cells' limits. The error of a mean is at most the mean of the
    errors, whatever their correlation, so that these limits are not too narrow. They are over patients, for
    the mean of these very models.

    Args:
        cells: one row per cell, as from `choose`.
        layout: the layout.
    """
    keys = [*layout.rows, *layout.columns]
    groups = cells.groupby(keys, dropna=False)
    table = groups[["value", "lo", "hi"]].agg(_mean) * layout.scale
    of_seeds = cells.groupby([*keys, SEEDS[0]], dropna=False)["value"].mean()
    table["sd"] = of_seeds.groupby(level=list(range(len(keys))), dropna=False).std() * layout.scale
    for name, field in zip(("training_seeds", "label_seeds"), SEEDS, strict=True):
        table[name] = groups[field].nunique(dropna=False)
    return table


def _mean(values: pd.Series[float]) -> float:
    return float(values.mean(skipna=False))


def arrange(summary: pd.DataFrame, layout: Layout) -> Entries:
    """Return the entries in the order of the layout, with NaN for those that are missing."""
    depth = len(layout.rows)
    rows = sorted({key[:depth] for key in summary.index}, key=layout.order)
    columns = sorted({key[depth:] for key in summary.index}, key=lambda key: _column_order(key, layout))
    full = summary.reindex([row + column for row in rows for column in columns])
    labels = (
        pd.MultiIndex.from_tuples(rows, names=layout.rows),
        pd.MultiIndex.from_tuples(columns, names=layout.columns),
    )
    shape = (len(rows), len(columns))
    return Entries(**{name: pd.DataFrame(full[name].to_numpy().reshape(shape), *labels) for name in FIELDS})


def add_average(entries: Entries) -> Entries:
    """Return the entries with the mean of each row as the last column.

    A row with a missing entry has no mean, because it would be one of other columns. The limits of a mean are
    the means of the limits, as in `summarise`.
    """
    last = (AVERAGE, *[""] * (entries.value.columns.nlevels - 1))
    columns = pd.MultiIndex.from_tuples([*entries.value.columns, last], names=entries.value.columns.names)
    tables = {}
    for name in FIELDS:
        table = getattr(entries, name)
        mean = table.mean(axis=1, skipna=False) * (np.nan if name == "sd" else 1)
        tables[name] = pd.DataFrame(np.column_stack([table, mean]), table.index, columns)
    return Entries(**tables)


def _column_order(column: tuple[object, ...], layout: Layout) -> tuple[object, ...]:
    known = list(layout.tasks)
    return tuple((known.index(str(value)) if value in known else 0, *sortable(value)) for value in column)
