"""Places of first hits against all orders of ties, one matrix against parts of it, and intervals of rates."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from melp.evaluation.ranking import Places, chance_places, first_hits
from melp.evaluation.rates import patient_bootstrap, rate_interval


def _slow(similarity: np.ndarray, hit: np.ndarray, k: int) -> tuple[float, float]:
    """Recall and rank of one query: the mean over all orders that keep the similarities sorted."""
    found, ranks = [], []
    for order in permutations(range(len(similarity))):
        sorted_values = similarity[list(order)]
        if (np.diff(sorted_values) <= 0).all():
            first = min(place for place, item in enumerate(order) if hit[item])
            found.append(first < k)
            ranks.append(first + 1)
    return float(np.mean(found)), float(np.mean(ranks))


@pytest.mark.parametrize("k", [1, 2, 4])
def test_ties_count_as_the_mean_over_their_orders(k: int) -> None:
    generator = np.random.default_rng(k)
    for _ in range(25):
        similarity = generator.integers(0, 3, 6) / 2
        hit = generator.random(6) < 0.4
        hit[generator.integers(6)] = True
        best = similarity[hit].max()
        tied = similarity == best
        counts = [(similarity > best).sum(), tied.sum(), (tied & hit).sum()]
        places = Places(*(np.array([count]) for count in counts))
        recall, rank = _slow(similarity, hit, k)
        assert places.recall(k)[0] == pytest.approx(recall)
        assert places.ranks[0] == pytest.approx(rank)


def test_a_constant_similarity_has_the_recall_of_chance() -> None:
    groups = np.array([0, 0, 0, 1, 1, 2])
    vectors = torch.ones(6, 4) / 2
    places, chance = (
        first_hits(vectors, vectors, groups, groups),
        chance_places(np.array([3, 3, 3, 2, 2, 1]), 6),
    )
    for k in (1, 5, 10):
        np.testing.assert_allclose(places.recall(k), chance.recall(k))
    np.testing.assert_allclose(chance.recall(1), [1 / 2, 1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 6])


def test_parts_equal_one_matrix_and_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    queries, items = (normalize(torch.randn(size, 5, generator=generator), dim=-1) for size in (23, 31))
    items[7] = items[3]
    numbers = np.random.default_rng(0)
    query_groups, item_groups = numbers.integers(0, 6, 23), np.arange(31) % 6
    counts = numbers.integers(1, 4, 31)
    whole = first_hits(queries, items, query_groups, item_groups, counts)
    parts = first_hits(queries, items, query_groups, item_groups, counts, side=7)
    for name in ("above", "tied", "hits"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    similarity = queries.double().numpy() @ items.double().numpy().T
    for row, group in enumerate(query_groups):
        best = max(similarity[row, item] for item in range(31) if item_groups[item] == group)
        above = sum(counts[item] for item in range(31) if similarity[row, item] > best + 1e-6)
        tied = [item for item in range(31) if abs(similarity[row, item] - best) <= 1e-6]
        assert whole.above[row] == above
        assert whole.tied[row] == counts[tied].sum()
        assert whole.hits[row] == sum(counts[item] for item in tied if item_groups[item] == group)


def test_an_item_that_occurs_often_is_as_many_items() -> None:
    generator = torch.Generator().manual_seed(1)
    queries, items = (normalize(torch.randn(6, 4, generator=generator), dim=-1) for _ in range(2))
    counts, groups = np.array([3, 1, 2, 1, 1, 4]), np.arange(6)
    once = first_hits(queries, items, groups, groups, counts)
    copies = first_hits(queries, items[np.repeat(groups, counts)], groups, np.repeat(groups, counts))
    np.testing.assert_array_equal(once.above, copies.above)
    np.testing.assert_array_equal(once.ranks, copies.ranks)


@pytest.mark.parametrize(("rate", "agreement"), [(0.02, 0.0), (0.3, 0.0), (0.3, 0.8), (0.97, 0.5)])
def test_the_interval_of_a_rate_contains_it(rate: float, agreement: float) -> None:
    generator = np.random.default_rng(0)
    patients = np.repeat(np.arange(150), generator.integers(1, 5, 150))
    inside = []
    for _ in range(300):
        shared, own = generator.random(150)[patients], generator.random(len(patients))
        values = np.where(generator.random(150)[patients] < agreement, shared, own) < rate
        low, high = rate_interval(values.astype(float), patients)
        inside.append(low <= rate <= high)
    assert np.mean(inside) >= 0.92


def test_intervals_of_rates_by_hand() -> None:
    # One record a patient: Wilson (1927) of 3 of 10 is 0.1078 to 0.6032 for z; t with 9 degrees is wider.
    low, high = rate_interval(np.array([1.0] * 3 + [0.0] * 7), np.arange(10))
    assert low < 0.1078 < 0.3 < 0.6032 < high
    assert (
        rate_interval(np.zeros(100), np.arange(100))[0] == 0 < rate_interval(np.zeros(100), np.arange(100))[1]
    )
    # Copies of the records of each patient add nothing.
    values = np.array([1.0] * 30 + [0.0] * 70)
    once, twice = (rate_interval(np.repeat(values, n), np.repeat(np.arange(100), n)) for n in (1, 2))
    assert once == pytest.approx(twice)
    assert np.isnan(rate_interval(values, np.zeros(100))).all()


def test_the_bootstrap_samples_patients() -> None:
    patients = np.repeat(np.arange(4), [1, 2, 3, 4])
    seen = []

    def count(rows: np.ndarray) -> float:
        times = np.bincount(patients[rows], minlength=4) / [1, 2, 3, 4]
        assert (times == times.round()).all() and times.sum() == 4
        seen.append(len(rows))
        return float(len(rows))

    low, high = patient_bootstrap(count, patients, resamples=200)
    assert (low, high) == tuple(np.quantile(seen, [0.025, 0.975]))
