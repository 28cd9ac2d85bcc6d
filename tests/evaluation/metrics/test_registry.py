"""Each metric against scikit-learn: plain, and with records that count several times."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    recall_score,
    roc_auc_score,
)

from melp.evaluation.bootstrap import patient_weights
from melp.evaluation.metrics import METRICS
from melp.evaluation.metrics.records import Records
from melp.evaluation.metrics.registry import BINS, SPECIFICITY
from small_scores import tied

CUT = 0.4

Slow = Callable[[np.ndarray, np.ndarray], float]


def slow_calibration_error(label: np.ndarray, score: np.ndarray) -> float:
    """The mean distance of a bin's share of positives from its mean probability."""
    error = 0.0
    for number in range(BINS):
        last = number == BINS - 1
        own = (score * BINS >= number) & ((score * BINS < number + 1) | last)
        if own.any():
            error += own.mean() * abs(label[own].mean() - score[own].mean())
    return error


SLOW: dict[str, Slow] = {
    "auroc": roc_auc_score,
    "auprc": average_precision_score,
    "f1": lambda label, score: f1_score(label, score >= CUT),
    "accuracy": lambda label, score: accuracy_score(label, score >= CUT),
    "sensitivity": lambda label, score: recall_score(label, score >= CUT),
    "brier": brier_score_loss,
    "calibration_error": slow_calibration_error,
}


def test_every_metric_has_a_slow_version() -> None:
    assert set(SLOW) == set(METRICS)


def records(seed: int, levels: int, number: int = 60) -> Records:
    """Probabilities with ties in two classes, and the threshold `CUT`."""
    scores, labels = tied(seed, number, 2, levels)
    return Records(scores / max(levels - 1, 1), labels, np.full(2, CUT))


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.sampled_from([1, 2, 3, 7, 50, 2000]))
def test_metrics_equal_those_of_scikit_learn(name: str, seed: int, levels: int) -> None:
    sample = records(seed, levels)
    found = METRICS[name].compute(sample, np.ones((60, 1)))[:, 0]
    expected = [SLOW[name](sample.labels[:, c], sample.scores[:, c]) for c in range(2)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("levels", [4, 1000])
def test_resamples_equal_repeated_records(name: str, levels: int) -> None:
    """40 patients, some with several recordings."""
    patients = np.random.default_rng(0).permutation(np.r_[np.arange(40), np.arange(20)])
    sample = records(5, levels)
    (weights,) = patient_weights(patients, 60, seed=1)
    found = METRICS[name].compute(sample, weights)
    for place in range(60):
        drawn = np.repeat(np.arange(60), weights[:, place].astype(int))
        expected = [SLOW[name](sample.labels[drawn, c], sample.scores[drawn, c]) for c in range(2)]
        np.testing.assert_allclose(found[:, place], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_classes_on_one_side_only(name: str) -> None:
    sample = Records(
        np.linspace(0, 1, 5)[:, None].repeat(2, 1), np.array([[False, True]] * 5), np.full(2, 2.0)
    )
    found = METRICS[name].compute(sample, np.ones((5, 1)))[:, 0]
    without_value = {"auroc": [0, 1], "auprc": [0], "f1": [0], "sensitivity": [0]}.get(name, [])
    assert np.flatnonzero(np.isnan(found)).tolist() == without_value


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.sampled_from([1, 2, 5, 20]))
def test_threshold_of_the_greatest_f1(seed: int, levels: int) -> None:
    others, sample = records(seed, levels), records(seed + 1, levels)
    thresholds = METRICS["f1"].with_thresholds(sample, others).thresholds
    assert thresholds is not None
    np.testing.assert_array_equal(METRICS["accuracy"].with_thresholds(sample, others).thresholds, thresholds)
    for c, threshold in enumerate(thresholds):
        score, label = others.scores[:, c], others.labels[:, c]
        values = {cut: f1_score(label, score >= cut) for cut in np.unique(score)}
        assert values[threshold] == pytest.approx(max(values.values()))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.sampled_from([1, 2, 5, 20]))
def test_threshold_of_a_specificity(seed: int, levels: int) -> None:
    others, sample = records(seed, levels), records(seed + 1, levels)
    thresholds = METRICS["sensitivity"].with_thresholds(sample, others).thresholds
    assert thresholds is not None
    for c, threshold in enumerate(thresholds):
        score, label = others.scores[:, c], others.labels[:, c]
        specific = []
        for cut in [*np.unique(score), np.inf]:
            (kept, false), _ = confusion_matrix(label, score >= cut)
            specific += [cut] if kept >= SPECIFICITY * (kept + false) - 1e-9 else []
        assert threshold == min(specific)


def test_a_class_without_positives_among_the_others_has_no_threshold() -> None:
    others = Records(
        np.linspace(0, 1, 5)[:, None].repeat(2, 1), np.array([[False, True]] * 4 + [[True, True]])
    )
    for name in ("f1", "accuracy", "sensitivity"):
        sample = METRICS[name].with_thresholds(others, others)
        found = METRICS[name].compute(sample, np.ones((5, 1)))[:, 0]
        assert found[0] == 1 and np.isnan(found[1])
