"""Protocol "paper": the records and labels of the published label files, defects and all.

What the published loaders do, and this repeats (HKU-MedAI/MELP and cheliu-computation/MERL-ICML2024):

- training, validation and tests are files; for CPSC 2018 and Chapman-Shaoxing-Ningbo they are a random split
  of records, with no regard to patients;
- probes take labels by the position of their column, and the files of `ptbxl_sub_class` differ in the order
  of three columns; zero-shot reads the names from the file that it judges;
- labels of Chapman-Shaoxing-Ningbo are substrings: every AV block is a "VB" (ventricular bigeminy) too;
- subsets of the training labels are a plain sample of the file, with seed 42;
- of CPSC 2018 the first 5 s count, with zeros after them, before the signal is scaled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.judging import check_corpus, union
from melp.tasks import Task
from melp.tasks.published_labels import LabelFile, read_label_files

__all__ = ["PAPER", "SEED", "PaperSplit", "divide_as_published", "embed_together", "sample_as_published"]

PAPER = "paper"
SEED = 42
_NAMED = 5  # missing records that a note names


@dataclass(frozen=True)
class PaperSplit:
    """The records of the published files that a store holds, with the files' labels, by id.

    Attributes:
        judged: of the file that is judged; columns as in that file.
        training, validation: of the other files; columns by position, under the names of the training file.
        training_file: ids of all records of the training file, in its order.
        by_position: labels of the judged records as a probe's loader reads them: by position too.
        file: "test" or "val", which is judged.
        notes: what the store lacks of a file, a line by "train", "val" and "test".
    """

    judged: pd.DataFrame
    training: pd.DataFrame
    validation: pd.DataFrame
    training_file: pd.Index
    by_position: pd.DataFrame
    file: str
    notes: dict[str, str]


def divide_as_published(task: Task, store: Store, folder: Path, file: str = "test") -> PaperSplit:
    """Divides the records of a store by the published label files of a task.

    Args:
        task: one with published files.
        store: where the records lie; those that it lacks are counted in `notes`.
        folder: holds the files.
        file: which is judged, "test" or "val".

    Raises:
        MelpError: the files cannot be read, the store holds another corpus, or nothing to judge.
    """
    files = read_label_files(folder, task)
    check_corpus(task, store, task.corpus)
    known = pd.Index(store.column("id"))
    found = {split: each.labels[each.labels.index.isin(known)] for split, each in files.items()}
    if not len(found[file]):
        raise MelpError(
            f"{store.path}: holds none of the {len(files[file].labels)} records of {files[file].path}"
        )
    names = files["train"].labels.columns
    return PaperSplit(
        judged=found[file],
        training=found["train"],
        validation=found["val"].set_axis(names, axis=1),
        training_file=files["train"].labels.index,
        by_position=found[file].set_axis(names, axis=1),
        file=file,
        notes={
            split: _missing(each, known, store)
            for split, each in files.items()
            if len(found[split]) < len(each.labels)
        },
    )


def _missing(file: LabelFile, known: pd.Index, store: Store) -> str:
    ids = file.labels.index
    missing = ids[~ids.isin(known)].tolist()
    named = ", ".join(missing[:_NAMED]) + (", ..." if len(missing) > _NAMED else "")
    return f"{file.path.name}: {len(missing)} of {len(ids)} records are not in {store.path} ({named})"


def sample_as_published(ids: pd.Index, percent: float) -> pd.Index:
    """The published subset of a training file: `DataFrame.sample` with seed 42, rare classes or not."""
    return pd.Index(ids.to_series().sample(frac=percent / 100, random_state=SEED))


def embed_together(
    tasks: Sequence[Task],
    ids: Sequence[pd.Index],
    embed: Callable[[pd.Index, float | None], pd.DataFrame],
) -> list[pd.DataFrame]:
    """Embeddings of the records of each task, each record once for all tasks.

    Args:
        tasks: they say how many seconds of a recording the published loaders keep.
        ids: the records of each task.
        embed: gives the embeddings of records, by id, of their first so many seconds (None: of all).
    """
    keeps = [task.published.seconds if task.published else None for task in tasks]
    wanted: dict[float | None, pd.Index] = {}
    for keep, each in zip(keeps, ids, strict=True):
        wanted[keep] = union([wanted[keep], each]) if keep in wanted else each
    found = {keep: embed(together, keep) for keep, together in wanted.items()}
    return [found[keep].loc[each] for keep, each in zip(keeps, ids, strict=True)]
