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
    """Scores, labels and patients; two recordings a patient."""
    truth = np.random.default_rng(0)
    labels = truth.random((records, 3)) < (0.4, 0.5, 0.02)
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
    found = compare(first, second, labels, patients, min_positives=5)
    everyone, classes = np.arange(len(labels)), ["AFIB", "SR"]
    wanted = np.mean([slow_areas(table, labels, everyone, classes) for table in first])
    assert found.first == pytest.approx(wanted)
    assert found.second == pytest.approx(slow_areas(second[0], labels, everyone, classes))
    assert found.difference == pytest.approx(found.first - found.second) and found.lo > 0
    assert (found.left_out, found.n, found.patients) == (("PACE",), 120, 60)


def test_interval_is_that_of_a_slow_paired_bootstrap() -> None:
    first, labels, patients = tables(1)
    second, *_ = tables(2, quality=0.8)
    found = compare([first], [second], labels, patients, min_positives=5, resamples=60, seed=4)
    drawn = []
    for times in np.random.default_rng(4).multinomial(60, np.full(60, 1 / 60), size=60):
        rows = np.repeat(np.arange(120), np.repeat(times, 2))
        one, other = (slow_areas(table, labels, rows, ["AFIB", "SR"]) for table in (first, second))
        drawn.append(one - other)
    assert (found.lo, found.hi) == pytest.approx(np.quantile(drawn, (0.025, 0.975)))


def test_a_model_does_not_differ_from_itself_whatever_the_order_of_its_table() -> None:
    scores, labels, patients = tables(1)
    found = compare([scores], [scores.iloc[::-1, ::-1]], labels, patients)
    assert (found.difference, found.lo, found.hi) == (0, 0, 0)


def test_what_cannot_be_compared() -> None:
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
