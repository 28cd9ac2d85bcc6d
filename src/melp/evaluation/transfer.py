"""Transfer between corpora: a probe or prompts of one, evaluated on another by the findings they share.

A label of one corpus is a label of another if both mean the same finding (`melp.tasks.overlap`). All records
of both corpora are used, also those without any of the shared findings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from melp.data.duplicates import without_duplicates
from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import Cell, Evaluation
from melp.evaluation.digests import tokenizer_digest
from melp.evaluation.embed import rows_of
from melp.evaluation.evaluate import cell_of, evaluate_missing, evaluate_scores
from melp.evaluation.probe import probe_features
from melp.evaluation.probes.linear import C_VALUES, fit_probe
from melp.evaluation.prompts import prompts_for
from melp.evaluation.split import in_folds, join_folds, labels_of, patients_of
from melp.evaluation.zero_shot import class_scores, find_similarity
from melp.hub import Model
from melp.tasks import Task
from melp.tasks.overlap import overlapping_tasks

__all__ = ["READINGS", "transfer"]

READINGS = ("probe", "prompts")


def transfer(
    model: Model,
    train_store: Store,
    store: Store,
    task: Task,
    *,
    readings: Sequence[str] = READINGS,
    folds: Sequence[int] | None = None,
    train_folds: Sequence[int] | None = None,
    min_positives: int = 1,
    seed: int = 0,
    out: Path | None = None,
) -> list[Evaluation]:
    """Evaluate a model on another corpus than that whose labels or prompts it is given.

    Args:
        model: a loaded model folder; of a method with text for "prompts".
        train_store: the corpus whose labels train the probe, or whose prompts are used.
        store: the corpus to evaluate.
        task: a task of that corpus; its classes with a counterpart are evaluated.
        readings: "probe" and "prompts".
        folds: folds to evaluate; default: all, because no record of the corpus is trained on.
        train_folds: folds to train on instead of those of the task.
        min_positives: classes with fewer positives do not count in the macro mean.
        seed: seed of the parts in which the probe selects C.
        out: folder of cells; those in it are not computed again.

    Returns:
        One evaluation for each reading; messages name the classes without a counterpart.

    Raises:
        MelpError: an unknown reading, stores of one corpus or of several, no shared finding, or no record.
    """
    if not readings or not set(readings) <= set(READINGS):
        raise MelpError(f"by: found {', '.join(readings) or 'none'}, wanted {' or '.join(READINGS)}")
    source, target, without = overlapping_tasks(_corpus(train_store), task)
    learned = tuple(train_folds or source.train_folds)
    labels, training = _labels((source, target), (train_store, store), learned, folds)
    cell = cell_of("transfer", model, store, target, train_store)
    cell = replace(cell, folds=join_folds(folds or ()), min_positives=min_positives, seed=seed)
    cells = [_with_reading(cell, model, target, reading, len(training), learned) for reading in readings]
    notes = [
        f"{target.name}: {len(target.classes)} findings of both corpora; without a counterpart in "
        f"{source.corpus}: {', '.join(without) or 'none'}"
    ]

    def evaluate(missing: list[int]) -> Iterator[Evaluation]:
        for place in missing:
            if readings[place] == "probe":
                scores = _probe_scores(model, train_store, training, store, labels.index, seed)
            else:
                prompts, similarity = [prompts_for(model, target)], find_similarity(model)
                (scores,) = class_scores(model, store, labels.index, prompts, [False], similarity)
            options = {"min_positives": min_positives}
            yield evaluate_scores(cells[place], model, store, scores, labels, notes, options)

    return evaluate_missing(cells, out, evaluate)


def _labels(
    tasks: tuple[Task, Task], stores: tuple[Store, Store], learned: Sequence[int], folds: Sequence[int] | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the labels of the evaluated records, and of those to train on without copies of these."""
    (source, target), (train_store, store) = tasks, stores
    labels = labels_of(target, store, target.corpus)
    labels = labels if folds is None else in_folds(labels, store, folds)
    training = in_folds(labels_of(source, train_store, source.corpus), train_store, learned)
    rows = rows_of(train_store, training.index)
    held_out = np.flatnonzero(~np.isin(train_store.column("fold"), learned))
    others = store.column("digest")[rows_of(store, labels.index)]
    training = training[np.isin(rows, without_duplicates(train_store, rows, held_out, others))]
    if not len(labels) or not len(training):
        raise MelpError(
            f"folds: {len(training)} records to train on and {len(labels)} to evaluate, wanted some of each"
        )
    return labels, training


def _with_reading(
    cell: Cell, model: Model, target: Task, reading: str, n_train: int, learned: Sequence[int]
) -> Cell:
    """Return a cell with what a reading depends on."""
    if reading == "probe":
        options = {**cell.options, "by": reading, "C": C_VALUES}
        return replace(cell, fraction=100, n_train=n_train, train_folds=join_folds(learned), options=options)
    find_similarity(model)
    own = {"prompts": target.prompts, "tokenizer": tokenizer_digest(model)}
    return replace(cell, options={**cell.options, "by": reading, **own})


def _corpus(store: Store) -> str:
    corpora = np.unique(store.column("corpus")).tolist()
    if len(corpora) != 1:
        raise MelpError(f"{store.path}: found {', '.join(corpora)}, wanted one corpus to train on")
    return str(corpora[0])


def _probe_scores(
    model: Model, train_store: Store, training: pd.DataFrame, store: Store, ids: pd.Index, seed: int
) -> pd.DataFrame:
    features = probe_features(model, train_store, training.index).to_numpy()
    patients = patients_of(train_store, training.index).to_numpy()
    fitted = fit_probe(features, training.to_numpy(), patients, seed=seed)
    log_odds = fitted(probe_features(model, store, ids).to_numpy())
    return pd.DataFrame(log_odds, index=ids, columns=training.columns)
