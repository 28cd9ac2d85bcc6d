"""Read the label files published by MERL and MELP, including their defects.

Each task has a CSV file for training, validation and tests: columns about the record, then one column of 0
and 1 per class. Both repositories have the same files, except for an empty line in MERL's `chapman_test.csv`.
The files of a task may differ in the order of columns (`ptbxl_sub_class`), and labels may be derived from
substrings (in `chapman`, AFIB also counts as AF).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from melp.errors import MelpError
from melp.io.tables import read_csv
from melp.tasks import Task

__all__ = ["SPLITS", "LabelFile", "read_label_files"]

SPLITS = ("train", "val", "test")
# The column with the record's name, and the number of columns before those of the classes.
_RECORD_COLUMNS = {"ecg_path": 3, "filename": 7, "ecg_id": 6}


@dataclass(frozen=True)
class LabelFile:
    """One published file.

    Attributes:
        path: the file.
        labels: booleans; rows are records, indexed by their id in a store ("1", "A0001", "JS00001"), columns
            are classes, both in the file's order.
        about: the columns before those of the classes, with the same rows.
    """

    path: Path
    labels: pd.DataFrame
    about: pd.DataFrame


def read_label_files(folder: Path, task: Task) -> dict[str, LabelFile]:
    """Read the published label files of a task, by "train", "val" and "test".

    Args:
        folder: contains the files at any depth, such as a clone of either repository.
        task: a task with published label files.

    Raises:
        MelpError: the task has no such files, or a file is missing, exists in two versions, or has another
            format.
    """
    if task.published is None:
        raise MelpError(f"task {task.name}: no published label files")
    if not folder.is_dir():
        raise MelpError(f"{folder}: no such folder, wanted the label files of MERL or MELP")
    names = {split: f"{task.published.files}_{split}.csv" for split in SPLITS}
    return {split: _read(_find(folder, name), task) for split, name in names.items()}


def _find(folder: Path, name: str) -> Path:
    copies = sorted(path for path in folder.rglob(name) if path.is_file())
    if not copies:
        raise MelpError(f"{folder}: no {name} found, wanted the label files of MERL or MELP")
    content = copies[0].read_bytes().lstrip()
    for copy in copies[1:]:
        if copy.read_bytes().lstrip() != content:
            raise MelpError(f"{copy}: differs from {copies[0]}, wanted one {name}")
    return copies[0]


def _read(path: Path, task: Task) -> LabelFile:
    table = read_csv(path, low_memory=False)
    column = next((name for name in _RECORD_COLUMNS if name in table.columns), None)
    if column is None:
        raise MelpError(f"{path}: no column {' or '.join(_RECORD_COLUMNS)}, wanted a published label file")
    about, labels = table.iloc[:, : _RECORD_COLUMNS[column]], table.iloc[:, _RECORD_COLUMNS[column] :]
    if set(labels.columns) != set(task.classes):
        different = ", ".join(sorted(set(labels.columns) ^ set(task.classes)))
        raise MelpError(f"{path}: classes differ from those of {task.name} ({different})")
    if not labels.isin([0, 1]).all(axis=None):
        raise MelpError(f"{path}: found other labels, wanted 0 and 1")
    names = table[column].astype(str)
    # "/chapman/WFDBRecords/08/089/JS08246.mat" becomes "JS08246".
    ids = pd.Index([name.rpartition("/")[2].removesuffix(".mat") for name in names], name="id")
    if not ids.is_unique:
        raise MelpError(f"{path}: {column} {ids[ids.duplicated()][0]} found twice, wanted unique records")
    return LabelFile(path, labels.astype(bool).set_index(ids), about.set_index(ids))
