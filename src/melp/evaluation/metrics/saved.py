"""Metrics of saved predictions: of the cells in a folder of results."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from melp.atomic import replacing
from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import PREDICTION_COLUMNS, Cell, Evaluation, read_cell, read_cells
from melp.evaluation.digests import store_digest
from melp.evaluation.metrics.groups import groups_of
from melp.evaluation.metrics.registry import METRICS, Metric
from melp.evaluation.metrics.rows import check_metrics, metric_rows
from melp.evaluation.split import patients_of
from melp.evaluation.tables import interval_cell, score_cell
from melp.progress import progress_bar

__all__ = ["check_ending", "mean_rows", "metrics_of_cells", "write_table"]

FORMATS = (".csv", ".json", ".parquet")
ABOUT = ["key", "name", "kind", "method", "task", "protocol", "folds", "fraction", "n_train", "seed"]
SHOWN = ["name", "kind", "task", "protocol", "folds", "fraction", "seed"]
LOG_ODDS = ("probe", "knn", "attentive", "finetune")
"""Kinds of cells whose scores are log-odds; those of protocol "paper" are probabilities."""


def metrics_of_cells(
    folder: Path,
    metrics: Sequence[str] = ("auroc",),
    *,
    by: str | None = None,
    stores: Iterable[Store] = (),
    validation: Path | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Return metrics of the cells in a folder of results, and lines about what is left out.

    Patients and groups are those of the store that a cell was evaluated on; without it a cell has no
    intervals. Thresholds are chosen on the cell that differs in the evaluated folds alone. Log-odds are
    turned into probabilities for the metrics that need them.

    Args:
        folder: contains `cells`.
        metrics: names of metrics in `METRICS`.
        by: a column of the index to group records by.
        stores: the stores that cells were evaluated on.
        validation: folder of results on validation folds.

    Returns:
        A table with the columns `ABOUT`, `group` with `by`, those of `metric_rows`, and `threshold`, which is
        "validation" or "same records".

    Raises:
        MelpError: no cells with scores, an unknown metric or column, a cell of another store with `by`,
            several cells to choose thresholds on, or one of the same records.
    """
    check_metrics(metrics, validated=True, probabilities=True)
    question = _Question(metrics, by, {store_digest(store): store for store in stores})
    cells = read_cells(folder).drop_duplicates("key")
    pairs = _pairs(validation)
    bar, tables = progress_bar(shown=sys.stderr.isatty()), []
    with bar:
        for row in bar.track(cells.to_dict("records"), description="cells"):
            one = read_cell(folder, row["key"])
            if not set(PREDICTION_COLUMNS) <= set(one.predictions.columns):
                question.notes[f"no scores of classes in cells of kind {one.cell.kind}"] += 1
                continue
            other = pairs.get(_pair(row))
            table = question.rows(one, read_cell(validation, other) if validation and other else None)
            tables.append(pd.DataFrame([row])[ABOUT].merge(table, how="cross"))
    if not tables:
        raise MelpError(f"{folder}: found no cells with scores, wanted the --out of an evaluation")
    notes = [f"{count} of {len(cells)} cells: {note}" for note, count in question.notes.items()]
    return pd.concat(tables, ignore_index=True), notes


def _pairs(folder: Path | None) -> dict[tuple[object, ...], str]:
    """Return the keys of the cells to choose thresholds on, by all that they share with others."""
    pairs: dict[tuple[object, ...], str] = {}
    for row in read_cells(folder).drop_duplicates("key").to_dict("records") if folder else ():
        if _pair(row) in pairs:
            raise MelpError(
                f"{folder}: cells {pairs[_pair(row)]} and {row['key']} differ in their folds alone, wanted "
                "one to choose thresholds on"
            )
        pairs[_pair(row)] = row["key"]
    return pairs


def _pair(row: Mapping[Hashable, object]) -> tuple[object, ...]:
    return tuple(row[each.name] for each in fields(Cell) if each.name != "folds")


@dataclass(frozen=True)
class _Question:
    """What is asked of every cell, and `notes`, the number of cells by what is left out."""

    metrics: Sequence[str]
    by: str | None
    stores: Mapping[str, Store]
    notes: Counter[str] = field(default_factory=Counter)

    def rows(self, one: Evaluation, validation: Evaluation | None) -> pd.DataFrame:
        """Return the metrics of a cell."""
        store = self.stores.get(one.cell.store)
        if validation and (same := len(one.labels.index.intersection(validation.labels.index))):
            raise MelpError(
                f"--validation: {same} records of cell {validation.cell.key} are also in {one.cell.key}, "
                "wanted other records to choose thresholds on"
            )
        if store is None and self.by:
            raise MelpError(f"cell {one.cell.key}: its store is not in --data, which --by {self.by} needs")
        if store is None:
            self.notes[
                "no intervals, because --data does not name their store, which knows the patients"
            ] += 1
        tables = [self._metric(METRICS[name], one, validation, store) for name in self.metrics]
        table = pd.concat(tables, ignore_index=True)
        return table.assign(lo=np.nan, hi=np.nan) if store is None else table

    def _metric(
        self, metric: Metric, one: Evaluation, validation: Evaluation | None, store: Store | None
    ) -> pd.DataFrame:
        cell, ids, name = one.cell, one.labels.index, metric.name
        if metric.probabilities and cell.kind not in LOG_ODDS:
            self.notes[f"no {name}, because scores of kind {cell.kind} are not probabilities"] += 1
            return pd.DataFrame()
        if metric.threshold and validation is None:
            if not metric.same_records:
                self.notes[f"no {name}, because there are no validation scores to choose a threshold on"] += 1
                return pd.DataFrame()
            self.notes[f"{name} at a threshold that is chosen on the same records"] += 1
        log_odds = metric.probabilities and cell.protocol != "paper"
        scores = [
            expit(each.scores) if log_odds else each.scores for each in (one, validation) if each is not None
        ]
        rows = metric_rows(
            scores[0],
            one.labels,
            None if store is None else patients_of(store, ids),
            metrics=[name],
            validation=None if validation is None else (scores[1], validation.labels),
            groups=groups_of(store, ids, self.by) if store and self.by else None,
            probabilities=metric.probabilities,
            min_positives=cell.min_positives,
            empty_as_zero=cell.protocol == "paper",
        )
        chosen_on = "same records" if validation is None else "validation"
        return rows.assign(threshold=chosen_on if metric.threshold else None)


def mean_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the means over classes as texts to print."""
    means = table[table["class"].isna()]
    shown = means[[name for name in (*SHOWN, "group", "metric") if name in means]].copy()
    shown["fraction"] = means["fraction"].map("{:g} %".format)
    shown["value"] = means["value"].map(lambda value: "-" if pd.isna(value) else score_cell(value))
    shown["95 % interval"] = list(map(interval_cell, means["lo"], means["hi"]))
    return shown.assign(records=means["n"])


def write_table(table: pd.DataFrame, file: Path) -> None:
    """Write a table as CSV, JSON or Parquet, by the ending of the file.

    Raises:
        MelpError: another ending.
    """
    check_ending(file)
    with replacing(file) as temporary:
        if file.suffix == ".csv":
            table.to_csv(temporary, index=False)
        elif file.suffix == ".json":
            table.to_json(temporary, orient="records", indent=1, double_precision=15)
        else:
            table.to_parquet(temporary, index=False)


def check_ending(file: Path) -> None:
    """Raise `MelpError` if `write_table` does not know the ending of a file."""
    if file.suffix not in FORMATS:
        raise MelpError(f"{file}: found the ending {file.suffix!r}, wanted {', '.join(FORMATS)}")
