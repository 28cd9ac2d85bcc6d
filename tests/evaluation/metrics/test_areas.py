"""Areas under the ROC curve against scikit-learn, joined by name, with intervals over patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from melp.errors import MelpError
from melp.evaluation.metrics import auroc, evaluate_auroc
from small_scores import frame, tied


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.integers(1, 200))
def test_auroc_equals_scikit_learn(seed: int, levels: int) -> None:
    scores, labels = tied(seed, levels=levels)
    np.testing.assert_allclose(auroc(scores, labels), roc_auc_score(labels, scores, average=None), atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_auroc_depends_on_order_only(seed: int) -> None:
    scores, labels = tied(seed)
    np.testing.assert_allclose(auroc(np.exp(scores) * 3 - 5, labels), auroc(scores, labels))
    np.testing.assert_allclose(auroc(-scores, labels), 1 - auroc(scores, labels))


def test_scores_are_joined_by_name() -> None:
    scores, labels = tied(1)
    straight = evaluate_auroc(frame(scores), frame(labels))
    shuffled = evaluate_auroc(frame(scores).iloc[::-1, [2, 0, 3, 1]], frame(labels))
    assert shuffled == straight
    assert straight.values["auroc/C"] == pytest.approx(roc_auc_score(labels[:, 2], scores[:, 2]))
    assert straight.macro == pytest.approx(roc_auc_score(labels, scores))
    low, high = straight.intervals["auroc_macro"]
    assert low < straight.macro < high


def test_classes_without_positives_or_negatives_are_left_out() -> None:
    scores, labels = tied(2)
    labels[:, 1], labels[:, 3] = False, True
    result = evaluate_auroc(frame(scores), frame(labels))
    assert result.left_out == ("B", "D")
    assert set(result.values) == set(result.intervals) == {"auroc_macro", "auroc/A", "auroc/C"}
    assert result.macro == pytest.approx(roc_auc_score(labels[:, [0, 2]], scores[:, [0, 2]]))
    assert result.positives == {"A": labels[:, 0].sum(), "B": 0, "C": labels[:, 2].sum(), "D": 60}


def test_a_rare_class_is_left_out_of_the_mean_only() -> None:
    scores, labels = tied(4)
    labels[:, 0] = np.arange(60) < 3
    result = evaluate_auroc(frame(scores), frame(labels), min_positives=5)
    assert result.left_out == ("A",)
    assert result.macro == pytest.approx(roc_auc_score(labels[:, 1:], scores[:, 1:]))
    assert "auroc/A" in result.values
    assert set(result.intervals) == set(result.values)


def test_patients_widen_the_interval() -> None:
    scores, labels = tied(6, records=50, levels=100)
    repeated = frame(np.tile(scores, (6, 1))), frame(np.tile(labels, (6, 1)))
    patients = pd.Series(np.tile(np.arange(50), 6), index=repeated[1].index)
    by_record = evaluate_auroc(*repeated).intervals["auroc_macro"]
    by_patient = evaluate_auroc(*repeated, patients).intervals["auroc_macro"]
    assert by_patient[1] - by_patient[0] > 1.8 * (by_record[1] - by_record[0])


def test_invalid_scores_and_labels() -> None:
    scores, labels = tied(7)
    with pytest.raises(MelpError, match="missing"):
        evaluate_auroc(frame(scores).iloc[1:], frame(labels))
    with pytest.raises(MelpError, match="not finite"):
        evaluate_auroc(frame(np.where(scores > 3, np.nan, scores)), frame(labels))
    with pytest.raises(MelpError, match="no class"):
        evaluate_auroc(frame(scores), frame(labels & False))
