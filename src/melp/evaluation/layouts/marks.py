"""The best and second-best entry of each column."""

from __future__ import annotations

import pandas as pd

__all__ = ["BEST", "LOWER_IS_BETTER", "SECOND", "mark", "top_two"]

BEST, SECOND = "best", "second"
LOWER_IS_BETTER = frozenset({"brier", "calibration_error", "median_rank"})
"""Metrics."""


def mark(values: pd.DataFrame, decimals: int, *, lower_is_better: bool = False) -> pd.DataFrame:
    """Return "best", "second" or "" for each entry of a table.

    Values that are printed alike have the same mark. A column in which all are alike has none.
    """
    printed = values.map(lambda value: float(f"{value:.{decimals}f}"))
    ranks = printed.rank(method="dense", ascending=lower_is_better)
    marks = ranks.map(lambda rank: {1: BEST, 2: SECOND}.get(rank, ""))
    marks.loc[:, printed.nunique() < 2] = ""
    return marks


def top_two(values: pd.Series[float], *, lower_is_better: bool = False) -> list[tuple[object, ...]]:
    """Return the rows of the best and the second-best value; fewer if there are fewer values."""
    order = values.dropna().sort_values(ascending=lower_is_better, kind="stable")
    return list(order.index[:2])
