"""Verification against scikit-learn, with ties, and resampling of patients with all of their pairs."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from melp.evaluation.verification import verification


def _random(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    probe, gallery = np.array(["a", "b", "b", "d"]), np.array(["a", "b", "c", "d", "e"])
    similarity = np.round(generator.normal(size=(4, 5)) + 1.0 * (probe[:, None] == gallery), 1)
    return similarity, probe, gallery


@pytest.mark.parametrize("seed", range(5))
def test_scores_equal_those_of_scikit_learn(seed: int) -> None:
    similarity, probe, gallery = _random(seed)
    same = probe[:, None] == gallery
    found = verification(similarity, probe, gallery, resamples=20)
    assert found["auroc"][0] == pytest.approx(roc_auc_score(same.ravel(), similarity.ravel()))
    false, true, _ = roc_curve(same.ravel(), similarity.ravel(), drop_intermediate=False)
    fine = np.linspace(0, 1, 200_001)
    gaps = np.abs(np.interp(fine, np.linspace(0, 1, len(false)), false + true - 1))
    crossing = np.interp(fine[np.argmin(gaps)], np.linspace(0, 1, len(false)), false)
    assert found["equal_error_rate"][0] == pytest.approx(crossing, abs=1e-4)


def test_perfect_and_constant_similarities() -> None:
    _, probe, gallery = _random(0)
    same = (probe[:, None] == gallery).astype(float)
    perfect = verification(same, probe, gallery, resamples=5)
    assert perfect["auroc"][0] == 1 and perfect["equal_error_rate"][0] == 0
    constant = verification(np.ones((4, 5)), probe, gallery, resamples=5)
    assert constant["auroc"][0] == constant["equal_error_rate"][0] == pytest.approx(0.5)


def test_patients_are_drawn_with_all_of_their_pairs() -> None:
    """The samples of patients, by a list of pairs that is written out for each."""
    probe, gallery = np.array(list("abbcdf")), np.array(list("abcdefg"))
    names = np.unique([*probe, *gallery])
    similarity = np.random.default_rng(0).normal(size=(6, 7)) + (probe[:, None] == gallery)
    generator, values = np.random.default_rng(7), []
    # As many samples as `patient_weights` draws at once.
    for drawn in names[generator.integers(len(names), size=(100, len(names)))]:
        pairs = [
            (first == second, similarity[row, column])
            for row, first in enumerate(probe)
            for column, second in enumerate(gallery)
            for one in drawn
            for other in (drawn if first != second else [second])
            if one == first and other == second
        ]
        if any(same for same, _ in pairs):
            values.append(roc_auc_score(*map(list, zip(*pairs, strict=True))))
    found = verification(similarity, probe, gallery, resamples=100, seed=7)["auroc"]
    assert found[1:] == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))
