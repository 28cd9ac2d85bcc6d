"""Probes: simple classifiers on the embeddings of a frozen model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from jaxtyping import Float

from melp.data.store import Store
from melp.errors import MelpError, one_of
from melp.evaluation.cells import Cell, Evaluation
from melp.evaluation.embed import embed_frames, embed_rows, rows_of
from melp.evaluation.evaluate import cell_of, evaluate_missing, evaluate_split, split_cell
from melp.evaluation.probes.attentive import STEPS, fit_attentive
from melp.evaluation.probes.linear import C_VALUES, fit_probe
from melp.evaluation.probes.neighbours import K_VALUES, fit_neighbours
from melp.evaluation.split import Split, check_patients, patients_of, split_records, union
from melp.evaluation.subsets import stratified_subset
from melp.hub import Model
from melp.tasks import Task

__all__ = ["KINDS", "Kind", "probe", "probe_features"]


Job = tuple[Cell, Split, pd.DataFrame]
"""A cell, its split, and the labels of its training records."""


class Fitted(Protocol):
    """A fitted probe: a function from features to the log-odds of each class."""

    @property
    def selected(self) -> Mapping[str, float]:
        """What was selected in training, such as C."""

    def __call__(self, features: Float[np.ndarray, "record ..."], /) -> Float[np.ndarray, "record class"]:
        """Return the log-odds of each class."""


@dataclass(frozen=True)
class Kind:
    """A kind of probe.

    Attributes:
        cell: the kind of its cells.
        fit: fits a probe to features, labels and patients, with `seed` and `device`.
        options: the values that are selected from.
        frames: whether it reads the frames of the encoder instead of the embeddings.
    """

    cell: str
    fit: Callable[..., Fitted]
    options: Mapping[str, Sequence[float]]
    frames: bool = False


KINDS = {
    "linear": Kind("probe", fit_probe, {"C": C_VALUES}),
    "neighbours": Kind("knn", fit_neighbours, {"k": K_VALUES}),
    "attentive": Kind("attentive", fit_attentive, {"steps": STEPS}, frames=True),
}


def probe(
    model: Model,
    store: Store,
    tasks: Sequence[Task],
    *,
    kind: str = "linear",
    fractions: Sequence[float] = (100,),
    seeds: Sequence[int] = (0,),
    folds: Sequence[int] | None = None,
    train_folds: Sequence[int] | None = None,
    train_store: Store | None = None,
    min_positives: int = 1,
    exclude_duplicates: bool = True,
    out: Path | None = None,
) -> list[Evaluation]:
    """Evaluate a frozen model on tasks by probes, one per fraction of the training labels and seed.

    Each record is embedded once for all tasks.

    Args:
        model: a loaded model folder.
        store: the records.
        tasks: classes and labels.
        kind: one of `KINDS`.
        fractions: shares of the training labels, in per cent; 100 runs with the first seed only.
        seeds: each draws another subset and other parts for selecting, such as C.
        folds: folds to evaluate instead of the tasks' test folds; then all others are trained on.
        train_folds: folds to train on.
        train_store: the records to train on, for tasks whose corpus has test records only.
        min_positives: classes with fewer positives do not count in the macro mean.
        exclude_duplicates: see `split_records`.
        out: folder of cells; those in it are not computed again, and the others are written to it.

    Raises:
        MelpError: unknown kind, nothing to train on or to evaluate, or a patient is on both sides.
    """
    if kind not in KINDS:
        raise MelpError(f"kind: found {kind!r}, wanted {one_of(kind, KINDS)}")
    settings = KINDS[kind]
    splits = [
        split_records(task, store, folds, train_folds, train_store, exclude_duplicates) for task in tasks
    ]
    _check_splits(tasks, splits, store, train_store)
    cells = [cell_of(settings.cell, model, store, task, train_store) for task in tasks]
    jobs = [
        _job(cell, split, fraction, seed, min_positives, settings)
        for cell, split in zip(cells, splits, strict=True)
        for fraction in fractions
        for seed in (seeds if fraction < 100 else seeds[:1])
    ]

    def evaluate(missing: list[int]) -> Iterator[Evaluation]:
        return _evaluate(model, store, train_store, splits, settings, [jobs[place] for place in missing])

    return evaluate_missing([cell for cell, _, _ in jobs], out, evaluate)


def _evaluate(
    model: Model,
    store: Store,
    train_store: Store | None,
    splits: Sequence[Split],
    settings: Kind,
    jobs: Sequence[Job],
) -> Iterator[Evaluation]:
    """Embed the records of all splits, and yield the evaluation of each job."""
    # All splits, so that the embeddings do not depend on what is missing.
    test = union([split.test for split in splits])
    training = union([split.training.index for split in splits])
    features = _reader(settings, model, store, test if train_store else union([test, training]))
    learned = _reader(settings, model, train_store, training) if train_store else features
    patients = patients_of(train_store or store, training)
    for cell, split, chosen in jobs:
        people = patients.loc[chosen.index].to_numpy()
        inputs = learned(chosen.index), chosen.to_numpy(), people
        fitted = settings.fit(*inputs, seed=cell.seed, device=model.device)
        log_odds = fitted(features(split.test))
        scores = pd.DataFrame(log_odds, index=split.test, columns=split.labels.columns)
        yield evaluate_split(cell, model, store, split, scores, selected=fitted.selected)


def _check_splits(
    tasks: Sequence[Task], splits: Sequence[Split], store: Store, train_store: Store | None
) -> None:
    for task, split in zip(tasks, splits, strict=True):
        _check_training(split, task)
        if train_store is None:
            check_patients(store, split.training.index, split.test)


def _job(cell: Cell, split: Split, fraction: float, seed: int, min_positives: int, kind: Kind) -> Job:
    """Return a cell, its split, and the labels of its training records."""
    chosen = split.training.iloc[stratified_subset(split.training.to_numpy(), fraction, seed)]
    options: dict[str, Any] = {"fraction": fraction, "seed": seed, "n_train": len(chosen)}
    filled = split_cell(cell, split, min_positives=min_positives, options=kind.options, **options)
    return filled, split, chosen


def _reader(
    kind: Kind, model: Model, store: Store, ids: pd.Index
) -> Callable[[pd.Index], Float[np.ndarray, "record ..."]]:
    """Embed the records `ids`; return a function from ids to what a kind of probe reads of them."""
    embed = embed_frames if kind.frames else embed_rows
    values = embed(model, store, rows_of(store, ids))
    return lambda chosen: values[ids.get_indexer(chosen)]


def probe_features(model: Model, store: Store, ids: pd.Index, keep: float | None = None) -> pd.DataFrame:
    """Return the features of the records `ids` for a probe, indexed by id; `keep` as in `map_rows`."""
    return pd.DataFrame(embed_rows(model, store, rows_of(store, ids), keep=keep), index=ids)


def _check_training(split: Split, task: Task) -> None:
    if len(split.training):
        return
    if task.train_corpus != task.corpus and not split.train_folds:
        raise MelpError(
            f"probe: {task.corpus} has test records only and nothing to train on, wanted a store of "
            f"{task.train_corpus} too (--train-data)"
        )
    raise MelpError("probe: no record with a label in the training folds")
