"""From a model's scores on a task to a cell of the store of results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from melp.data.duplicates import duplicates_note
from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import Cell, Evaluation, is_written, long_form, read_cell, write_cell
from melp.evaluation.digests import model_digest, store_digest, task_digest
from melp.evaluation.leakage import Shared, shared_with_training
from melp.evaluation.metrics import metric_rows
from melp.evaluation.split import Split, join_folds, patients_of
from melp.evaluation.subsets import size_notes
from melp.hub import Model
from melp.progress import progress_bar
from melp.tasks import Task
from melp.training.processes import is_first

__all__ = [
    "about",
    "cell_of",
    "evaluate_missing",
    "evaluate_scores",
    "evaluate_split",
    "shared_note",
    "split_cell",
]


def evaluate_missing(
    cells: Sequence[Cell],
    folder: Path | None,
    evaluate: Callable[[list[int]], Iterable[Evaluation]],
) -> list[Evaluation]:
    """Return the evaluations of cells: those in `folder/cells` are read, the others computed and written.

    Args:
        cells: the cells, known before anything is computed.
        folder: where they are; None to compute all and write none.
        evaluate: evaluates the cells at these positions, one after the other; not called if there are none.
    """
    known = [folder is not None and is_written(folder, cell.key) for cell in cells]
    missing = [place for place, there in enumerate(known) if not there]
    if any(known):
        rest = f"{len(missing)} to compute" if missing else "nothing to compute"
        there = f"{cells[0].kind}: {sum(known)} of {len(cells)} cells are in {folder}, {rest}"
        print(f"melp: {there}", file=sys.stderr)
    computed = _written(evaluate(missing), len(missing), folder) if missing else {}
    return [computed.get(cell.key) or read_cell(folder or Path(), cell.key) for cell in cells]


def _written(evaluations: Iterable[Evaluation], count: int, folder: Path | None) -> dict[str, Evaluation]:
    """Return evaluations by key; each is written before the next is computed."""
    computed = {}
    bar = progress_bar(shown=count > 1 and sys.stderr.isatty())
    row = bar.add_task("cells", total=count)
    try:
        for evaluation in evaluations:
            if folder is not None and is_first():
                write_cell(evaluation, folder)
            computed[evaluation.cell.key] = evaluation
            bar.start()  # after the first cell, before which the records are embedded with a bar of their own
            bar.advance(row)
    finally:
        bar.stop()
    return computed


def cell_of(
    kind: str, model: Model, store: Store, task: Task | str, train_store: Store | None = None
) -> Cell:
    """Return a cell with the digests of a model and of stores; `task` is one with classes, or a name."""
    name, options = (task, {}) if isinstance(task, str) else (task.name, {"classes": task_digest(task)})
    simulated = {"simulated": True} if store.manifest.get("simulated") else {}
    return Cell(
        kind,
        model.name,
        model_digest(model),
        # The name of a task file is its path.
        Path(name).stem if name.endswith((".yaml", ".yml")) else name,
        store=store_digest(store),
        train_store=store_digest(train_store) if train_store else "",
        options={**options, **simulated},
    )


def about(model: Model) -> dict[str, Any]:
    """Return what tables show of the pretraining of a model: name, method, recipe, seed, folder."""
    return {
        "name": model.folder.name,
        "method": model.name,
        "recipe": None,
        "seed": model.config.get("training", {}).get("seed"),
        "folder": str(model.folder),
        **model.about,
    }


def split_cell(
    cell: Cell,
    split: Split,
    *,
    fraction: float = 0,
    seed: int = 0,
    n_train: int = 0,
    min_positives: int = 1,
    options: Mapping[str, Any] | None = None,
) -> Cell:
    """Return a cell with the folds of a split, and a share of its labels.

    `fraction` and `n_train` are the share, in per cent, and the number of the training records that are used;
    `options` is what the scores depend on besides the model.
    """
    kept = {"duplicates": "kept"} if split.duplicates is None and fraction else {}
    return replace(
        cell,
        folds=join_folds(split.folds),
        train_folds=join_folds(split.train_folds) if fraction else "",
        fraction=fraction,
        n_train=n_train,
        seed=seed,
        min_positives=min_positives,
        options={**cell.options, **kept, **(options or {})},
    )


def evaluate_split(
    cell: Cell, model: Model, store: Store, split: Split, scores: pd.DataFrame, **further: Any
) -> Evaluation:
    """Evaluate `scores` on the test records of a split, with intervals over patients.

    `further` are other fields of the evaluation, such as `selected`.
    """
    labels = split.labels.loc[split.test]
    notes = []
    if cell.fraction:
        notes += size_notes(cell.task, cell.fraction, cell.n_train, len(split.training))
        if split.duplicates:
            notes.append(duplicates_note(split.duplicates, "--keep-duplicates"))
    options = {"min_positives": cell.min_positives}
    return evaluate_scores(cell, model, store, scores, labels, notes, options, **further)


def evaluate_scores(
    cell: Cell,
    model: Model,
    store: Store,
    scores: pd.DataFrame,
    labels: pd.DataFrame,
    notes: Sequence[str],
    options: Mapping[str, Any],
    **further: Any,
) -> Evaluation:
    """Evaluate `scores` over the records of `labels`.

    `notes` are lines for the user, `options` those of `metric_rows`, and `further` other fields of the
    evaluation.
    """
    # As they are written, so that metrics can be computed again from the file.
    scores = scores.astype("float32")
    rows = metric_rows(scores, labels, patients_of(store, labels.index), **options)
    if np.isnan(rows["value"].iloc[0]):
        least = f"{cell.min_positives} positives and a negative"
        raise MelpError(f"labels: no class with {least} in {len(labels)} records")
    shared = shared_with_training(model, store, labels.index)
    return Evaluation(
        cell,
        rows,
        about(model),
        long_form(scores, labels),
        shared=shared,
        messages=(*notes, *shared_note(cell.task, str(model.folder), shared, len(labels))),
        **further,
    )


def shared_note(task: str, model: str, shared: Shared, count: int) -> list[str]:
    """Return a line about the evaluated records, `count` in all, that a model was trained on, if any."""
    if not shared:
        return []
    more = ", ..." if len(shared.named) < (shared.records or 0) else ""
    named = f" ({', '.join(shared.named)}{more})" if shared.named else ""
    return [
        f"{task}: {model} was trained on {shared.records} of the {count} records evaluated{named}, and on "
        f"{shared.patients} of their patients"
    ]
