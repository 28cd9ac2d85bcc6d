from __future__ import annotations

import numpy as np

from melp.corpora._folds import hashed_fold, held_out_fold


def fold_sizes(folds: list[int]) -> np.ndarray:
    return np.bincount(folds, minlength=11)


def test_hashed_folds_have_equal_sizes_and_fixed_values() -> None:
    keys = [str(number) for number in range(20_000)]
    sizes = fold_sizes([hashed_fold(key) for key in keys])
    assert sizes[0] == 0 and len(sizes) == 11
    assert np.abs(sizes[1:] - 2000).max() < 4 * np.sqrt(2000)
    # Stores and published results depend on these values.
    assert [hashed_fold(key) for key in keys[:8]] == [5, 5, 5, 1, 8, 7, 3, 6]


def test_held_out_folds_have_one_per_cent_each() -> None:
    keys = [str(10_000_000 + number) for number in range(50_000)]
    sizes = fold_sizes([held_out_fold(key) for key in keys])
    assert sizes[0] == 0 and len(sizes) == 11
    assert abs(sizes[10] - 500) < 4 * np.sqrt(500)
    assert abs(sizes[9] - 500) < 4 * np.sqrt(500)
    training = sizes[1:9]
    assert np.abs(training - training.mean()).max() < 4 * np.sqrt(training.mean())
    assert [held_out_fold(key) for key in keys[:8]] == [6, 4, 9, 1, 4, 1, 8, 8]
