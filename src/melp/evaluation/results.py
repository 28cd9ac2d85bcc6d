"""Result files: one JSON line per cell and metric, and the predictions of each cell.

A cell of a table is a method's checkpoint on a task, under a protocol, with a share of the labels and a seed,
trained and evaluated on certain folds; it has metrics. Writing a cell again replaces it. Any number of
processes may write to one folder; each waits for the others.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pandas as pd

from melp import __version__
from melp.errors import MelpError
from melp.evaluation.files import replacing

__all__ = [
    "Cell",
    "Result",
    "config_hash",
    "copy_results",
    "read_predictions",
    "read_results",
    "write_predictions",
    "write_results",
]

RESULTS = "results.jsonl"
PREDICTIONS = "predictions.parquet"


@dataclass(frozen=True)
class Cell:
    """The settings of an evaluation.

    Attributes:
        method: name of the method.
        checkpoint: the model folder.
        task: name of the task.
        protocol: "corrected" or "paper".
        fraction: labels used, in per cent of the training folds; 0 for zero-shot.
        seed: seed of the subset of labels.
        folds: evaluated folds, such as "9,10"; under "paper" the published file, such as "test".
        train_folds: folds (or the file) that the probe is trained on; empty for zero-shot.
    """

    method: str
    checkpoint: str
    task: str
    protocol: str = "corrected"
    fraction: float = 0
    seed: int = 0
    folds: str = ""
    train_folds: str = ""


KEY = tuple(field.name for field in fields(Cell))


@dataclass(frozen=True)
class Result:
    """One number of a cell.

    Attributes:
        cell, metric: what the number measures.
        value, lo, hi: from 0 to 1; the 95 % interval is None if there is none.
        n: the number of evaluated records.
        left_out: the classes that a macro mean does not count.
        config_hash: hash of the model's configuration and the options.
        shared_records, shared_patients: how many of the evaluated records, and of their patients, the model
            was trained on; None if unknown.
        n_train: the number of records whose labels were used for training; 0 for zero-shot.
    """

    cell: Cell
    metric: str
    value: float
    n: int
    lo: float | None = None
    hi: float | None = None
    left_out: Sequence[str] = ()
    config_hash: str = ""
    shared_records: int | None = None
    shared_patients: int | None = None
    n_train: int = 0

    def line(self, date: str) -> dict[str, Any]:
        """Return the fields of the JSON line."""
        return {
            **asdict(self.cell),
            "metric": self.metric,
            "value": _finite(self.value),
            "lo": _finite(self.lo),
            "hi": _finite(self.hi),
            "n": self.n,
            "n_train": self.n_train,
            "left_out": list(self.left_out),
            "shared_records": self.shared_records,
            "shared_patients": self.shared_patients,
            "version": __version__,
            "config_hash": self.config_hash,
            "date": date,
        }


def _finite(value: float | None) -> float | None:
    # JSON has no NaN.
    return None if value is None or not math.isfinite(value) else float(value)


def config_hash(*parts: Mapping[str, Any]) -> str:
    """Return twelve hexadecimal digits that change with any value in `parts`."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def read_results(folder: Path, name: str = RESULTS) -> pd.DataFrame:
    """Return all results in `folder/name`; empty if the file does not exist.

    Raises:
        MelpError: a line is not a result.
    """
    return pd.DataFrame(_lines(folder / name))


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            line = json.loads(text)
            _key(line)
        except (ValueError, KeyError, TypeError) as error:
            raise MelpError(f"{path}:{number}: found {text[:40]!r}, wanted a result in JSON") from error
        lines.append(line)
    return lines


def _key(line: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(line[name] for name in (*KEY, "metric"))


def write_results(results: Iterable[Result], folder: Path) -> None:
    """Add results to `folder/results.jsonl`, replacing those of the same cells.

    All metrics of a cell are replaced together, so that a class left out this time leaves no old line behind.
    """
    date = datetime.now(UTC).isoformat(timespec="seconds")
    new = [result.line(date) for result in results]
    cells = {tuple(line[name] for name in KEY) for line in new}
    path = folder / RESULTS
    with replacing(path) as temporary:
        kept = [line for line in _lines(path) if tuple(line[name] for name in KEY) not in cells]
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept + new), encoding="utf-8")


def copy_results(folders: Iterable[Path], file: Path) -> None:
    """Copy the results in a run's folders to one file, without the paths of this machine."""
    lines = [line | {"checkpoint": file.stem} for folder in folders for line in _lines(folder / RESULTS)]
    with replacing(file) as temporary:
        temporary.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def write_predictions(tables: Iterable[tuple[Cell, pd.DataFrame, pd.DataFrame]], folder: Path) -> None:
    """Add predictions to `folder/predictions.parquet`, replacing those of the same cells.

    The file has one row per record and class: the fields of the cell, id, class, score, label.

    Args:
        tables: cell, scores and labels; both tables have one row per record, indexed by id, and one column
            per class.
        folder: the folder to write to.
    """
    parts = [_long(*table) for table in tables]
    if not parts:
        return
    new = pd.concat(parts, ignore_index=True)
    path = folder / PREDICTIONS
    with replacing(path) as temporary:
        if path.is_file():
            old = pd.read_parquet(path)
            cells = pd.MultiIndex.from_frame(new[list(KEY)].drop_duplicates())
            kept = old[~pd.MultiIndex.from_frame(old[list(KEY)]).isin(cells)]
            new = pd.concat([kept, new], ignore_index=True)
        new.to_parquet(temporary)


def read_predictions(folder: Path) -> list[tuple[Cell, pd.DataFrame, pd.DataFrame]]:
    """Return the cells of `folder/predictions.parquet`, each with its scores and labels.

    Both tables have one row per record, indexed by id, and one column per class, sorted by name.
    """
    predictions = []
    for key, rows in pd.read_parquet(folder / PREDICTIONS).groupby(list(KEY)):
        scores, labels = (
            rows.pivot(index="id", columns="class", values=column) for column in ("score", "label")
        )
        predictions.append((Cell(*cast(tuple[Any, ...], key)), scores, labels))
    return predictions


def _long(cell: Cell, scores: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    scores = scores.loc[labels.index, labels.columns]
    records, classes = labels.shape
    table = pd.DataFrame(
        {
            "id": labels.index.astype(str).repeat(classes),
            "class": list(labels.columns) * records,
            "score": scores.to_numpy(dtype="float32").ravel(),
            "label": labels.to_numpy(dtype=bool).ravel(),
        }
    )
    for place, (name, value) in enumerate(asdict(cell).items()):
        table.insert(place, name, float(value) if name == "fraction" else value)
    return table
