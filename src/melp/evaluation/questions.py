"""Evaluations whose metrics are not those of a task with classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from melp.data.store import Store
from melp.evaluation.cells import Cell, Evaluation, metric_table
from melp.evaluation.evaluate import about, shared_note
from melp.evaluation.leakage import shared_with_training
from melp.evaluation.tables import score_cell
from melp.hub import Model

__all__ = ["evaluation_of", "summary"]

_CHANCE = {"auroc": 0.5, "auroc_change": 0.0}


def evaluation_of(
    cell: Cell,
    model: Model,
    store: Store,
    ids: pd.Index,
    rows: Iterable[Mapping[str, object]],
    predictions: pd.DataFrame,
    notes: Sequence[str] = (),
) -> Evaluation:
    """Return an evaluation of a cell from its rows of metrics.

    Args:
        cell, model, store: what is evaluated.
        ids: the evaluated records, of which those that the model was trained on are counted.
        rows: metrics (see `METRIC_COLUMNS`); a further column `chance` is the value of a model by chance.
        predictions: what the metrics are computed from.
        notes: lines for the user.
    """
    shared = shared_with_training(model, store, ids)
    messages = (*notes, *shared_note(cell.task, str(model.folder), shared, len(ids)))
    return Evaluation(cell, metric_table(rows), about(model), predictions, shared=shared, messages=messages)


def summary(evaluations: Sequence[Evaluation]) -> list[tuple[object, ...]]:
    """Return rows to print: task, question, metric, value, interval, value by chance, number of records.

    Of a task with classes only the means over its classes are shown.
    """
    rows: list[tuple[object, ...]] = []
    for one in evaluations:
        asked = _question(one.cell)
        for row in one.metrics.to_dict("records"):
            if pd.isna(row["class"]) or one.cell.kind == "retrieval":
                question = asked or (one.cell.kind if pd.isna(row["class"]) else row["class"])
                chance = row.get("chance", _CHANCE.get(row["metric"]))
                shown = (_number(row["metric"], row["value"]), _interval(row), _number(row["metric"], chance))
                rows.append((one.cell.task, question, row["metric"], *shown, row["n"]))
    return rows


def _question(cell: Cell) -> str:
    """Return the reading and the condition of a cell, such as "probe, noise-0.1"."""
    by, condition = cell.options.get("by", ""), cell.options.get("condition", "")
    return ", ".join(filter(None, (by, condition)))


def _number(metric: str, value: float | None) -> str:
    if value is None or pd.isna(value):
        return "-"
    if metric == "auroc_change":
        return f"{value:+.3f}"
    return f"{value:g}" if metric == "median_rank" else score_cell(value)


def _interval(row: Mapping[Any, Any]) -> str:
    limits = [_number(row["metric"], row[name]) for name in ("lo", "hi")]
    return "-" if "-" in limits else " to ".join(limits)
