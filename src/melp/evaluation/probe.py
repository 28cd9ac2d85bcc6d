"""Linear probe: L2 logistic regression on the embeddings of a frozen model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import Evaluation, evaluate_split
from melp.evaluation.embed import embed_rows, rows_of
from melp.evaluation.split import Split, check_patients, patients_of, split_records, union
from melp.evaluation.subsets import stratified_subset
from melp.hub import Model
from melp.tasks import Task

__all__ = ["C_VALUES", "Probe", "fit_probe", "probe", "probe_features"]

C_VALUES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
"""Inverse strengths of the penalty, as in scikit-learn: the smallest is the strongest penalty."""
_PARTS = 5


@dataclass(frozen=True)
class Probe:
    """A fitted probe: `(features - mean) / scale @ weights + bias`; `c` is the selected C."""

    mean: Float[np.ndarray, " feature"]
    scale: Float[np.ndarray, " feature"]
    weights: Float[np.ndarray, "feature class"]
    bias: Float[np.ndarray, " class"]
    c: float

    def __call__(self, features: Float[np.ndarray, "record feature"]) -> Float[np.ndarray, "record class"]:
        """Return the log-odds of each class; 0 for a class without a positive or a negative in training."""
        return np.asarray((features - self.mean) / self.scale @ self.weights + self.bias)


def fit_probe(
    features: Float[np.ndarray, "record feature"],
    labels: Bool[np.ndarray, "record class"],
    patients: Shaped[np.ndarray, " record"],
    *,
    seed: int = 0,
    c_values: tuple[float, ...] = C_VALUES,
) -> Probe:
    """Fit one classifier per class, all with the same C.

    C has the smallest log-loss, summed over the classes, in a cross-validation on these records (five parts,
    no patient in two of them); a tie goes to the smaller C. With few positives the AUROC of the held-out
    parts is too noisy to select by. Features are standardised on the training records.

    Differences: the published probes are trained by a stochastic optimiser, and the labels of the validation
    fold stop them.
    """
    c = c_values[0]
    if len(c_values) > 1 and len(set(patients)) >= 2:
        held_out = _held_out_scores(features, labels, patients, c_values, seed)
        c = c_values[int(np.argmin(_log_losses(held_out, labels)))]
    return _fit(features, labels, c)


def _fit(
    features: Float[np.ndarray, "record feature"], labels: Bool[np.ndarray, "record class"], c: float
) -> Probe:
    scaler = StandardScaler().fit(features)
    standardised = scaler.transform(features)
    weights, bias = np.zeros((features.shape[1], labels.shape[1])), np.zeros(labels.shape[1])
    # The matrices are small: more threads spend most of their time waiting for each other.
    with threadpool_limits(1):
        for column in np.flatnonzero(labels.any(axis=0) & ~labels.all(axis=0)):
            model = LogisticRegression(C=c, max_iter=2000).fit(standardised, labels[:, column])
            weights[:, column], bias[column] = model.coef_[0], model.intercept_[0]
    return Probe(scaler.mean_, scaler.scale_, weights, bias, c)


def _held_out_scores(
    features: Float[np.ndarray, "record feature"],
    labels: Bool[np.ndarray, "record class"],
    patients: Shaped[np.ndarray, " record"],
    c_values: tuple[float, ...],
    seed: int,
) -> Float[np.ndarray, "c record class"]:
    """Return scores of each record by the probes that were not trained on its patient."""
    scores = np.zeros((len(c_values), *labels.shape))
    parts = GroupKFold(min(_PARTS, len(set(patients))), shuffle=True, random_state=seed)
    for training, held_out in parts.split(features, groups=patients):
        for number, c in enumerate(c_values):
            scores[number, held_out] = _fit(features[training], labels[training], c)(features[held_out])
    return scores


def _log_losses(
    scores: Float[np.ndarray, "c record class"], labels: Bool[np.ndarray, "record class"]
) -> Float[np.ndarray, " c"]:
    return np.asarray((np.logaddexp(0, scores) - scores * labels).sum(axis=(1, 2)))


def probe(
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
    exclude_duplicates: bool = True,
) -> list[Evaluation]:
    """Evaluate a frozen model on tasks by linear probes, one per fraction of the training labels and seed.

    Each record is embedded once for all tasks.

    Args:
        model: a loaded model folder.
        store: the records.
        tasks: classes and labels.
        fractions: shares of the training labels, in per cent; 100 runs with the first seed only.
        seeds: each draws another subset and other parts for selecting C.
        folds: folds to evaluate instead of the tasks' test folds; then all others are trained on.
        train_folds: folds to train on.
        train_store: the records to train on, for tasks whose corpus has test records only.
        min_positives: classes with fewer positives do not count in the macro mean.
        exclude_duplicates: see `split_records`.

    Raises:
        MelpError: nothing to train on or to evaluate, or a patient is on both sides.
    """
    splits = [
        split_records(task, store, folds, train_folds, train_store, exclude_duplicates) for task in tasks
    ]
    for task, split in zip(tasks, splits, strict=True):
        _check_training(split, task)
        if train_store is None:
            check_patients(store, split.training.index, split.test)
    ids = [ids for split in splits for ids in (split.test, split.training.index)[: 1 if train_store else 2]]
    features = probe_features(model, store, union(ids))
    evaluations = []
    for task, split in zip(tasks, splits, strict=True):
        learned = probe_features(model, train_store, split.training.index) if train_store else features
        patients = patients_of(train_store or store, split.training.index)
        for fraction in fractions:
            for seed in seeds if fraction < 100 else seeds[:1]:
                chosen = split.training.iloc[stratified_subset(split.training.to_numpy(), fraction, seed)]
                fitted = _fit_records(learned, chosen, patients, seed)
                log_odds = fitted(features.loc[split.test].to_numpy())
                scores = pd.DataFrame(log_odds, index=split.test, columns=list(task.classes))
                options: dict[str, Any] = {"fraction": fraction, "seed": seed, "n_train": len(chosen)}
                evaluations.append(
                    evaluate_split(model, store, task, split, scores, min_positives=min_positives, **options)
                )
    return evaluations


def probe_features(model: Model, store: Store, ids: pd.Index, keep: float | None = None) -> pd.DataFrame:
    """Return the features of the records `ids` for a probe, indexed by id; `keep` as in `map_rows`."""
    return pd.DataFrame(embed_rows(model, store, rows_of(store, ids), keep=keep), index=ids)


def _check_training(split: Split, task: Task) -> None:
    if len(split.training):
        return
    if task.train_corpus != task.corpus and not split.train_folds:
        raise MelpError(
            f"probe: {task.corpus} has test records only and nothing to train on, wanted a store of "
            f"{task.train_corpus} too (--train-data)"
        )
    raise MelpError("probe: no record with a label in the training folds")


def _fit_records(features: pd.DataFrame, labels: pd.DataFrame, patients: pd.Series, seed: int) -> Probe:
    """Return a probe trained on the records of `labels`."""
    chosen = labels.index
    return fit_probe(
        features.loc[chosen].to_numpy(), labels.to_numpy(), patients.loc[chosen].to_numpy(), seed=seed
    )
