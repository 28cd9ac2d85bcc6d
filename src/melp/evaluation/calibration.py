"""Calibration: from the scores of a model on a task to probabilities.

The log-odds of a class are a line in its score, fitted for each class by logistic regression on records that
the model was not trained on (Platt, 1999: the inverse of a temperature, and a bias). A model folder keeps
them in `config.json`, as `calibration`, by task.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float

from melp.data.store import Store
from melp.errors import MelpError, dataclass_from_dict
from melp.evaluation.digests import digest
from melp.evaluation.embed import map_rows, rows_of
from melp.evaluation.prompts import prompts_for
from melp.evaluation.scorers import Scorer, task_scorer
from melp.evaluation.split import in_folds, join_folds, labels_of, patients_of
from melp.hub import Model
from melp.hub.folder import CONFIG, read_config, write_text
from melp.tasks import Task

__all__ = ["Line", "apply_lines", "calibrate", "calibrated_tasks", "fit_line", "lines_of"]

LEAST = 5
"""Fewest positives, and negatives, for a class to be calibrated."""
_WEAK = 100.0  # inverse strength of the penalty on the slope, which bounds it where a score separates a class


@dataclass(frozen=True)
class Line:
    """Log-odds of a class: `slope * score + bias`.

    Attributes:
        slope, bias: the line.
        threshold: probability at which the sum of sensitivity and specificity was greatest in the fit.
        positives: number of positives among these records.
    """

    slope: float
    bias: float
    threshold: float
    positives: int


def fit_line(score: Float[np.ndarray, " record"], label: Bool[np.ndarray, " record"]) -> Line:
    """Fit the log-odds of a class to its scores, by logistic regression."""
    from scipy.special import expit
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_curve

    # In units of its deviation, so that the penalty is equally weak for cosines and logits.
    centre, deviation = float(score.mean()), max(float(score.std()), 1e-12)
    fitted = LogisticRegression(C=_WEAK).fit(((score - centre) / deviation)[:, None], label)
    slope = float(fitted.coef_[0, 0]) / deviation
    line = Line(slope, float(fitted.intercept_[0]) - slope * centre, 0.0, int(label.sum()))
    false, true, thresholds = roc_curve(label, expit(line.slope * score + line.bias))
    return Line(**{**asdict(line), "threshold": float(min(thresholds[np.argmax(true - false)], 1.0))})


def apply_lines(
    scores: Float[np.ndarray, "record label"], names: Sequence[str], lines: Mapping[str, Line]
) -> Float[np.ndarray, "record label"]:
    """Return the calibrated probability of each label; NaN for one that is not in `lines`."""
    slope, bias = (
        np.array([getattr(lines[name], part) if name in lines else np.nan for name in names])
        for part in ("slope", "bias")
    )
    return torch.from_numpy(slope * scores + bias).sigmoid().numpy()


def calibrated_tasks(model: Model) -> list[str]:
    """Return the names of the tasks for which a model is calibrated."""
    return list(model.config.get("calibration", {}))


def lines_of(model: Model, task: Task) -> dict[str, Line]:
    """Return the lines of the classes of a task; none if the model is not calibrated for it.

    Raises:
        MelpError: the model was calibrated for other prompts.
    """
    entry = model.config.get("calibration", {}).get(task.name)
    if entry is None:
        return {}
    if entry["prompts"] != _prompts_digest(model, task):
        raise MelpError(
            f"{model.folder}: calibrated for other prompts of {task.name}, wanted these; run `melp calibrate`"
        )
    return {
        name: dataclass_from_dict(Line, f"calibration.{task.name}", line)
        for name, line in entry["classes"].items()
    }


def calibrate(
    model: Model,
    store: Store,
    task: Task,
    folds: Sequence[int] | None = None,
    test_folds: Sequence[int] = (),
) -> tuple[pd.DataFrame, list[str]]:
    """Calibrate a model for a task on records that it was not trained on, and write this to its folder.

    Args:
        model: a loaded model folder; `model.config` is changed as well.
        store: the records.
        task: the classes, labels and prompts.
        folds: folds to fit on; default: the task's validation folds.
        test_folds: folds to judge on; none for no judgement.

    Returns:
        One row per class (and the mean): the number of positives, slope, bias and threshold; and Brier score
        and calibration error on the test folds before (of the sigmoid of the score), with the frequency of
        the class in the fit as its probability, and after. And lines about classes that are not calibrated.

    Raises:
        MelpError: no class has enough records, or a fold is on both sides.
    """
    fitted_on = tuple(folds or task.validation_folds)
    if both := set(fitted_on) & set(test_folds):
        raise MelpError(f"folds: {join_folds(sorted(both))} both fitted and judged on")
    scorer = task_scorer(model, task)
    scores, labels = _scored(model, store, task, scorer, fitted_on)
    names = list(map(str, labels))
    enough = [name for name in names if LEAST <= labels[name].sum() <= len(labels) - LEAST]
    if not enough:
        raise MelpError(f"{store.path}: no class of {task.name} with {LEAST} positives and {LEAST} negatives")
    lines = {name: fit_line(scores[name].to_numpy(), labels[name].to_numpy()) for name in enough}
    entry = {
        "folds": list(fitted_on),
        "records": len(labels),
        "prompts": _prompts_digest(model, task),
        "classes": {name: asdict(line) for name, line in lines.items()},
    }
    table = pd.DataFrame([asdict(line) for line in lines.values()], index=pd.Index(enough, name="class"))
    if test_folds:
        judged = _scored(model, store, task, scorer, test_folds)
        table = table.join(_judge(store, *judged, labels.mean(), lines), how="outer")
        table["positives"] = table["positives"].astype("Int64")
    _write(model, task.name, entry)
    left_out = [name for name in names if name not in enough]
    few = f"{task.name}: not calibrated (fewer than {LEAST} positives or negatives): {', '.join(left_out)}"
    return table, [few] if left_out else []


def _scored(
    model: Model, store: Store, task: Task, scorer: Scorer, folds: Sequence[int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return scores and labels of the records of some folds, by id."""
    labels = in_folds(labels_of(task, store, task.corpus), store, folds)
    if labels.empty:
        raise MelpError(f"{store.path}: no record with a label of {task.name} in folds {join_folds(folds)}")
    parts = map_rows(model, store, rows_of(store, labels.index), scorer.score)
    return pd.DataFrame(np.concatenate(parts), labels.index, list(scorer.names)), labels


def _judge(
    store: Store,
    scores: pd.DataFrame,
    labels: pd.DataFrame,
    frequency: pd.Series,
    lines: Mapping[str, Line],
) -> pd.DataFrame:
    """Return Brier score and calibration error of each calibrated class, and their means (NaN as class)."""
    from scipy.special import expit

    from melp.evaluation.metrics import metric_rows

    names = list(lines)
    columns = {
        "before": scores[names].map(expit),
        "frequency": scores[names] * 0 + frequency[names],
        "after": pd.DataFrame(apply_lines(scores[names].to_numpy(), names, lines), scores.index, names),
    }
    patients = patients_of(store, labels.index)
    measures = {"brier": "Brier", "calibration_error": "ECE"}
    parts = {}
    for when, values in columns.items():
        rows = metric_rows(
            values, labels[names], patients, metrics=tuple(measures), probabilities=True, resamples=1
        )
        for metric, title in measures.items():
            of_metric = rows[rows["metric"] == metric]
            parts[f"{title} {when}"] = of_metric.set_index(of_metric["class"].fillna("mean"))["value"]
    return pd.DataFrame(parts)


def _write(model: Model, task: str, entry: Mapping[str, object]) -> None:
    config = read_config(model.folder)
    config["calibration"] = {**config.get("calibration", {}), task: entry}
    write_text(model.folder / CONFIG, json.dumps(config, indent=2) + "\n")
    model.config["calibration"] = config["calibration"]


def _prompts_digest(model: Model, task: Task) -> str:
    return "" if "classes" in model.config else digest(prompts_for(model, task))
