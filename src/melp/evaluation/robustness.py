"""Robustness: the AUROC of a probe and of prompts on recordings with fewer leads or with added noise.

A probe is trained on the recordings as they are, once. All conditions have the same test records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import Cell, Evaluation, metric_table
from melp.evaluation.comparison import compare
from melp.evaluation.digests import tokenizer_digest
from melp.evaluation.disturbances import Disturbance, disturb
from melp.evaluation.embed import Change, embed_rows, rows_of
from melp.evaluation.evaluate import cell_of, evaluate_missing, evaluate_split, split_cell
from melp.evaluation.probe import probe_features
from melp.evaluation.probes.linear import fit_probe
from melp.evaluation.prompts import prompts_for
from melp.evaluation.split import Split, check_patients, patients_of, split_records
from melp.evaluation.zero_shot import class_scores, find_similarity
from melp.hub import Model
from melp.tasks import Task

__all__ = ["READINGS", "robustness"]

READINGS = ("probe", "zero-shot")
_CLEAN = "12"
Scores = Callable[[Change | None], pd.DataFrame]
"""Scores of the test records of a task, whose signals are changed."""


def robustness(
    model: Model,
    store: Store,
    task: Task,
    conditions: Mapping[str, Disturbance],
    *,
    readings: Sequence[str] = READINGS,
    folds: Sequence[int] | None = None,
    min_positives: int = 1,
    seed: int = 0,
    out: Path | None = None,
) -> list[Evaluation]:
    """Evaluate a model under several conditions, by each reading.

    Args:
        model: a loaded model folder; of a method with text for "zero-shot".
        store: the records.
        task: classes, labels and prompts.
        conditions: disturbances by name; see `melp.evaluation.disturbances`.
        readings: "probe" (trained on all training records as they are) and "zero-shot" (the task's prompts).
        folds: folds to evaluate instead of the task's test folds.
        min_positives: classes with fewer positives do not count in the macro mean.
        seed: seed of the noise, and of the parts in which the probe selects C.
        out: folder of cells; those in it are not computed again.

    Returns:
        One evaluation for each reading and condition. Beside the AUROC its metrics have `auroc_change`: the
        mean AUROC minus that of the undisturbed recordings, with the interval of `compare`.

    Raises:
        MelpError: an unknown reading, no condition, or see `split_records`.
    """
    unknown = [name for name in readings if name not in READINGS]
    if unknown or not readings or not conditions:
        raise MelpError(f"by: found {', '.join(unknown) or 'none'}, wanted {' or '.join(READINGS)}")
    split = split_records(task, store, folds)
    if "zero-shot" in readings:
        find_similarity(model)
    if "probe" in readings:
        check_patients(store, split.training.index, split.test)
    jobs = [(reading, name) for reading in readings for name in conditions]
    cells = [
        _cell(model, store, task, split, reading, (name, conditions[name]), min_positives, seed)
        for reading, name in jobs
    ]

    def evaluate(missing: list[int]) -> Iterator[Evaluation]:
        scorers: dict[str, tuple[Scores, pd.DataFrame]] = {}
        for place in missing:
            reading, name = jobs[place]
            if reading not in scorers:
                scores = _scores(model, store, task, split, reading, seed)
                scorers[reading] = scores, scores(None)
            scores, clean = scorers[reading]
            found = clean if name == _CLEAN else scores(disturb(store, conditions[name], seed))
            evaluation = evaluate_split(cells[place], model, store, split, found)
            yield _with_change(evaluation, store, clean)

    return evaluate_missing(cells, out, evaluate)


def _cell(
    model: Model,
    store: Store,
    task: Task,
    split: Split,
    reading: str,
    condition: tuple[str, Disturbance],
    min_positives: int,
    seed: int,
) -> Cell:
    options: dict[str, Any] = {"by": reading, "condition": condition[0], "disturbance": asdict(condition[1])}
    if reading == "zero-shot":
        options |= {"prompts": dict(task.prompts), "tokenizer": tokenizer_digest(model)}
    used = {"fraction": 100, "n_train": len(split.training)} if reading == "probe" else {}
    cell = cell_of("robustness", model, store, task)
    return split_cell(cell, split, seed=seed, min_positives=min_positives, options=options, **used)


def _scores(model: Model, store: Store, task: Task, split: Split, reading: str, seed: int) -> Scores:
    """Return the function from a change of the signals to the scores of the test records."""
    if reading == "zero-shot":
        wordings, similarity = [prompts_for(model, task)], find_similarity(model)

        def by_prompts(change: Change | None) -> pd.DataFrame:
            ids = split.test
            return class_scores(model, store, ids, wordings, [False], similarity, change=change)[0]

        return by_prompts
    rows = rows_of(store, split.test)
    ids = split.training.index
    features = probe_features(model, store, ids).to_numpy()
    fitted = fit_probe(features, split.training.to_numpy(), patients_of(store, ids).to_numpy(), seed=seed)

    def by_probe(change: Change | None) -> pd.DataFrame:
        log_odds = fitted(embed_rows(model, store, rows, change=change))
        return pd.DataFrame(log_odds, index=split.test, columns=split.labels.columns)

    return by_probe


def _with_change(evaluation: Evaluation, store: Store, clean: pd.DataFrame) -> Evaluation:
    """Return an evaluation with the difference to the scores of the undisturbed recordings."""
    labels = evaluation.labels
    difference = compare(
        [evaluation.scores],
        [clean.astype("float32")],
        labels,
        patients_of(store, labels.index),
        min_positives=evaluation.cell.min_positives,
    )
    row = {
        "metric": "auroc_change",
        "value": difference.difference,
        "lo": difference.lo,
        "hi": difference.hi,
        "n": difference.n,
    }
    rows = pd.concat([evaluation.metrics, metric_table([row])], ignore_index=True)
    return replace(evaluation, metrics=rows)
