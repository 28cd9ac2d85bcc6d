"""Rank labels for recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from melp.answers.batches import Answered, ask, finish
from melp.answers.sources import Reading, Recordings
from melp.errors import MelpError
from melp.evaluation.calibration import Line, apply_lines, calibrated_tasks, lines_of
from melp.evaluation.scorers import SIMILARITY, Scorer, class_scorer, label_scorer, task_scorer
from melp.hub import Model
from melp.reports.findings import statement_findings
from melp.tasks import get_task

__all__ = ["classify", "compare"]

CALIBRATED, PROBABILITY = "calibrated probability", "probability"
_MEANINGS = {
    SIMILARITY: "Similarities are cosines, not probabilities.",
    PROBABILITY: "Labels are independent; probabilities are not calibrated.",
    CALIBRATED: "Labels are independent; probabilities are those of the population of the calibration.",
}


def classify(
    model: Model, x: Recordings, labels: Sequence[str] | None, task: str | None, reading: Reading
) -> pd.DataFrame:
    """Return one row per recording and label, most probable or most similar first.

    See `melp.Model.classify`.
    """
    scorer, lines, titles = _choose(model, labels, task)
    answered: Answered[np.ndarray] = ask(model, x, scorer.score, reading)
    return _table(answered, scorer, lines, titles)


def compare(model: Model, x: Recordings, sentences: Sequence[str], reading: Reading) -> pd.DataFrame:
    """Return how the scores of sentences change over the recordings; see `melp.Model.compare`."""
    scorer = label_scorer(model, sentences)
    answered: Answered[np.ndarray] = ask(model, x, scorer.score, reading)
    (scores, measure), count = _readable(answered, scorer), len(scorer.names)
    table = pd.DataFrame(
        {
            "number": np.repeat(np.arange(1, len(scores) + 1), count),
            "id": np.repeat(np.array(answered.ids, dtype=object), count),
            "sentence": np.tile(np.array(scorer.names, dtype=object), len(scores)),
            "score": scores.ravel(),
            "change": (scores - scores[:1]).ravel(),
            "measure": measure,
            "doubts": np.repeat(np.array(answered.doubts, dtype=object), count),
        }
    )
    return finish(table, answered, f"{_MEANINGS[measure]} Changes are from the first recording.")


def _choose(
    model: Model, labels: Sequence[str] | None, task: str | None
) -> tuple[Scorer, Mapping[str, Line], Mapping[str, str]]:
    """Return what recordings are scored against, its calibration, and the classes of a task in words.

    Without labels and task, these are the classes of a classifier, or the task that the model is calibrated
    for (the first of several).
    """
    if labels is not None and task is not None:
        raise MelpError("classify: labels and a task found, wanted one of them")
    if labels is not None:
        return label_scorer(model, labels), {}, {}
    known = calibrated_tasks(model)
    if task is None and not known:
        if "classes" in model.config:
            return class_scorer(model), {}, {}
        found = f"none found, and {model.folder} is calibrated for none"
        raise MelpError(f"label, task: {found}; wanted one of them")
    chosen = get_task(known[0] if task is None else task)
    return task_scorer(model, chosen), lines_of(model, chosen), chosen.titles


def _matrix(answered: Answered[np.ndarray], scorer: Scorer) -> np.ndarray:
    return np.array(answered.values, dtype=float).reshape(-1, len(scorer.names))


def _readable(answered: Answered[np.ndarray], scorer: Scorer) -> tuple[np.ndarray, str]:
    """Return similarities, or the probabilities of logits, and which of both they are."""
    scores = _matrix(answered, scorer)
    if scorer.measure == SIMILARITY:
        return scores, SIMILARITY
    return torch.from_numpy(scores).sigmoid().numpy(), PROBABILITY


def _table(
    answered: Answered[np.ndarray], scorer: Scorer, lines: Mapping[str, Line], titles: Mapping[str, str]
) -> pd.DataFrame:
    """Return the ranked labels of all recordings; those that are calibrated come first."""
    scores, names = _matrix(answered, scorer), np.array(scorer.names, dtype=object)
    is_calibrated = np.array([name in lines for name in names])
    plain, measure = _readable(answered, scorer)
    values = np.where(is_calibrated, apply_lines(scores, scorer.names, lines), plain)
    measures = np.where(is_calibrated, CALIBRATED, measure).astype(object)
    order = np.lexsort((-values, np.broadcast_to(~is_calibrated, values.shape)), axis=-1)
    count = len(names)
    columns = {
        "id": np.repeat(np.array(answered.ids, dtype=object), count),
        "rank": np.tile(np.arange(1, count + 1), len(values)),
        "label": names[order].ravel(),
    }
    if titles:
        words = np.array([titles[name] for name in names], dtype=object)
        columns["finding"] = words[order].ravel()
    columns["score"] = np.take_along_axis(values, order, axis=-1).ravel()
    columns["measure"] = measures[order].ravel()
    if lines:
        thresholds = np.array([lines[name].threshold if name in lines else np.nan for name in names])
        columns["threshold"] = thresholds[order].ravel()
    columns["doubts"] = np.repeat(np.array(answered.doubts, dtype=object), count)
    meaning = " ".join(_MEANINGS[one] for one in dict.fromkeys(measures))
    return finish(pd.DataFrame(columns), answered, meaning + _about_denials(scorer))


def _about_denials(scorer: Scorer) -> str:
    """Return what to know about labels such as "no st depression", if a model was asked for some."""
    denials = [
        name
        for name in scorer.statements
        if (findings := statement_findings(name)) and all(finding.denied for finding in findings)
    ]
    if not denials or scorer.measure == SIMILARITY:
        return ""
    return f" Reports rarely say {denials[0]!r}, which makes it improbable: ask for the finding itself."
