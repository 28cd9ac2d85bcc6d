"""The label files that MERL and MELP publish, read as they are, defects and all.

Each task has one CSV for training, one for validation, one for tests: columns about the record, then one
column of 0 and 1 a class. Both repositories ship the same bytes, but for an empty line (MERL's
`chapman_test.csv`). The files of a task may differ in the order of columns (`ptbxl_sub_class`) and hold
labels by substring (`chapman`, where AFIB counts as AF too).
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
# The column that names the record, and how many columns come before those of the classes.
_RECORD = {"ecg_path": 3, "filename": 7, "ecg_id": 6}


@dataclass(frozen=True)
class LabelFile:
    """One published file.

    Attributes:
        path: where it lies.
        labels: one row of booleans a record in the file's order, indexed by the record's id in a store
            ("1", "A0001", "JS00001"); one column a class in the file's order.
        about: the columns before those of the classes, row by row the same.
    """

    path: Path
    labels: pd.DataFrame
    about: pd.DataFrame


def read_label_files(folder: Path, task: Task) -> dict[str, LabelFile]:
    """The published label files of a task, by "train", "val" and "test".

    Args:
        folder: holds the files, at any depth: a clone of either repository, or the files alone.
        task: one that has such files.

    Raises:
        MelpError: the task has none, a file is absent, there twice with other content, or not of this form.
    """
    if task.published is None:
        raise MelpError(f"task {task.name}: has no published label files")
    if not folder.is_dir():
        raise MelpError(f"{folder}: no such folder, wanted the label files of MERL or MELP")
    names = {split: f"{task.published.files}_{split}.csv" for split in SPLITS}
    return {split: _read(_find(folder, name), task) for split, name in names.items()}


def _find(folder: Path, name: str) -> Path:
    found = sorted(path for path in folder.rglob(name) if path.is_file())
    if not found:
        raise MelpError(f"{folder}: no {name} in it, wanted the label files of MERL or MELP")
    first, content = found[0], found[0].read_bytes().lstrip()
    for other in found[1:]:
        if other.read_bytes().lstrip() != content:
            raise MelpError(f"{other}: differs from {first}, wanted one {name}")
    return first


def _read(path: Path, task: Task) -> LabelFile:
    table = read_csv(path, low_memory=False)
    column = next((name for name in _RECORD if name in table.columns), None)
    if column is None:
        raise MelpError(f"{path}: no column {' or '.join(_RECORD)}, wanted a published label file")
    about, labels = table.iloc[:, : _RECORD[column]], table.iloc[:, _RECORD[column] :]
    if set(labels.columns) != set(task.classes):
        different = ", ".join(sorted(set(labels.columns) ^ set(task.classes)))
        raise MelpError(f"{path}: classes other than those of {task.name} ({different})")
    if not labels.isin([0, 1]).all(axis=None):
        raise MelpError(f"{path}: found labels other than 0 and 1")
    names = table[column].astype(str)
    # Of "/chapman/WFDBRecords/08/089/JS08246.mat" the record's name.
    ids = pd.Index([name.rpartition("/")[2].removesuffix(".mat") for name in names], name="id")
    if not ids.is_unique:
        raise MelpError(f"{path}: {column} {ids[ids.duplicated()][0]} comes twice")
    return LabelFile(path, labels.astype(bool).set_index(ids), about.set_index(ids))
