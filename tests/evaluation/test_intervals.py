"""Intervals of areas: against slow versions, and their coverage of known areas in simulated samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t
from sklearn.metrics import roc_auc_score

from melp.evaluation.intervals import (
    LEAST_PATIENTS,
    areas_of,
    class_intervals,
    macro_interval,
    mean_difference,
)
from small_scores import AREAS, SPREADS, binormal, draw_noise

WANTED = 0.93


def slow_placements(score: np.ndarray, label: np.ndarray) -> list[float]:
    """How often a record is on the right side of those of the other side, by pairs."""
    shares = []
    for own, side in zip(score, label, strict=True):
        others = score[label != side]
        right = (others < own) if side else (others > own)
        shares.append(float(np.mean(right + 0.5 * (others == own))))
    return shares


def slow_variance(score: np.ndarray, label: np.ndarray, patient: np.ndarray) -> float:
    """Obuchowski's variance, with its three sums written out."""
    placements, area = np.array(slow_placements(score, label)), roc_auc_score(label, score)
    sums = []
    for person in np.unique(patient):
        own = patient == person
        sums.append([(placements[own & side] - area).sum() for side in (label, ~label)])
    present, absent = np.array(sums).T
    with_class, without = (len(np.unique(patient[side])) for side in (label, ~label))
    grow = with_class / (with_class - 1), without / (without - 1)
    m, n = label.sum(), (~label).sum()
    cross = np.sqrt(grow[0] * grow[1]) * (present * absent).sum()
    own = grow[0] * (present**2).sum() / m**2 + grow[1] * (absent**2).sum() / n**2
    return float(own + 2 * cross / (m * n))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.integers(2, 50))
def test_influence_equals_a_slow_version(seed: int, levels: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, levels, (40, 2)).astype(float)
    labels, patients = generator.random((40, 2)) < 0.4, np.arange(40) // 2
    labels[:4], labels[4:8] = True, False
    areas = areas_of(scores, labels, patients)
    np.testing.assert_allclose(areas.values, roc_auc_score(labels, scores, average=None))
    np.testing.assert_allclose(areas.influence.sum(axis=0), 0, atol=1e-12)
    for c in range(2):
        expected = slow_variance(scores[:, c], labels[:, c], patients)
        assert np.square(areas.influence[:, c]).sum() == pytest.approx(expected)
        assert areas.positives[c] == len(np.unique(patients[labels[:, c]]))


def test_intervals_do_not_depend_on_the_scale_or_the_side() -> None:
    noise = draw_noise(np.random.default_rng(0), np.arange(80), 3)
    labels = np.random.default_rng(1).random((80, 3)) < 0.2
    scores = binormal(noise, labels, np.array([0.6, 0.8, 0.9]))
    plain = class_intervals(areas_of(scores, labels, np.arange(80)))
    np.testing.assert_allclose(class_intervals(areas_of(np.exp(scores), labels, np.arange(80))), plain)
    np.testing.assert_allclose(class_intervals(areas_of(-scores, ~labels, np.arange(80))), plain)
    np.testing.assert_allclose(
        class_intervals(areas_of(-scores, labels, np.arange(80))), 1 - plain[:, ::-1], atol=1e-12
    )


def test_with_many_patients_the_interval_is_delongs_on_the_logit_scale() -> None:
    generator = np.random.default_rng(2)
    labels = generator.random((3000, 1)) < 0.2
    scores = binormal(generator.normal(size=(3000, 1)), labels, np.array([0.8]), spread=1.5)
    area = roc_auc_score(labels, scores)
    reach = norm.ppf(0.975) * np.sqrt(slow_variance(scores[:, 0], labels[:, 0], np.arange(3000)))
    odds = np.log(area / (1 - area)) + np.array([-1, 1]) * reach / (area * (1 - area))
    found = class_intervals(areas_of(scores, labels, np.arange(3000)))[0]
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-odds)), atol=1e-5)


def test_perfect_scores_and_single_positives_have_wide_intervals() -> None:
    labels = np.arange(50)[:, None] < np.array([1, 3, 20])
    low, high = class_intervals(areas_of(-np.arange(50.0)[:, None].repeat(3, 1), labels, np.arange(50))).T
    assert (high == 1).all() and low[0] < low[1] < low[2] < 0.99 and low[0] < 0.5
    nothing = class_intervals(areas_of(np.zeros((50, 1)), labels[:, :1], np.arange(50)))[0]
    assert nothing[0] < 0.2 and nothing[1] > 0.8


def test_classes_on_one_side_only_have_no_interval() -> None:
    labels = np.array([[False, True, True], [False, True, False], [False, True, False]])
    areas = areas_of(np.arange(9.0).reshape(3, 3), labels, np.arange(3))
    assert np.isnan(class_intervals(areas)[:2]).all() and np.isnan(areas.values[:2]).all()
    assert np.isfinite(class_intervals(areas)[2]).all() and areas.fewest.tolist() == [0, 0, 1]


def test_recordings_of_a_patient_count_once() -> None:
    generator = np.random.default_rng(3)
    labels, scores = generator.random((60, 1)) < 0.3, generator.normal(size=(60, 1))
    once = class_intervals(areas_of(scores, labels, np.arange(60)))
    repeated = np.tile(scores, (5, 1)), np.tile(labels, (5, 1))
    np.testing.assert_allclose(class_intervals(areas_of(*repeated, np.tile(np.arange(60), 5))), once)
    apart = class_intervals(areas_of(*repeated, np.arange(300)))
    assert np.ptp(apart) < 0.55 * np.ptp(once)


def test_macro_interval_of_one_class_is_that_of_the_class() -> None:
    generator = np.random.default_rng(4)
    labels, scores = generator.random((60, 2)) < 0.3, generator.normal(size=(60, 2))
    areas = areas_of(scores, labels, np.arange(60))
    assert macro_interval(areas, np.array([False, True])) == pytest.approx(tuple(class_intervals(areas)[1]))
    # The same class twice is not more certain than once; a constant 0 halves mean and distances.
    twice = areas_of(scores[:, [1, 1]], labels[:, [1, 1]], np.arange(60))
    assert macro_interval(twice, np.array([True, True])) == pytest.approx(tuple(class_intervals(areas)[1]))
    empty = areas_of(scores, labels & [[False, True]], np.arange(60))
    halved = tuple(class_intervals(areas)[1] / 2)
    assert macro_interval(empty, np.array([True, True])) == pytest.approx(halved)


def test_difference_is_students_t() -> None:
    influence = np.array([0.01, -0.01, 0.02, -0.02, 0.0])
    error, freedom = np.sqrt(0.001), 0.001**2 / (2 * 0.01**4 + 2 * 0.02**4)
    low, high, p_value = mean_difference(influence, 0.05)
    reach = t.ppf(0.975, freedom) * error
    assert (low, high) == pytest.approx((0.05 - reach, 0.05 + reach))
    assert p_value == pytest.approx(2 * (1 - t.cdf(0.05 / error, freedom)))
    assert mean_difference(np.zeros(4), 0.0) == (0, 0, 1)
    at_limit = mean_difference(influence, float(reach))
    assert at_limit[0] == pytest.approx(0) and at_limit[2] == pytest.approx(0.05)


@pytest.mark.parametrize("positives", [1, 2, 3, 5, 10, 40])
def test_coverage_for_each_number_of_positives(positives: int) -> None:
    """`benchmarks/intervals.py` in small: patients with two recordings, four areas, three spreads."""
    assert positives >= LEAST_PATIENTS
    patients = np.arange(240) // 2
    labels = np.repeat(np.arange(120) < positives, 2)[:, None].repeat(len(AREAS), 1)
    generator, covered = np.random.default_rng(positives), []
    for number in range(150):
        noise = draw_noise(generator, patients, len(AREAS))
        scores = binormal(noise, labels, np.array(AREAS), SPREADS[number % 3])
        low, high = class_intervals(areas_of(scores, labels, patients)).T
        covered.append((low <= AREAS) & (high >= AREAS))
    assert np.mean(covered) >= WANTED


def small_matrix() -> tuple[np.ndarray, np.ndarray]:
    """Labels of 200 records of 150 patients: rare and common classes, as in form and rhythm."""
    generator = np.random.default_rng(0)
    shares = np.array([1, 2, 3, 6, 10, 20, 60, 120]) / 200
    labels = np.argsort(generator.random((200, 8)), axis=0) < 200 * shares
    return labels, np.concatenate([np.arange(150), generator.integers(0, 150, 50)])


def test_coverage_of_the_macro_mean() -> None:
    labels, patients = small_matrix()
    generator, covered = np.random.default_rng(1), []
    for number in range(300):
        true = np.array(AREAS)[(np.arange(8) + number) % 4]
        scores = binormal(draw_noise(generator, patients, 8), labels, true, SPREADS[number % 3])
        low, high = macro_interval(areas_of(scores, labels, patients), np.ones(8, dtype=bool))
        covered.append(low <= true.mean() <= high)
    assert np.mean(covered) >= WANTED


def test_coverage_of_differences() -> None:
    labels, patients = small_matrix()
    labels = labels[:, 3:]
    generator, covered = np.random.default_rng(2), []
    for number in range(300):
        true = np.array(AREAS)[(np.arange(5) + number) % 4], np.full(5, 0.8)
        common = draw_noise(generator, patients, 5)
        noises = [(common + draw_noise(generator, patients, 5)) / np.sqrt(2) for _ in range(2)]
        scores = [
            binormal(noise, labels, areas, SPREADS[number % 3])
            for noise, areas in zip(noises, true, strict=True)
        ]
        models = [areas_of(each, labels, patients) for each in scores]
        difference = models[0].values.mean() - models[1].values.mean()
        influence = (models[0].influence - models[1].influence).mean(axis=1)
        low, high, _ = mean_difference(influence, float(difference))
        covered.append(low <= (true[0] - true[1]).mean() <= high)
    assert np.mean(covered) >= WANTED
