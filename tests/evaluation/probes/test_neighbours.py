"""The nearest-neighbour probe: its votes against a loop, and the selection of k."""

from __future__ import annotations

import numpy as np
import pytest

from melp.evaluation.probes import neighbours
from melp.evaluation.probes.neighbours import fit_neighbours


def shares(x: np.ndarray, y: np.ndarray, test: np.ndarray, k: int) -> np.ndarray:
    """Each class's share of the votes, one record, neighbour and class at a time."""
    mean, scale = x.mean(0), x.std(0)
    found = np.zeros((len(test), y.shape[1]))
    for row, record in enumerate((test - mean) / scale):
        others = (x - mean) / scale
        similar = [record @ other / np.sqrt((record @ record) * (other @ other)) for other in others]
        nearest = sorted(range(len(x)), key=lambda place: -similar[place])[:k]
        for place in nearest:
            found[row] += y[place] * np.exp(similar[place] / 0.07)
        found[row] /= sum(np.exp(similar[place] / 0.07) for place in nearest)
    return found


def problem(seed: int, records: int, width: int = 8) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(records, width)) * generator.uniform(0.1, 10, size=width) + 5
    y = (x[:, :3] - 5) / x[:, :3].std(0) + 0.5 * generator.normal(size=(records, 3)) > 0.5
    return x, y


@pytest.mark.parametrize("k", [1, 7, 500])
def test_votes_are_those_of_a_loop(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_RECORDS", 16)
    x, y = problem(0, 120)
    test, _ = problem(1, 40)
    log_odds = fit_neighbours(x, y, np.arange(120), k_values=(k,))(test)
    votes, count = shares(x, y, test, k), min(k, 120)
    share = (votes * count + y.mean(0)) / (count + 1)  # and a neighbour of mean weight, of no one class
    np.testing.assert_allclose(log_odds, np.log(share / (1 - share)), atol=2e-3)


def test_classes_without_positives_or_negatives_score_zero() -> None:
    x, y = problem(2, 60)
    y[:, 0], y[:, 1] = False, True
    log_odds = fit_neighbours(x, y, np.arange(60))(x)
    assert (log_odds[:, :2] == 0).all() and np.isfinite(log_odds).all() and log_odds[:, 2].std() > 0


def test_k_has_the_largest_area_in_held_out_parts() -> None:
    """Islands of six records, each with a label of its own: more than five neighbours come from others."""
    generator = np.random.default_rng(3)
    islands = np.repeat(generator.normal(size=(20, 16)), 6, axis=0)
    x = islands + 0.05 * generator.normal(size=islands.shape)
    y = np.repeat(np.arange(20) % 2 == 0, 6)[:, None]
    assert fit_neighbours(x, y, np.arange(120)).k == 5
    x, y = problem(4, 300)
    noisy = y ^ (generator.random(y.shape) < 0.3)
    assert fit_neighbours(x, noisy, np.arange(300)).k > 10


def test_one_patient_and_few_records() -> None:
    x, y = problem(5, 12)
    assert fit_neighbours(x, y, np.zeros(12)).k == 5
    assert np.isfinite(fit_neighbours(x[:2], y[:2], np.arange(2))(x)).all()


def test_shifts_scales_and_constant_features_change_nothing() -> None:
    x, y = problem(6, 100)
    plain = fit_neighbours(x, y, np.arange(100))
    moved = np.concatenate([x * 3 + 7, np.full((100, 1), 1e6)], axis=1)
    other = fit_neighbours(moved, y, np.arange(100))
    assert other.k == plain.k
    np.testing.assert_allclose(other(moved), plain(x), atol=1e-3)
