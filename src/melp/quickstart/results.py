"""What the quickstart found, read from the files that judging left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.table import Table

from melp.evaluation.metrics import MACRO
from melp.evaluation.results import read_predictions, read_results
from melp.tasks import Task

__all__ = ["Area", "Row", "comparison", "predictions", "terminal_table"]


@dataclass(frozen=True)
class Area:
    """An AUROC with its 95 % interval; `n` records, `left_out` classes without positives."""

    value: float
    low: float
    high: float
    n: int
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One way to classify: `macro` by task, `classes` by task and class."""

    key: str
    title: str
    labels: str
    macro: dict[str, Area]
    classes: dict[str, dict[str, float]]


SYSTEMS = (
    ("zero-shot", "MELP, zero-shot", "none"),
    ("probe", "MELP, linear probe", "for the probe"),
    ("untrained", "Same network, untrained, linear probe", "for the probe"),
    ("supervised", "Same encoder, trained with labels", "for the whole encoder"),
)


def comparison(results: Path, tasks: Sequence[Task]) -> list[Row]:
    """The ways to classify that were judged, in the order of the table."""
    lines = read_results(results)
    lines["system"] = [
        _system(*key) for key in zip(lines["method"], lines["checkpoint"], lines["fraction"], strict=True)
    ]
    rows = []
    for key, title, labels in SYSTEMS:
        own = lines[lines["system"] == key]
        if len(own):
            rows.append(Row(key, title, labels, _macro(own, tasks), _classes(own, tasks)))
    return rows


def _system(method: str, checkpoint: str, fraction: float) -> str:
    if method == "supervised":
        return "supervised"
    if Path(checkpoint).name == "untrained":
        return "untrained"
    return "probe" if fraction else "zero-shot"


def _macro(lines: pd.DataFrame, tasks: Sequence[Task]) -> dict[str, Area]:
    found = lines[lines["metric"] == MACRO].to_dict("records")
    areas = {
        line["task"]: Area(
            float(line["value"]),
            float(line["lo"]),
            float(line["hi"]),
            int(line["n"]),
            tuple(line["left_out"]),
        )
        for line in found
    }
    return {task.name: areas[task.name] for task in tasks if task.name in areas}


def _classes(lines: pd.DataFrame, tasks: Sequence[Task]) -> dict[str, dict[str, float]]:
    own = lines[lines["metric"].str.startswith("auroc/")]
    return {
        task.name: {
            metric.removeprefix("auroc/"): float(value)
            for metric, value in own.loc[own["task"] == task.name, ["metric", "value"]].itertuples(
                index=False
            )
        }
        for task in tasks
    }


def predictions(results: Path, task: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Zero-shot scores and labels of the judged records: one row a record, one column a class."""
    cells = read_predictions(results)
    return next((scores, labels) for cell, scores, labels in cells if (cell.task, cell.fraction) == (task, 0))


def terminal_table(rows: Sequence[Row]) -> Table:
    """The table for the terminal."""
    names = list(rows[0].macro) if rows else []
    table = Table(title="Macro AUROC on recordings that no training has seen", title_justify="left")
    table.add_column("")
    table.add_column("labels used")
    for name in names:
        table.add_column(name, justify="right")
    for row in rows:
        areas = [row.macro[name] for name in names]
        cells = [f"[bold]{area.value:.3f}[/bold] {area.low:.2f}-{area.high:.2f}" for area in areas]
        table.add_row(row.title, row.labels, *cells)
    return table
