"""Rows of metrics from scores and labels, with 95 % intervals over patients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from melp.errors import MelpError, one_of
from melp.evaluation.bootstrap import patient_weights, percentile
from melp.evaluation.intervals import Areas, areas_of, class_intervals, macro_interval
from melp.evaluation.metrics.areas import aligned_scores
from melp.evaluation.metrics.records import Records
from melp.evaluation.metrics.registry import METRICS, Metric

__all__ = ["COLUMNS", "check_metrics", "metric_rows"]

COLUMNS = ("metric", "class", "value", "lo", "hi", "n", "positives")

Parts = Sequence[tuple[Metric, Records]]


def metric_rows(
    scores: pd.DataFrame,
    labels: pd.DataFrame,
    patients: pd.Series | None = None,
    *,
    metrics: Sequence[str] = ("auroc",),
    validation: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    groups: Mapping[str, pd.Index] | None = None,
    probabilities: bool = False,
    min_positives: int = 1,
    empty_as_zero: bool = False,
    resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return one row per metric for the mean over the classes that count, and one per metric and class.

    A class without a positive or a negative has no value. Thresholds are chosen on the validation records.
    Without them, that of `sensitivity` is chosen on the evaluated records, and then it has no interval. The
    thresholds of groups are those of all records.

    Intervals of AUROC are those of `melp.evaluation.intervals`. The others are percentiles of a bootstrap
    over patients, for classes with at least `Metric.least` of them, and for means over classes that all have
    at least `Metric.least_mean`.

    Args:
        scores: one row per record indexed by id, one column per class; other rows and columns are allowed.
        labels: the true labels in the same form; its rows and columns are evaluated.
        patients: patient of each record, indexed by id; without it each record is of another patient.
        metrics: names of metrics in `METRICS`.
        validation: scores and labels of other records, to choose thresholds on.
        groups: ids of the records of each group; the rows of each have its name in the column `group`.
        probabilities: scores are probabilities.
        min_positives: classes with fewer positives do not count in the mean.
        empty_as_zero: count classes without a positive or a negative as 0, as published.
        resamples: number of resamples of the bootstrap.
        seed: of the resamples.

    Returns:
        The columns `COLUMNS`. `class` and `positives` are missing for the mean, `value`, `lo` and `hi` where
        there is none.

    Raises:
        MelpError: an unknown metric, or one that needs validation records or probabilities; a record or class
            without a score; or a score that is not a number.
    """
    chosen = check_metrics(metrics, validated=validation is not None, probabilities=probabilities)
    records = _records(scores, labels, probabilities)
    if validation is not None:
        others = _records(validation[0], validation[1][labels.columns], probabilities)
        parts = [(one, one.with_thresholds(records, others)) for one in chosen]
    else:
        # Thresholds that are chosen on the evaluated records are too good by an unknown amount.
        chosen = [replace(one, least=np.inf, least_mean=np.inf) if one.threshold else one for one in chosen]
        parts = [(one, one.with_thresholds(records, records)) for one in chosen]
    people = np.asarray(labels.index if patients is None else patients.loc[labels.index])
    rows = partial(
        _rows,
        classes=[str(name) for name in labels.columns],
        min_positives=max(min_positives, 1),
        empty_as_zero=empty_as_zero,
        resamples=resamples,
        seed=seed,
    )
    if groups is None:
        return rows(parts, people)
    tables = []
    for name, ids in groups.items():
        own = np.flatnonzero(labels.index.isin(ids))
        some = [(one, all_records.some(own)) for one, all_records in parts]
        tables.append(rows(some, people[own]).assign(group=name))
    return pd.concat(tables, ignore_index=True)


def check_metrics(metrics: Iterable[str], *, validated: bool, probabilities: bool) -> list[Metric]:
    """Return metrics by name.

    Raises:
        MelpError: an unknown metric, or one that needs validation records or probabilities.
    """
    chosen = []
    for name in metrics:
        if name not in METRICS:
            raise MelpError(f"metric: found {name!r}, wanted {one_of(name, METRICS)}")
        one = METRICS[name]
        if one.threshold and not (validated or one.same_records):
            raise MelpError(f"metric {name}: found no validation scores, wanted some to choose thresholds on")
        if one.probabilities and not probabilities:
            raise MelpError(f"metric {name}: found scores that are not probabilities, wanted probabilities")
        chosen.append(one)
    return chosen


def _records(scores: pd.DataFrame, labels: pd.DataFrame, probabilities: bool) -> Records:
    values, truth = aligned_scores(scores, labels), labels.to_numpy(dtype=bool)
    if not np.isfinite(values).all():
        raise MelpError("scores: found values that are not finite numbers")
    if probabilities and not ((values >= 0) & (values <= 1)).all():
        raise MelpError(f"scores: found {values.min():g} to {values.max():g}, wanted probabilities")
    return Records(values, truth)


def _rows(
    parts: Parts,
    patients: np.ndarray,
    *,
    classes: Sequence[str],
    min_positives: int,
    empty_as_zero: bool,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Return the rows of records with their patients."""
    records, people = parts[0][1], pd.factorize(patients)[0]
    number, positives = len(records.labels), records.labels.sum(axis=0)
    counted = records.two_sided & (positives >= min_positives) | empty_as_zero
    areas = areas_of(records.scores, records.labels, people)
    drawn = _draw(parts, areas, people, resamples, seed)
    tables = []
    for metric, own in parts:
        closed = metric.name == "auroc"
        values = areas.values if closed else metric.compute(own, np.ones((number, 1)))[:, 0]
        values = np.where(records.two_sided, values, 0.0 if empty_as_zero else np.nan)
        some = counted & np.isfinite(values)
        mean = values[some].mean() if some.any() else np.nan
        if closed:
            of_mean = macro_interval(areas, some) if some.any() else (np.nan, np.nan)
            limits = np.vstack([of_mean, class_intervals(areas)])
        else:
            limits = _percentiles(metric, drawn[metric.name], areas.fewest, some)
        columns: dict[str, Any] = {"metric": metric.name, "class": [None, *classes], "value": [mean, *values]}
        columns |= {"lo": limits[:, 0], "hi": limits[:, 1], "n": number}
        columns |= {"positives": pd.array([None, *positives.tolist()], dtype="Int64")}
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def _draw(
    parts: Parts, areas: Areas, patients: Int[np.ndarray, " record"], resamples: int, seed: int
) -> dict[str, Float[np.ndarray, "class resample"]]:
    """Return each metric in each resample; NaN for a class with too few patients."""
    drawn = {metric.name: np.full((len(areas.values), resamples), np.nan) for metric, _ in parts}
    some = {metric.name: areas.fewest >= min(metric.least, metric.least_mean) for metric, _ in parts}
    parts = [(one, records.some(classes=some[one.name])) for one, records in parts if some[one.name].any()]
    place = 0
    for weights in patient_weights(patients, resamples, seed) if parts else ():
        columns = slice(place, place := place + weights.shape[1])
        for metric, records in parts:
            drawn[metric.name][some[metric.name], columns] = metric.compute(records, weights)
    return drawn


def _percentiles(
    metric: Metric,
    drawn: Float[np.ndarray, "class resample"],
    fewest: Int[np.ndarray, " class"],
    counted: Bool[np.ndarray, " class"],
) -> Float[np.ndarray, "row 2"]:
    """Return the interval of the mean, then of each class; NaN where there are too few patients.

    A class that counts as 0 because it has no patients on one side is the same in all resamples.
    """
    varied = counted & (fewest > 0)
    means = drawn[varied].sum(axis=0) / max(counted.sum(), 1)
    enough = [(fewest[varied] >= metric.least_mean).all(), *(fewest >= metric.least)]
    return np.where(np.array(enough)[:, None], percentile(np.vstack([means, drawn])), np.nan)
