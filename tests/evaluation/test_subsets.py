"""Subsets of labels: a positive of every class, shares, nested sizes, and what is said of them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.paper_probe import paper_probe
from melp.evaluation.probe import probe
from melp.evaluation.subsets import size_notes, stratified_subset
from melp.evaluation.zero_shot import zero_shot
from melp.hub import Model
from melp.tasks import get_task
from melp.tasks.published_labels import read_label_files
from small_published_labels import write_files

FRACTIONS = (1, 2, 5, 10, 20, 37.5, 50, 90, 100)
TASK = get_task("ptbxl-rhythm")


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), percent=st.sampled_from([1, 5, 10, 37.5]), records=st.integers(30, 600))
def test_subsets_keep_a_positive_of_every_class(seed: int, percent: float, records: int) -> None:
    generator = np.random.default_rng(seed)
    labels = generator.random((records, 6)) < np.array([0.5, 0.3, 0.1, 0.05, 0.01, 0.0])
    rows = stratified_subset(labels, percent, seed)
    assert len(set(rows.tolist())) == len(rows)
    assert (labels[rows].any(axis=0) == labels.any(axis=0)).all()
    target = max(1, round(records * percent / 100))
    assert target <= len(rows) <= max(target, labels.any(axis=0).sum() + 1)
    np.testing.assert_array_equal(rows, stratified_subset(labels, percent, seed))


def test_subsets_keep_the_share_of_each_class() -> None:
    generator = np.random.default_rng(0)
    labels = generator.random((4000, 5)) < np.array([0.5, 0.3, 0.2, 0.1, 0.05])
    rows = stratified_subset(labels, 10, 1)
    assert len(rows) == 400
    np.testing.assert_allclose(labels[rows].mean(axis=0), labels.mean(axis=0), atol=0.01)
    assert set(rows) != set(stratified_subset(labels, 10, 2))
    np.testing.assert_array_equal(stratified_subset(labels, 100, 0), np.arange(4000))
    with pytest.raises(MelpError, match="fraction"):
        stratified_subset(labels, 0, 0)


def check_nested(labels: np.ndarray, seed: int) -> list[int]:
    """Check that each subset is a part of the next, and return their sizes."""
    parts = [set(stratified_subset(labels, percent, seed).tolist()) for percent in FRACTIONS]
    assert all(smaller <= larger for smaller, larger in pairwise(parts))
    return [len(part) for part in parts]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), records=st.integers(1, 300), classes=st.integers(1, 20))
def test_subsets_are_nested(seed: int, records: int, classes: int) -> None:
    generator = np.random.default_rng(seed)
    sizes = check_nested(generator.random((records, classes)) < generator.random(classes) ** 3, seed)
    assert sizes[-1] == records


def test_a_small_share_is_not_larger_than_a_large_one() -> None:
    """212 records of twenty classes, half of them rare: one per cent is two records."""
    generator = np.random.default_rng(0)
    labels = generator.random((212, 20)) < np.repeat([0.02, 0.1], 10)
    for seed in range(10):
        sizes = check_nested(labels, seed)
        assert sizes[0] == sizes[1] <= 21 and sizes[4:] == [round(212 * p / 100) for p in FRACTIONS[4:]]


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["ptbxl-super", "ptbxl-sub", "ptbxl-form", "ptbxl-rhythm", "cpsc2018", "csn"]
)
def test_sizes_on_the_published_labels(recordings: Path, name: str) -> None:
    labels = read_label_files(recordings / "published-splits", get_task(name))["train"].labels.to_numpy()
    # As many records as a laptop has; the whole file takes seconds a subset.
    labels = labels[np.random.default_rng(0).permutation(len(labels))[:2000]]
    sizes = check_nested(labels, 0)
    classes = int(labels.any(axis=0).sum())
    targets = [max(1, round(len(labels) * percent / 100)) for percent in FRACTIONS]
    assert all(size == max(target, sizes[0]) for size, target in zip(sizes, targets, strict=True))
    assert sizes[0] <= max(targets[0], classes + 1)


def test_a_share_that_differs_is_said() -> None:
    assert size_notes("t", 10, 21, 212) == [] and size_notes("t", 1, 2, 212) == []
    assert size_notes("t", 1, 22, 212) == ["t: 1 % of the labels: 22 of 212 records used, which is 10.4 %"]
    assert size_notes("t", 10, 110, 1000) == [] and len(size_notes("t", 10, 111, 1000)) == 1
    assert len(size_notes("t", 10, 89, 1000)) == 1


def test_results_count_the_records_that_are_used(model: Model, store: Store, tmp_path: Path) -> None:
    small, tenth, full = probe(model, store, [TASK], fractions=(1, 10, 100))
    # Of 192 records, one per cent is 2, but three findings and sinus rhythm need three.
    assert [one.cell.n_train for one in (small, tenth, full)] == [3, 19, 192]
    assert small.messages == ("ptbxl-rhythm: 1 % of the labels: 3 of 192 records used, which is 1.56 %",)
    assert tenth.messages == full.messages == ()
    assert zero_shot(model, store, [TASK])[0].cell.n_train == 0
    files = write_files(tmp_path, store.index)
    assert [one.cell.n_train for one in paper_probe(model, store, [TASK], files, fractions=(50, 100))] == [
        96,
        192,
    ]
