from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from melp.errors import MelpError
from melp.evaluation.comparison import compare
from melp.evaluation.effective_rank import effective_rank

CLASSES = ["AFIB", "SR", "PACE"]


def tables(
    seed: int, records: int = 120, quality: float = 1.0
) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """Scores, labels and patients; two recordings per patient."""
    generator = np.random.default_rng(0)
    labels = generator.random((records, 3)) < (0.4, 0.5, 0.02)
    noise = np.random.default_rng(seed).normal(size=labels.shape)
    ids = pd.Index([f"r{row}" for row in range(records)])
    return (
        pd.DataFrame(quality * labels + noise, index=ids, columns=CLASSES),
        pd.DataFrame(labels, index=ids, columns=CLASSES),
        pd.Series(np.arange(records) // 2, index=ids),
    )


def slow_areas(scores: pd.DataFrame, labels: pd.DataFrame, rows: np.ndarray, classes: list[str]) -> float:
    areas = [
        roc_auc_score(labels[name].to_numpy()[rows], scores[name].to_numpy()[rows])
        for name in classes
        if labels[name].to_numpy()[rows].any()
    ]
    return float(np.mean(areas))


def test_difference_of_means_over_tables() -> None:
    first, second = [tables(seed)[0] for seed in (1, 2)], [tables(3, quality=0.2)[0]]
    _, labels, patients = tables(1)
    difference = compare(first, second, labels, patients, min_positives=5)
    records, classes = np.arange(len(labels)), ["AFIB", "SR"]
    expected = np.mean([slow_areas(table, labels, records, classes) for table in first])
    assert difference.first == pytest.approx(expected)
    assert difference.second == pytest.approx(slow_areas(second[0], labels, records, classes))
    assert difference.difference == pytest.approx(difference.first - difference.second) and difference.lo > 0
    assert (difference.left_out, difference.n, difference.patients) == (("PACE",), 120, 60)


def test_interval_equals_a_slow_paired_bootstrap() -> None:
    first, labels, patients = tables(1)
    second, *_ = tables(2, quality=0.8)
    difference = compare([first], [second], labels, patients, min_positives=5, resamples=60, seed=4)
    differences = []
    for times in np.random.default_rng(4).multinomial(60, np.full(60, 1 / 60), size=60):
        rows = np.repeat(np.arange(120), np.repeat(times, 2))
        first_area, second_area = (
            slow_areas(table, labels, rows, ["AFIB", "SR"]) for table in (first, second)
        )
        differences.append(first_area - second_area)
    assert (difference.lo, difference.hi) == pytest.approx(np.quantile(differences, (0.025, 0.975)))


def test_model_does_not_differ_from_itself_in_another_order() -> None:
    scores, labels, patients = tables(1)
    difference = compare([scores], [scores.iloc[::-1, ::-1]], labels, patients)
    assert (difference.difference, difference.lo, difference.hi) == (0, 0, 0)


def test_compare_errors() -> None:
    scores, labels, patients = tables(1)
    with pytest.raises(MelpError, match="1 records and the classes"):
        compare([scores], [scores.iloc[1:, :2]], labels, patients)
    with pytest.raises(MelpError, match="without scores"):
        compare([scores], [], labels, patients)
    with pytest.raises(MelpError, match="no class with 100 positives"):
        compare([scores], [scores], labels, patients, min_positives=100)


def test_effective_rank() -> None:
    generator = np.random.default_rng(0)
    line = generator.normal(size=(500, 1)) * np.arange(1, 9)
    assert effective_rank(line) == pytest.approx(1)
    # Orthogonal columns of equal length.
    square, _ = np.linalg.qr(generator.normal(size=(500, 8)) - 0.0)
    square -= square.mean(axis=0)
    assert effective_rank(square) == pytest.approx(8, abs=0.05)
    assert effective_rank(square * np.arange(1, 9)) == pytest.approx(effective_rank(square))
    assert effective_rank(np.ones((5, 3))) == 0
