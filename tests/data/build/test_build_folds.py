from __future__ import annotations

import numpy as np

from melp.corpora._folds import hashed_fold, held_out_fold


def counts(folds: list[int]) -> np.ndarray:
    return np.bincount(folds, minlength=11)


def test_hashed_folds_are_equal_parts_and_stay_as_they_are() -> None:
    keys = [str(number) for number in range(20_000)]
    found = counts([hashed_fold(key) for key in keys])
    assert found[0] == 0 and len(found) == 11
    assert np.abs(found[1:] - 2000).max() < 4 * np.sqrt(2000)
    # These are in stores and in published results: they may never change.
    assert [hashed_fold(key) for key in keys[:8]] == [5, 5, 5, 1, 8, 7, 3, 6]


def test_held_out_folds_are_two_per_cent_each() -> None:
    keys = [str(10_000_000 + number) for number in range(50_000)]
    found = counts([held_out_fold(key) for key in keys])
    assert found[0] == 0 and len(found) == 11
    assert abs(found[10] - 1000) < 4 * np.sqrt(1000)
    assert abs(found[9] - 980) < 4 * np.sqrt(980)
    training = found[1:9]
    assert np.abs(training - training.mean()).max() < 4 * np.sqrt(training.mean())
    assert [held_out_fold(key) for key in keys[:8]] == [6, 4, 10, 1, 4, 1, 9, 8]
