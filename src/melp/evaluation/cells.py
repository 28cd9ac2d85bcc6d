"""A cell of a table: a model's scores on a task, their AUROC, and the result files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from melp.data.duplicates import duplicates_note
from melp.data.store import Store
from melp.evaluation.leakage import UNKNOWN, Shared, shared_with_training
from melp.evaluation.metrics import MACRO, Auroc, evaluate_auroc
from melp.evaluation.results import Cell, Result, config_hash, write_predictions, write_results
from melp.evaluation.split import Split, join_folds, patients_of
from melp.evaluation.subsets import size_notes
from melp.hub import Model
from melp.tasks import Task

__all__ = ["Evaluation", "evaluate", "evaluate_split", "save"]

CORRECTED = "corrected"


@dataclass(frozen=True)
class Evaluation:
    """A cell with its AUROC and the scores that it is computed from.

    `shared` counts the evaluated records that the model was trained on, `n_train` the records whose labels a
    probe or a classifier was trained on; `notes` are lines for the user.
    """

    cell: Cell
    auroc: Auroc
    scores: pd.DataFrame
    labels: pd.DataFrame
    config_hash: str
    shared: Shared = UNKNOWN
    notes: tuple[str, ...] = ()
    n_train: int = 0

    def results(self) -> list[Result]:
        """Return one result per metric: the macro mean, then each class."""
        return [self._result(metric, value) for metric, value in self.auroc.values.items()]

    def messages(self) -> list[str]:
        """Return the notes, and a line about the evaluated records that the model was trained on, if any."""
        shared = self.shared
        if not shared:
            return list(self.notes)
        more = ", ..." if len(shared.named) < (shared.records or 0) else ""
        named = f" ({', '.join(shared.named)}{more})" if shared.named else ""
        return [
            *self.notes,
            f"{self.cell.task}: {self.cell.checkpoint} was trained on {shared.records} of the {self.auroc.n} "
            f"records evaluated{named}, and on {shared.patients} of their patients",
        ]

    def _result(self, metric: str, value: float) -> Result:
        low, high = self.auroc.intervals.get(metric, (None, None))
        left_out = self.auroc.left_out if metric == MACRO else ()
        counts = (self.shared.records, self.shared.patients)
        shown = (value, self.auroc.n, low, high, left_out, self.config_hash)
        return Result(self.cell, metric, *shown, *counts, self.n_train)


def evaluate(
    model: Model,
    store: Store,
    task: Task,
    auroc: Auroc,
    scores: pd.DataFrame,
    labels: pd.DataFrame,
    options: Sequence[Mapping[str, Any]],
    notes: Sequence[str] = (),
    n_train: int = 0,
    **fields: Any,
) -> Evaluation:
    """Return the evaluation of a model's scores on a task.

    `options` is what the scores depend on besides the model; it goes into the hash with the model's
    configuration. `notes` and `n_train` are those of the evaluation, `fields` the other fields of the cell.
    """
    cell = Cell(method=model.name, checkpoint=str(model.folder), task=task.name, **fields)
    digest = config_hash(dict(model.config), *map(dict, options))
    shared = shared_with_training(model, store, labels.index)
    return Evaluation(cell, auroc, scores, labels, digest, shared, tuple(notes), n_train)


def evaluate_split(
    model: Model,
    store: Store,
    task: Task,
    split: Split,
    scores: pd.DataFrame,
    *,
    fraction: float = 0,
    seed: int = 0,
    n_train: int = 0,
    min_positives: int = 1,
    options: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Evaluate `scores` on the test records of a split, with intervals over patients.

    `fraction` and `n_train` are the share, in per cent, and the number of the training records that were
    used; `options` is what the scores depend on besides the model.
    """
    labels = split.labels.loc[split.test]
    kept = [{"duplicates": "kept"}] if split.duplicates is None and fraction else []
    notes = size_notes(task.name, fraction, n_train, len(split.training)) if fraction else []
    if split.duplicates and fraction:
        notes.append(duplicates_note(split.duplicates, "--keep-duplicates"))
    return evaluate(
        model,
        store,
        task,
        evaluate_auroc(scores, labels, patients_of(store, split.test), min_positives=min_positives),
        scores,
        labels,
        [{"min_positives": min_positives}, options or {}, *kept],
        notes,
        n_train,
        protocol=CORRECTED,
        fraction=fraction,
        seed=seed,
        folds=join_folds(split.folds),
        train_folds=join_folds(split.train_folds) if fraction else "",
    )


def save(evaluations: Sequence[Evaluation], folder: Path) -> None:
    """Write cells to `results.jsonl` and scores to `predictions.parquet`, replacing the same cells."""
    write_predictions(((one.cell, one.scores, one.labels) for one in evaluations), folder)
    write_results((result for one in evaluations for result in one.results()), folder)
