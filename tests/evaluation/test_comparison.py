from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t
from sklearn.metrics import roc_auc_score

from melp.errors import MelpError
from melp.evaluation.comparison import compare, holm, p_from_interval
from melp.evaluation.effective_rank import effective_rank
from melp.evaluation.intervals import LEAST_PAIRED

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
    assert difference.difference == pytest.approx(difference.first - difference.second)
    assert difference.lo is not None and difference.lo > 0
    assert (difference.left_out, difference.n, difference.patients) == (("PACE",), 120, 60)


def test_interval_equals_a_slow_version() -> None:
    """Placements by pairs, their differences summed by patient; two tables of the first model."""
    first, labels, patients = [tables(seed)[0] for seed in (1, 4)], *tables(1)[1:]
    second, *_ = tables(2, quality=0.8)
    difference = compare(first, [second], labels, patients, min_positives=5)
    moved = dict.fromkeys(patients, 0.0)
    for table, weight in ((first[0], 0.5), (first[1], 0.5), (second, -1.0)):
        for name in ("AFIB", "SR"):
            score, label = table[name].to_numpy(), labels[name].to_numpy()
            area = roc_auc_score(label, score)
            for record, side in enumerate(label):
                right = score[label != side] < score[record] if side else score[label != side] > score[record]
                people = patients[label == side].nunique()
                wider = np.sqrt(people / (people - 1)) / (label == side).sum()
                moved[patients.iloc[record]] += weight / 2 * wider * (right.mean() - area)
    squares = np.square(list(moved.values()))
    reach = t.ppf(0.975, squares.sum() ** 2 / (squares**2).sum()) * np.sqrt(squares.sum())
    assert (difference.lo, difference.hi) == pytest.approx(
        (difference.difference - reach, difference.difference + reach)
    )
    assert difference.p is not None and (difference.p < 0.05) == (difference.lo > 0)


def test_rare_classes_have_no_interval_of_a_difference() -> None:
    first, labels, patients = tables(1)
    second, *_ = tables(2)
    assert 1 <= labels["PACE"].sum() < LEAST_PAIRED
    difference = compare([first], [second], labels, patients)
    assert (difference.lo, difference.hi, difference.p) == (None, None, None) and difference.left_out == ()
    # Patients count, not records; and negatives as well.
    one = patients.where(~labels["AFIB"], -1)
    assert compare([first], [second], labels, one, min_positives=5).lo is None
    assert compare([first], [second], ~labels[["PACE"]], patients).lo is None
    assert compare([first], [second], labels, patients, min_positives=5).lo is not None


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.9 times 4, 3, 2, 1, never falling.
    assert holm([0.02, 0.9, 0.01, 0.03]) == pytest.approx([0.06, 0.9, 0.04, 0.06])
    assert holm([0.3, 0.4]) == pytest.approx([0.6, 0.6]) and holm([]) == [] and holm([0.7, 0.8]) == [1, 1]
    # One without a p-value counts as a comparison.
    assert holm([0.02, None]) == [pytest.approx(0.04), None]


def test_p_value_that_fits_an_interval() -> None:
    assert p_from_interval(0.05, 0.0, 0.1) == pytest.approx(0.05)
    assert p_from_interval(-0.05, -0.1, 0.0) == pytest.approx(0.05)
    # Altman and Bland's example: 3.47 times the error.
    assert p_from_interval(3.47, 3.47 - 1.96, 3.47 + 1.96) == pytest.approx(0.00052, abs=1e-5)
    assert p_from_interval(0, 0, 0) == 1


def test_model_does_not_differ_from_itself_in_another_order() -> None:
    scores, labels, patients = tables(1)
    difference = compare([scores], [scores.iloc[::-1, ::-1]], labels, patients, min_positives=5)
    assert (difference.difference, difference.lo, difference.hi, difference.p) == (0, 0, 0, 1)


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
