"""The store of results: one file of metrics and one of predictions for each cell of a table.

A cell is what a number belongs to: a model on a task, under a protocol, with a share of the labels and a
seed, trained and evaluated on certain folds of certain stores. Its files are named by a hash of all this:

cells/KEY.json        the cell, the model's pretraining, the metrics, what was selected, messages
cells/KEY.parquet     the predictions: id, class, score, label; one row per record and class

The JSON file is written last: a cell exists when it does. Any number of processes may write to one folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from melp import __version__
from melp.atomic import replacing
from melp.errors import MelpError
from melp.evaluation.leakage import UNKNOWN, Shared

__all__ = [
    "CELLS",
    "METRIC_COLUMNS",
    "Cell",
    "Evaluation",
    "is_written",
    "long_form",
    "metric_table",
    "read_cell",
    "read_cells",
    "read_evaluations",
    "read_predictions",
    "write_cell",
]

CELLS = "cells"
METRIC_COLUMNS = ("metric", "class", "value", "lo", "hi", "n", "positives")
PREDICTION_COLUMNS = ("id", "class", "score", "label")


@dataclass(frozen=True)
class Cell:
    """The settings that decide a number. No path is among them.

    Attributes:
        kind: "zero-shot", "probe", "finetune", "generation" ...
        method: name of the method.
        weights: digest of the weights and of what else of the model decides its embeddings.
        task: name of the task.
        protocol: "corrected" or "paper".
        folds: evaluated folds, such as "9,10"; under "paper" the published file, such as "test".
        train_folds: folds (or the file) that a probe or a classifier is trained on; empty for zero-shot.
        fraction: labels used, in per cent of the training folds; 0 for zero-shot.
        n_train: number of records whose labels are used for training; 0 for zero-shot.
        seed: seed of the subset of labels.
        min_positives: classes with fewer positives do not count in a mean over classes.
        store, train_store: digests of the stores.
        options: whatever else decides the scores, as JSON values.
    """

    kind: str
    method: str
    weights: str
    task: str
    protocol: str = "corrected"
    folds: str = ""
    train_folds: str = ""
    fraction: float = 0.0
    n_train: int = 0
    seed: int = 0
    min_positives: int = 1
    store: str = ""
    train_store: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in ("fraction", "n_train", "seed", "min_positives"):
            object.__setattr__(self, name, (float if name == "fraction" else int)(getattr(self, name)))
        # As they are read back: tuples become lists.
        object.__setattr__(self, "options", json.loads(_canonical(self.options)))

    @cached_property
    def key(self) -> str:
        """Sixteen hexadecimal digits that change with any field."""
        return hashlib.sha256(_canonical(asdict(self)).encode()).hexdigest()[:16]


def _canonical(values: Any) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A cell with its metrics and the scores that they are computed from.

    Attributes:
        cell: the settings.
        metrics: rows with `METRIC_COLUMNS`; `class` is None for a mean over classes, or for the whole.
        model: the pretraining, for tables: name, method, recipe, seed, folder.
        predictions: rows with id, class, score, label, or the columns of another kind.
        selected: what was selected in training, such as C.
        shared: how many of the evaluated records the model was trained on.
        messages: lines for the user.
        version, date: of the evaluation; empty until it is written.
    """

    cell: Cell
    metrics: pd.DataFrame
    model: Mapping[str, Any] = field(default_factory=dict)
    predictions: pd.DataFrame = field(default_factory=pd.DataFrame)
    selected: Mapping[str, Any] = field(default_factory=dict)
    shared: Shared = UNKNOWN
    messages: tuple[str, ...] = ()
    version: str = ""
    date: str = ""

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Scores by id (rows) and class (columns)."""
        return _wide(self.predictions, "score")

    @cached_property
    def labels(self) -> pd.DataFrame:
        """Labels by id (rows) and class (columns)."""
        return _wide(self.predictions, "label")

    def metric(self, name: str = "auroc", of: str | None = None) -> pd.Series:
        """Return the row of a metric of a class, or of the whole."""
        rows = self.metrics[self.metrics["metric"] == name]
        classes = rows["class"]
        return rows[classes.isna() if of is None else classes == of].iloc[0]

    @property
    def left_out(self) -> tuple[str, ...]:
        """The classes that the mean AUROC does not count."""
        if self.cell.protocol == "paper":
            return ()
        rows = self.metrics[(self.metrics["metric"] == "auroc") & self.metrics["class"].notna()]
        counted = rows["value"].notna() & (rows["positives"] >= self.cell.min_positives)
        return tuple(rows["class"][~counted])


def metric_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows of metrics as a table with `METRIC_COLUMNS`, and the further columns that a metric has."""
    return _typed(pd.DataFrame(rows := list(rows), columns=_columns(rows)))


def _columns(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys([*METRIC_COLUMNS, *(name for row in rows for name in row)]))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    numbers = dict.fromkeys(("value", "lo", "hi"), "float64")
    return table.astype({**numbers, "n": "int64", "positives": "Int64", "class": "str"})


def long_form(scores: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Return the predictions of the records and classes of `labels`: id, class, score, label.

    Args:
        scores, labels: one row per record, indexed by id, and one column per class; joined by name.
    """
    scores = scores.loc[labels.index, labels.columns]
    records, classes = labels.shape
    return pd.DataFrame(
        {
            "id": labels.index.astype(str).repeat(classes),
            "class": list(map(str, labels.columns)) * records,
            "score": scores.to_numpy(dtype="float32").ravel(),
            "label": labels.to_numpy(dtype=bool).ravel(),
        }
    )


def _wide(predictions: pd.DataFrame, column: str) -> pd.DataFrame:
    table = predictions.pivot(index="id", columns="class", values=column)
    return table.loc[predictions["id"].unique(), predictions["class"].unique()]


def write_cell(evaluation: Evaluation, folder: Path) -> Path:
    """Write an evaluation to `folder/cells`; return the JSON file."""
    file = _file(folder, evaluation.cell.key)
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = evaluation.metrics.astype(object).where(evaluation.metrics.notna(), None)
    content = {
        "cell": asdict(evaluation.cell),
        "model": dict(evaluation.model),
        "metrics": rows.to_dict("records"),
        "selected": dict(evaluation.selected),
        "shared": asdict(evaluation.shared),
        "messages": list(evaluation.messages),
        "version": __version__,
        "date": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    if len(evaluation.predictions.columns):
        with replacing(file.with_suffix(".parquet"), shared=True) as temporary:
            evaluation.predictions.to_parquet(temporary, index=False)
    with replacing(file, shared=True) as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return file


def is_written(folder: Path, key: str) -> bool:
    """Return whether a cell is in `folder/cells`."""
    return _file(folder, key).is_file()


def read_cell(folder: Path, key: str) -> Evaluation:
    """Return the evaluation of a cell in `folder/cells`.

    Raises:
        MelpError: its files cannot be read.
    """
    file = _file(folder, key)
    content = _read_json(file)
    predictions = file.with_suffix(".parquet")
    return Evaluation(
        cell=Cell(**content["cell"]),
        metrics=metric_table(content["metrics"]),
        model=content["model"],
        predictions=read_predictions(folder, key) if predictions.is_file() else pd.DataFrame(),
        selected=content["selected"],
        shared=Shared(**{**content["shared"], "named": tuple(content["shared"]["named"])}),
        messages=tuple(content["messages"]),
        version=content["version"],
        date=content["date"],
    )


def _file(folder: Path, key: str) -> Path:
    return folder / CELLS / f"{key}.json"


def _read_json(file: Path) -> dict[str, Any]:
    """Return the content of a cell's JSON file."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        Cell(**content["cell"])
        return dict(content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MelpError(f"{file}: found {str(error)[:60]!r}, wanted a cell in JSON") from error


def _files(folder: Path) -> list[Path]:
    return sorted((folder / CELLS).glob("*.json"))


def read_evaluations(folder: Path) -> list[Evaluation]:
    """Return all evaluations in `folder/cells`, by key.

    Raises:
        MelpError: a file is no cell.
    """
    return [read_cell(folder, file.stem) for file in _files(folder)]


def read_cells(folder: Path) -> pd.DataFrame:
    """Return the metrics of all cells in `folder/cells`, one row per metric and class.

    Columns: the fields of `Cell` (`options` as JSON), the pretraining (name, recipe, training_seed), `key`,
    and `METRIC_COLUMNS`. A folder without cells gives a table without rows.

    Raises:
        MelpError: a file is no cell.
    """
    rows = []
    for file in _files(folder):
        content = _read_json(file)
        cell = {**content["cell"], "options": _canonical(content["cell"]["options"])}
        model = content["model"]
        about = {"name": model.get("name"), "recipe": model.get("recipe"), "training_seed": model.get("seed")}
        rows += [{**cell, **about, "key": file.stem, **row} for row in content["metrics"]]
    names = [*(each.name for each in fields(Cell)), "name", "recipe", "training_seed", "key"]
    table = pd.DataFrame(rows, columns=list(dict.fromkeys([*names, *_columns(rows)])))
    return _typed(table)


def read_predictions(folder: Path, key: str) -> pd.DataFrame:
    """Return the predictions of a cell in `folder/cells`: id, class, score, label.

    Raises:
        MelpError: the file cannot be read.
    """
    file = _file(folder, key).with_suffix(".parquet")
    try:
        return pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise MelpError(f"{file}: found {str(error).splitlines()[0]}, wanted predictions") from error
