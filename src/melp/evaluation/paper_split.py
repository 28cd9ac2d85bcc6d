"""Protocol "paper": the records, labels and AUROC of the published code, defects included.

The published loaders (HKU-MedAI/MELP and cheliu-computation/MERL-ICML2024) and this module:

- read the training, validation and test sets from files; for CPSC 2018 and Chapman-Shaoxing-Ningbo these
  are a random split of records that ignores patients;
- read a probe's labels by the position of their column, although the files of `ptbxl_sub_class` differ in
  the order of three columns; zero-shot reads the names from the evaluated file;
- match labels of Chapman-Shaoxing-Ningbo as substrings: every AV block is also a "VB" (ventricular bigeminy);
- draw subsets of the training labels as a plain sample of the file, with seed 42;
- keep the first 5 s of CPSC 2018, followed by zeros, before the signal is scaled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import Cell, Evaluation
from melp.evaluation.digests import labels_digest
from melp.evaluation.evaluate import cell_of, evaluate_scores
from melp.evaluation.split import check_corpus, union
from melp.evaluation.subsets import size_notes
from melp.hub import Model
from melp.tasks import Task
from melp.tasks.published_labels import LabelFile, read_label_files

__all__ = [
    "SEED",
    "PaperSplit",
    "embed_together",
    "evaluate_as_published",
    "paper_cell",
    "sample_as_published",
    "split_as_published",
]

PAPER = "paper"
SEED = 42
_NAMED = 5  # missing records that a note names


@dataclass(frozen=True)
class PaperSplit:
    """The records of the published files that a store contains, with the files' labels, by id.

    Attributes:
        test: of the file that is evaluated; columns as in that file.
        training, validation: of the other files; columns by position, with the names of the training file.
        training_file: ids of all records of the training file, in its order.
        by_position: labels of the test records as a probe's loader reads them: also by position.
        file: the file that is evaluated, "test" or "val".
        digest: of the labels in the files.
        notes: the records that the store lacks, one line per file ("train", "val", "test").
    """

    test: pd.DataFrame
    training: pd.DataFrame
    validation: pd.DataFrame
    training_file: pd.Index
    by_position: pd.DataFrame
    file: str
    digest: str
    notes: dict[str, str]


def split_as_published(task: Task, store: Store, folder: Path, file: str = "test") -> PaperSplit:
    """Divide the records of a store by the published label files of a task.

    Args:
        task: a task with published files.
        store: the records; missing ones are counted in `notes`.
        folder: the folder of the files.
        file: the file to evaluate, "test" or "val".

    Raises:
        MelpError: the files cannot be read, the store contains another corpus, or nothing to evaluate.
    """
    files = read_label_files(folder, task)
    check_corpus(task, store, task.corpus)
    ids = pd.Index(store.column("id"))
    stored = {split: part.labels[part.labels.index.isin(ids)] for split, part in files.items()}
    if not len(stored[file]):
        raise MelpError(
            f"{store.path}: found none of the {len(files[file].labels)} records of {files[file].path}"
        )
    names = files["train"].labels.columns
    return PaperSplit(
        test=stored[file],
        training=stored["train"],
        validation=stored["val"].set_axis(names, axis=1),
        training_file=files["train"].labels.index,
        by_position=stored[file].set_axis(names, axis=1),
        file=file,
        digest=labels_digest(*(part.labels for part in files.values())),
        notes={
            split: _missing(part, ids, store)
            for split, part in files.items()
            if len(stored[split]) < len(part.labels)
        },
    )


def _missing(file: LabelFile, stored: pd.Index, store: Store) -> str:
    ids = file.labels.index
    missing = ids[~ids.isin(stored)].tolist()
    named = ", ".join(missing[:_NAMED]) + (", ..." if len(missing) > _NAMED else "")
    return f"{file.path.name}: {len(missing)} of {len(ids)} records are not in {store.path} ({named})"


def sample_as_published(ids: pd.Index, percent: float) -> pd.Index:
    """Return the published subset of a training file: `DataFrame.sample` with seed 42."""
    return pd.Index(ids.to_series().sample(frac=percent / 100, random_state=SEED))


def embed_together(
    tasks: Sequence[Task],
    ids: Sequence[pd.Index],
    embed: Callable[[pd.Index, float | None], pd.DataFrame],
) -> list[pd.DataFrame]:
    """Return embeddings of the records of each task; each record is embedded once for all tasks.

    Args:
        tasks: each with the seconds of a recording that the published loaders keep.
        ids: the records of each task.
        embed: returns the embeddings of records, by id, of their first seconds (None: of all).
    """
    keeps = [task.published.seconds if task.published else None for task in tasks]
    records: dict[float | None, pd.Index] = {}
    for keep, part in zip(keeps, ids, strict=True):
        records[keep] = union([records[keep], part]) if keep in records else part
    embedded = {keep: embed(together, keep) for keep, together in records.items()}
    return [embedded[keep].loc[part] for keep, part in zip(keeps, ids, strict=True)]


def paper_cell(
    kind: str,
    model: Model,
    store: Store,
    task: Task,
    split: PaperSplit,
    *,
    fraction: float = 0,
    n_train: int = 0,
    options: Mapping[str, Any] | None = None,
) -> Cell:
    """Return the cell of an evaluation as published.

    `fraction` and `n_train` are the share, in per cent, and the number of the training records that are used;
    `options` is what the scores depend on besides the model.
    """
    cell = cell_of(kind, model, store, task)
    return replace(
        cell,
        protocol=PAPER,
        fraction=fraction,
        n_train=n_train,
        seed=SEED if fraction else 0,
        folds=split.file,
        train_folds="train" if fraction else "",
        options={**cell.options, "files": split.digest, **(options or {})},
    )


def evaluate_as_published(
    cell: Cell,
    model: Model,
    store: Store,
    split: PaperSplit,
    scores: pd.DataFrame,
    labels: pd.DataFrame,
    notes: Sequence[str] = (),
    **further: Any,
) -> Evaluation:
    """Evaluate `scores` over the records of `labels`; a class without a positive or a negative counts 0.

    `notes` are lines for the user, and `further` other fields of the evaluation, such as `selected`.
    """
    trained = bool(cell.fraction)
    notes = [*notes, *(note for name, note in split.notes.items() if trained or name == split.file)]
    if trained:
        notes += size_notes(cell.task, cell.fraction, cell.n_train, len(split.training))
    empty = labels.columns[~labels.any()]
    if len(empty):
        notes.append(
            f"{cell.task}: no positive of {', '.join(empty)} among the records evaluated; these count 0"
        )
    return evaluate_scores(cell, model, store, scores, labels, notes, {"empty_as_zero": True}, **further)
