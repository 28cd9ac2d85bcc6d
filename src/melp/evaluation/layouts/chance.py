"""Whether the difference between two entries may be chance, from the predictions of their cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import pandas as pd

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import read_cell
from melp.evaluation.comparison import Difference, compare, holm
from melp.evaluation.digests import store_digest
from melp.evaluation.layouts.layout import Layout
from melp.evaluation.layouts.marks import top_two

__all__ = ["Comparison", "Scores", "predictions_of"]

Place = tuple[object, ...]
Scores = Callable[[str], tuple[pd.DataFrame, pd.DataFrame, pd.Series]]
"""Returns the scores and labels of a cell (one row per record, one column per class), and the patients."""
_LEVEL = 0.05


def predictions_of(folders: Mapping[str, Path], stores: Sequence[Path]) -> Scores:
    """Return a function that reads the predictions of a cell.

    Args:
        folders: the folder of each cell, by key.
        stores: the stores of the evaluated records, which know the patients.
    """
    opened = {store_digest(store): store for store in map(Store, stores)}

    @lru_cache(maxsize=64)
    def read(key: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
        evaluation = read_cell(folders[key], key)
        cell = evaluation.cell
        if cell.store not in opened:
            raise MelpError(f"data: found no store with digest {cell.store}, wanted that of {cell.task}")
        index = opened[cell.store].index
        return evaluation.scores, evaluation.labels, index.set_index(index["id"].astype(str))["patient"]

    return read


class Comparison:
    """Compares entries of a table on the same records, paired over patients; their seeds are pooled.

    Args:
        cells: one row per cell, from `choose`.
        layout: the layout.
        read: reads the predictions of a cell.
    """

    def __init__(self, cells: pd.DataFrame, layout: Layout, read: Scores) -> None:
        groups = cells.groupby([*layout.rows, *layout.columns])
        self._keys = {place: list(keys) for place, keys in groups["key"]}
        self._least = dict(groups["min_positives"].first().items())
        self._read = read

    def difference(self, first: Place, second: Place) -> Difference:
        """Return the difference of two entries, each given by its row and column.

        Raises:
            MelpError: a record or class of the first is not in the second.
        """
        _, labels, patients = self._read(self._keys[first][0])
        ours, theirs = ([self._read(key)[0] for key in self._keys[place]] for place in (first, second))
        return compare(ours, theirs, labels, patients, min_positives=int(self._least[first]))

    def clear_columns(self, values: pd.DataFrame) -> tuple[list[Place], int, int]:
        """Return the columns whose best and second-best differ beyond chance.

        The level is 5 % after Holm's correction for the number of columns. Also returns how many columns have
        two entries, and how many of these have no p-value because a class has too few patients.
        """
        columns: list[Place] = [tuple(column) for column in values.columns]
        tops = {column: top_two(values.iloc[:, place]) for place, column in enumerate(columns)}
        pairs = {column: [(*row, *column) for row in top] for column, top in tops.items() if len(top) == 2}
        corrected = holm([self.difference(*pair).p for pair in pairs.values()])
        clear = [column for column, p in zip(pairs, corrected, strict=True) if p is not None and p < _LEVEL]
        return clear, len(pairs), corrected.count(None)
