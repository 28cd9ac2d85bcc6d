"""Linear probe: L2 logistic regression on the embeddings of a frozen model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.embed import embed_rows, rows_of
from melp.evaluation.judging import Judged, Split, check_sides, divide, judge_cell, patients_of, union
from melp.evaluation.subsets import stratified_subset
from melp.hub import Model
from melp.tasks import Task

__all__ = ["STRENGTHS", "Probe", "fit_probe", "probe", "probe_all", "probe_features"]

STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
_PARTS = 5


@dataclass(frozen=True)
class Probe:
    """A fitted probe: `(features - mean) / scale @ weights + bias`; `strength` is the C that was chosen."""

    mean: Float[np.ndarray, " feature"]
    scale: Float[np.ndarray, " feature"]
    weights: Float[np.ndarray, "feature class"]
    bias: Float[np.ndarray, " class"]
    strength: float

    def __call__(self, features: Float[np.ndarray, "record feature"]) -> Float[np.ndarray, "record class"]:
        """Log-odds of each class; 0 for a class that had no positive or no negative in training."""
        return np.asarray((features - self.mean) / self.scale @ self.weights + self.bias)


def fit_probe(
    features: Float[np.ndarray, "record feature"],
    labels: Bool[np.ndarray, "record class"],
    patients: Shaped[np.ndarray, " record"],
    *,
    seed: int = 0,
    strengths: tuple[float, ...] = STRENGTHS,
) -> Probe:
    """Fits one classifier a class, with one strength for all.

    The strength is the one with the least log-loss, summed over the classes, on held-out parts of these
    records (five, no patient in two of them); a tie goes to the stronger penalty. With few positives the
    AUROC of the held-out parts is too rough a guide. Features are standardised on the records trained on.

    Differences: the published probes are trained by a stochastic optimiser and stopped on the labels of the
    validation fold.
    """
    strength = strengths[0]
    if len(strengths) > 1 and len(set(patients)) >= 2:
        held_out = _held_out_scores(features, labels, patients, strengths, seed)
        strength = strengths[int(np.argmin(_log_losses(held_out, labels)))]
    return _fit(features, labels, strength)


def _fit(
    features: Float[np.ndarray, "record feature"], labels: Bool[np.ndarray, "record class"], strength: float
) -> Probe:
    scaler = StandardScaler().fit(features)
    standardised = scaler.transform(features)
    weights, bias = np.zeros((features.shape[1], labels.shape[1])), np.zeros(labels.shape[1])
    # The matrices are small: more threads wait for each other longer than they work.
    with threadpool_limits(1):
        for column in np.flatnonzero(labels.any(axis=0) & ~labels.all(axis=0)):
            model = LogisticRegression(C=strength, max_iter=2000).fit(standardised, labels[:, column])
            weights[:, column], bias[column] = model.coef_[0], model.intercept_[0]
    return Probe(scaler.mean_, scaler.scale_, weights, bias, strength)


def _held_out_scores(
    features: Float[np.ndarray, "record feature"],
    labels: Bool[np.ndarray, "record class"],
    patients: Shaped[np.ndarray, " record"],
    strengths: tuple[float, ...],
    seed: int,
) -> Float[np.ndarray, "strength record class"]:
    """Scores of each record by the probes that have not seen its patient."""
    scores = np.zeros((len(strengths), *labels.shape))
    parts = GroupKFold(min(_PARTS, len(set(patients))), shuffle=True, random_state=seed)
    for trained, held_out in parts.split(features, groups=patients):
        for number, strength in enumerate(strengths):
            scores[number, held_out] = _fit(features[trained], labels[trained], strength)(features[held_out])
    return scores


def _log_losses(
    scores: Float[np.ndarray, "strength record class"], labels: Bool[np.ndarray, "record class"]
) -> Float[np.ndarray, " strength"]:
    return np.asarray((np.logaddexp(0, scores) - scores * labels).sum(axis=(1, 2)))


def probe(
    model: Model,
    store: Store,
    task: Task,
    *,
    fractions: Sequence[float] = (100,),
    seeds: Sequence[int] = (0,),
    folds: Sequence[int] | None = None,
    train_folds: Sequence[int] | None = None,
    train_store: Store | None = None,
    min_positives: int = 1,
    features: pd.DataFrame | None = None,
) -> list[Judged]:
    """Judges a frozen model on a task by linear probes, one a fraction of the training labels and seed.

    Args:
        model: a loaded model folder.
        store: where the records lie.
        task: classes and labels.
        fractions: shares of the training labels, in per cent; 100 runs with the first seed only.
        seeds: each draws another subset and other parts for choosing the strength.
        folds: folds to judge instead of the task's test folds; then all others are trained on.
        train_folds: folds to train on.
        train_store: where the records to train on lie, for a task whose corpus has test records only.
        min_positives: classes with fewer positives do not count in the macro mean.
        features: embeddings of records of `store` from `probe_features`, where they are known already.

    Raises:
        MelpError: nothing to train on or to judge, or a patient is on both sides.
    """
    part = divide(task, store, folds, train_folds, train_store)
    _check_training(part, task)
    if features is None:
        features = probe_features(
            model, store, union([part.judged, *([] if train_store else [part.trained])])
        )
    learned = probe_features(model, train_store, part.trained) if train_store else features
    patients = patients_of(train_store or store, part.trained)
    if train_store is None:
        check_sides(store, part.trained, part.judged)
    judged = []
    for fraction in fractions:
        for seed in seeds if fraction < 100 else seeds[:1]:
            fitted = _fit_subset(learned, part.training, patients, fraction, seed)
            scores = pd.DataFrame(
                fitted(features.loc[part.judged].to_numpy()), index=part.judged, columns=list(task.classes)
            )
            cell = judge_cell(
                model, store, task, part, scores, fraction=fraction, seed=seed, min_positives=min_positives
            )
            judged.append(cell)
    return judged


def probe_all(
    model: Model,
    store: Store,
    tasks: Sequence[Task],
    *,
    fractions: Sequence[float] = (100,),
    seeds: Sequence[int] = (0,),
    folds: Sequence[int] | None = None,
    train_folds: Sequence[int] | None = None,
    train_store: Store | None = None,
    min_positives: int = 1,
) -> list[Judged]:
    """`probe` on several tasks, with one embedding a record for all of them.

    Raises:
        MelpError: as `probe`, before anything is embedded.
    """
    ids: list[pd.Index] = []
    for task in tasks:
        part = divide(task, store, folds, train_folds, train_store)
        _check_training(part, task)
        ids += [part.judged] if train_store else [part.judged, part.trained]
    features = probe_features(model, store, union(ids))
    judged: list[Judged] = []
    for task in tasks:
        judged += probe(
            model,
            store,
            task,
            fractions=fractions,
            seeds=seeds,
            folds=folds,
            train_folds=train_folds,
            train_store=train_store,
            min_positives=min_positives,
            features=features,
        )
    return judged


def probe_features(model: Model, store: Store, ids: pd.Index, keep: float | None = None) -> pd.DataFrame:
    """What a probe reads of the records `ids`, indexed by id; `keep` as in `map_rows`."""
    return pd.DataFrame(embed_rows(model, store, rows_of(store, ids), keep=keep), index=ids)


def _check_training(part: Split, task: Task) -> None:
    if len(part.trained):
        return
    if task.train_corpus != task.corpus and not part.train_folds:
        raise MelpError(
            f"probe: {task.corpus} has test records only and nothing to train on, wanted a store of "
            f"{task.train_corpus} too (--train-data)"
        )
    raise MelpError("probe: no record with a label in the training folds")


def _fit_subset(
    features: pd.DataFrame, labels: pd.DataFrame, patients: pd.Series, percent: float, seed: int
) -> Probe:
    """A probe trained on `percent` of the records of `labels`."""
    chosen = labels.index[stratified_subset(labels.to_numpy(), percent, seed)]
    return fit_probe(
        features.loc[chosen].to_numpy(),
        labels.loc[chosen].to_numpy(),
        patients.loc[chosen].to_numpy(),
        seed=seed,
    )
