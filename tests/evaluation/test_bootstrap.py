"""The bootstrap over patients against repeated records, scikit-learn, DeLong and scipy."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import bootstrap
from sklearn.metrics import roc_auc_score

from melp.evaluation.bootstrap import patient_weights, percentile
from melp.evaluation.intervals import areas_of
from melp.evaluation.metrics import METRICS


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the scripts in `benchmarks` be imported."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))


@pytest.fixture
def ours(benchmarks: None) -> ModuleType:
    import _bootstrap

    return _bootstrap


def test_areas_of_the_resampled_records(ours: ModuleType) -> None:
    generator = np.random.default_rng(3)
    scores, labels = generator.integers(0, 7, (40, 2)).astype(float), generator.random((40, 2)) < 0.3
    labels[0], labels[1] = True, False
    groups = np.repeat(np.arange(20), 2)
    drawn = ours.bootstrap_auroc(scores, labels, groups, resamples=150, seed=5)
    counts = np.random.default_rng(5)
    for row in range(150):
        if row % 100 == 0:
            chunk = counts.integers(20, size=(min(100, 150 - row), 20))
        records = np.concatenate([2 * chunk[row % 100], 2 * chunk[row % 100] + 1])
        expected = roc_auc_score(labels[records], scores[records], average=None)
        np.testing.assert_allclose(drawn[:, row], expected, atol=1e-12)


def test_whole_patients_are_drawn() -> None:
    patients = np.array([0, 1, 1, 2, 0, 3, 3, 3])
    weights = np.hstack(list(patient_weights(patients, 230, seed=2)))
    assert weights.shape == (8, 230)
    for person in range(4):
        assert (weights[patients == person] == weights[patients == person][0]).all()
    first = np.unique(patients, return_index=True)[1]
    assert (weights[first].sum(axis=0) == 4).all()
    assert weights[first].mean(axis=1) == pytest.approx(1, abs=0.2)
    assert (np.hstack(list(patient_weights(patients, 230, seed=2))) == weights).all()


def test_percentiles_of_the_resamples_that_have_a_value() -> None:
    drawn = np.random.default_rng(0).normal(size=(4, 101))
    drawn[1, ::2], drawn[2], drawn[3] = np.nan, np.nan, 0.5
    limits = percentile(drawn)
    np.testing.assert_allclose(limits[0], np.quantile(drawn[0], (0.025, 0.975)))
    np.testing.assert_allclose(limits[1], np.quantile(drawn[1, 1::2], (0.025, 0.975)))
    assert np.isnan(limits[2:]).all()
    np.testing.assert_allclose(percentile(drawn[0]), limits[0])


def test_error_is_that_of_delong(ours: ModuleType) -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(400)[:, None] < 150
    scores = generator.normal(size=(400, 1)) + labels
    error = np.sqrt(np.square(areas_of(scores, labels, np.arange(400)).influence).sum())
    drawn = ours.bootstrap_auroc(scores, labels, np.arange(400), resamples=2000)
    assert drawn.std() == pytest.approx(error, rel=0.05)


def test_intervals_equal_those_of_scipy(ours: ModuleType) -> None:
    """The mean of a skewed sample."""
    sample = np.random.default_rng(1).exponential(size=60)
    found = bootstrap((sample,), np.mean, n_resamples=4000, method="BCa", random_state=0)
    drawn = found.bootstrap_distribution[None]
    influence = (sample - sample.mean())[:, None]
    limits = ours.bca(drawn, np.array([sample.mean()]), influence)[0]
    np.testing.assert_allclose(limits, found.confidence_interval, rtol=0.01)
    np.testing.assert_allclose(percentile(drawn)[0], np.quantile(drawn, (0.025, 0.975)))


@pytest.mark.usefixtures("benchmarks")
def test_metrics_have_intervals_where_the_measured_coverage_is_enough() -> None:
    from _metric_interval_tables import least_patients

    for name, one in METRICS.items():
        measured = name not in ("auroc", "calibration_error")
        expected = [least_patients(name, of) if measured else np.inf for of in ("class", "mean")]
        assert [one.least, one.least_mean] == expected, name
