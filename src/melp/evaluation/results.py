"""Results in one file: a JSON line for each number, and the predictions, made from the cells of a folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from melp.errors import MelpError
from melp.evaluation.cells import PREDICTION_COLUMNS, Evaluation, read_evaluations
from melp.evaluation.files import replacing

__all__ = ["copy_results", "export_results", "read_results", "read_rows"]

RESULTS = "results.jsonl"
PREDICTIONS = "predictions.parquet"
_CELL = ("method", "checkpoint", "task", "protocol", "fraction", "seed", "folds", "train_folds")


def read_results(folder: Path) -> pd.DataFrame:
    """Return the numbers of all cells in `folder/cells`, one row each; empty if there are none.

    The columns are those of a line of `results.jsonl`: method, checkpoint (the model folder), task, protocol,
    fraction, seed, folds, train_folds; metric (such as "auroc_macro" and "auroc/AFIB"), value, lo, hi, n,
    n_train, left_out, shared_records, shared_patients, version, config_hash (the key of the cell), date.
    """
    return pd.DataFrame(_lines(_evaluations(folder)))


def export_results(folder: Path) -> tuple[Path, Path]:
    """Write `results.jsonl` and `predictions.parquet` from the cells in `folder/cells`; return both files.

    Predictions have one row per record and class: the first eight columns of the results, id, class, score,
    label.

    Raises:
        MelpError: the folder has no cells.
    """
    evaluations = _evaluations(folder)
    if not evaluations:
        raise MelpError(f"{folder}: found no cells, wanted the --out of an evaluation")
    results, predictions = folder / RESULTS, folder / PREDICTIONS
    _write_lines(_lines(evaluations), results)
    with replacing(predictions) as temporary:
        pd.concat([_predictions(one) for one in evaluations], ignore_index=True).to_parquet(temporary)
    return results, predictions


def read_rows(file: Path) -> pd.DataFrame:
    """Return the results in a file of JSON lines.

    Raises:
        MelpError: a line is not a result.
    """
    lines = []
    for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            line = json.loads(text)
            _ = [line[name] for name in (*_CELL, "metric")]
        except (ValueError, KeyError, TypeError) as error:
            raise MelpError(f"{file}:{number}: found {text[:40]!r}, wanted a result in JSON") from error
        lines.append(line)
    return pd.DataFrame(lines)


def copy_results(folders: Iterable[Path], file: Path) -> None:
    """Write the results in a run's folders to one file, without the paths of this machine."""
    evaluations = [one for folder in folders for one in _evaluations(folder)]
    _write_lines(({**line, "checkpoint": file.stem} for line in _lines(evaluations)), file)


def _evaluations(folder: Path) -> list[Evaluation]:
    """Return the evaluations of a folder in the order in which they were written."""
    return sorted(read_evaluations(folder), key=lambda one: one.date)


def _write_lines(lines: Iterable[Mapping[str, Any]], file: Path) -> None:
    with replacing(file) as temporary:
        temporary.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _lines(evaluations: Iterable[Evaluation]) -> list[dict[str, Any]]:
    return [line for one in evaluations for line in _lines_of(one)]


def _lines_of(one: Evaluation) -> Iterable[dict[str, Any]]:
    of_classes = set(one.metrics["metric"][one.metrics["class"].notna()])
    for row in one.metrics[one.metrics["value"].notna()].to_dict("records"):
        mean = pd.isna(row["class"]) and row["metric"] in of_classes
        whole = f"{row['metric']}_macro" if mean else row["metric"]
        yield {
            **_about(one),
            "metric": whole if pd.isna(row["class"]) else f"{row['metric']}/{row['class']}",
            **{name: None if pd.isna(row[name]) else row[name] for name in ("value", "lo", "hi")},
            "n": int(row["n"]),
            "n_train": one.cell.n_train,
            "left_out": list(one.left_out) if mean else [],
            "shared_records": one.shared.records,
            "shared_patients": one.shared.patients,
            "version": one.version,
            "config_hash": one.cell.key,
            "date": one.date,
        }


def _about(one: Evaluation) -> dict[str, Any]:
    checkpoint = {"checkpoint": one.model.get("folder", "")}
    return {name: checkpoint.get(name, getattr(one.cell, name, None)) for name in _CELL}


def _predictions(one: Evaluation) -> pd.DataFrame:
    if not set(PREDICTION_COLUMNS) <= set(one.predictions.columns):
        return pd.DataFrame(columns=[*_CELL, *PREDICTION_COLUMNS])
    return one.predictions[list(PREDICTION_COLUMNS)].assign(**_about(one))[[*_CELL, *PREDICTION_COLUMNS]]
