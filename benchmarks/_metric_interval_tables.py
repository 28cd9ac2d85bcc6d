"""Tables of `metric_intervals.py`: the coverage of bootstrap intervals, from committed counts."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from _common import RESULTS
from _interval_tables import WANTED, coverage

from melp.evaluation.tables import markdown_table

FILE = RESULTS / "metric_intervals.json"
EDGES = (1, 5, 10, 15, 20, 30, 50, 100)


def measured(file: Path = FILE) -> pd.Series[float]:
    """Return the coverage by metric, of ("class", "mean" or "many") and least, over all sizes of sample."""
    return coverage(pd.DataFrame(json.loads(file.read_text())), ["metric", "of", "least"]).sort_index()


def least_patients(metric: str, of: str, file: Path = FILE) -> float:
    """Return the number of patients from which on intervals of classes or means cover; infinite if never.

    A mean may be over one class or over many, so intervals of both must cover.
    """
    enough = measured(file)[metric, of].sort_index(ascending=False) >= WANTED
    least = min(enough.index[enough.cummin()], default=float("inf"))
    if of != "mean":
        return least
    return max(least, *(least_patients(metric, part, file) for part in ("class", "many")))


def table(file: Path = FILE) -> str:
    """Return coverage by metric and number of patients, as Markdown."""
    every = measured(file)
    lines = []
    for metric in every.index.unique("metric"):
        for of in ("class", "mean"):
            cells = [f"{every[metric, of, edge]:.1f}" for edge in EDGES]
            many = f"{every[metric, 'many', 1]:.1f}" if of == "mean" else "-"
            lines.append((metric, of, *cells, many, f"{least_patients(metric, of, file):g}"))
    names = ("metric", "of", *(f"{edge}+" for edge in EDGES), "many", "intervals from")
    note = (
        "Per cent of 95 % percentile bootstrap intervals that contain the true value. Of a class: by the "
        "number of patients with it, up to the next column. Of a mean: over the classes with at least as "
        "many patients; many: over 28 classes with about 140 each. Means have intervals "
        "from the number from which on these and those of classes cover. inf: no intervals.\n"
    )
    return markdown_table(names, lines) + "\n" + note
