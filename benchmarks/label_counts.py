"""Positives of each class and split: in the published label files, and by exact code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from melp.corpora import Options, get_corpus
from melp.tasks import Task, get_task
from melp.tasks.published_labels import SPLITS, LabelFile, read_label_files

PTB_XL = ("ptbxl-super", "ptbxl-sub", "ptbxl-form", "ptbxl-rhythm")
TASKS = (*PTB_XL, "cpsc2018", "csn")
FOLDS = {"train": range(1, 9), "val": (9,), "test": (10,)}


@dataclass(frozen=True)
class Counted:
    """A task with its labels by split: as published, and by exact code.

    By exact code means, for PTB-XL, all records of the database at hand; for CPSC 2018 the records of the
    files by the challenge's reference table; for Chapman-Shaoxing-Ningbo the records of the files by whole
    acronyms of their column `diagnose`.
    """

    task: Task
    files: Mapping[str, LabelFile]
    exact: Mapping[str, pd.DataFrame]

    def published(self, split: str) -> pd.DataFrame:
        """Labels of a file, columns in the order of the task."""
        return self.files[split].labels[list(self.task.classes)]


def count(published: Path, raw: Mapping[str, Path]) -> tuple[dict[str, Counted], dict[str, pd.DataFrame]]:
    """All tasks that have label files; id, fold and labels of the records in `raw`, a folder a corpus."""
    indices = {name: _index(name, folder) for name, folder in raw.items()}
    counted = {}
    for name in TASKS:
        task = get_task(name)
        files = read_label_files(published, task)
        if name in PTB_XL:
            exact = by_fold(task, indices["ptb-xl"])
        elif name == "cpsc2018":
            labels = task.labels(indices["cpsc2018"])
            exact = {split: labels.loc[file.labels.index] for split, file in files.items()}
        else:
            exact = {split: _by_diagnose(task, file) for split, file in files.items()}
        counted[name] = Counted(task, files, exact)
    return counted, indices


def _index(corpus: str, raw: Path) -> pd.DataFrame:
    entries = get_corpus(corpus).list_entries(raw, Options()).entries
    rows = [(entry.id, entry.fold, list(entry.labels)) for entry in entries]
    return pd.DataFrame(rows, columns=["id", "fold", "labels"])


def by_fold(task: Task, index: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Labels by exact code in folds 1 to 8, 9 and 10."""
    labels = task.labels(index)
    fold = index.set_index("id")["fold"].loc[labels.index]
    return {split: labels[fold.isin(folds)] for split, folds in FOLDS.items()}


def codes_of(file: LabelFile) -> list[list[str]]:
    """Acronyms of each record in the column `diagnose`."""
    return [str(text).split(",") for text in file.about["diagnose"]]


def _by_diagnose(task: Task, file: LabelFile) -> pd.DataFrame:
    ids = file.labels.index
    found = task.labels(pd.DataFrame({"id": ids, "labels": codes_of(file)}))
    return found.reindex(ids, fill_value=False)


def check(counted: Mapping[str, Counted], counts: Mapping[str, Any]) -> int:
    """Compares with a count made elsewhere, and tells how many numbers agreed; ends where one does not."""
    numbers = 0
    for each in counted.values():
        assert each.task.published is not None
        known = counts[each.task.published.files]
        for place, split in enumerate(SPLITS):
            if list(each.files[split].labels.columns) != known["column_order"][split]:
                raise SystemExit(f"{each.task.name}, {split}: another order of columns")
            sides = [(each.published(split), known["positives"])]
            sides += [(each.exact[split], known["exact_token_match"])] if "exact_token_match" in known else []
            found, wanted = [len(each.published(split))], [known["n"][split]]
            for labels, positives in sides:
                found += labels.sum().tolist()
                wanted += [positives[name][place] for name in each.task.classes]
            if found != wanted:
                raise SystemExit(f"{each.task.name}, {split}: {found} found, wanted {wanted}")
            numbers += len(found)
    return numbers
