"""Markdown tables of results, and the numbers in their cells."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from melp.evaluation.results import read_rows

__all__ = ["TIMES", "change_cell", "markdown_table", "mean_cell", "read_runs", "read_times"]

TIMES = "training_time.json"


def read_runs(folder: Path) -> pd.DataFrame:
    """Return the results of all runs in a folder, one `RUN.jsonl` each, with the column `run`."""
    files = sorted(folder.glob("*.jsonl"))
    return pd.concat([read_rows(file).assign(run=file.stem) for file in files])


def read_times(folder: Path) -> tuple[str, dict[str, list[float]]]:
    """Return the clock and the seconds of the trainings in a folder of runs, by group."""
    times = json.loads((folder / TIMES).read_text())
    return times["clock"], times["seconds"]


def score_cell(score: float) -> str:
    """Return a score, such as an AUROC: "0.850"."""
    return f"{score:.3f}"


def interval_cell(low: float | None, high: float | None) -> str:
    """Return an interval of scores: "0.840 to 0.860", or "-" if there is none."""
    if low is None or high is None or not np.isfinite([low, high]).all():
        return "-"
    return f"{low:.3f} to {high:.3f}"


def mean_cell(values: Sequence[float] | pd.Series[float]) -> str:
    """Return the mean, with the range if there are several values: "0.850 (0.840 to 0.860)"."""
    if not len(values):
        return "-"
    mean = score_cell(float(np.mean(values)))
    return mean if len(values) == 1 else f"{mean} ({interval_cell(min(values), max(values))})"


def change_cell(change: float, low: float | None, high: float | None, beyond_chance: bool = False) -> str:
    """Return a difference with its interval: "+0.010 (-0.002 to +0.021)"; "(-)" if there is none.

    With `beyond_chance` a star follows.
    """
    interval = "-" if low is None or high is None else f"{low:+.3f} to {high:+.3f}"
    return f"{change:+.3f} ({interval})" + (" *" if beyond_chance else "")


def markdown_table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table.

    Columns of numbers are aligned to the right, and integers have thousands separators.
    """
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    columns = list(zip(*cells, strict=True)) or [()] * len(names)
    numeric = [any(column) and not any(cell.strip("+-,.0123456789") for cell in column) for column in columns]
    rule = ["---:" if right else "---" for right in numeric]
    return "".join(f"| {' | '.join(row)} |\n" for row in [list(names), rule, *cells])
