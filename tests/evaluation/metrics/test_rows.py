"""Rows of metrics: joined by name, means over the classes that count, thresholds, groups and intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, f1_score, recall_score, roc_auc_score

from melp.errors import MelpError
from melp.evaluation.intervals import areas_of, class_intervals, macro_interval
from melp.evaluation.metrics import COLUMNS, METRICS, metric_rows
from small_scores import frame, tied


@pytest.fixture
def least(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all metrics but AUROC and calibration error have intervals from 15 patients on, means from 13."""
    for name in set(METRICS) - {"auroc", "calibration_error"}:
        monkeypatch.setitem(METRICS, name, replace(METRICS[name], least=15, least_mean=13))


def row(table: pd.DataFrame, metric: str, name: str | None = None) -> pd.Series:
    """The row of a metric and a class, or of the mean."""
    own = table[
        (table["metric"] == metric) & (table["class"].isna() if name is None else table["class"] == name)
    ]
    assert len(own) == 1
    return own.iloc[0]


def probabilities(seed: int, records: int = 60) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores from 0 to 1 and labels."""
    scores, labels = tied(seed, records)
    return frame((scores + 2 * labels) / 8), frame(labels)


def test_areas_and_their_intervals() -> None:
    scores, labels = tied(2)
    labels[:, 1], labels[:, 3] = False, np.arange(60) < 3
    people = np.arange(60) // 2
    areas = areas_of(scores, labels, people)
    of_classes = [roc_auc_score(labels[:, c], scores[:, c]) if c != 1 else np.nan for c in range(4)]
    for settings, counted in (
        ({}, [0, 2, 3]),
        ({"min_positives": 5}, [0, 2]),
        ({"empty_as_zero": True}, range(4)),
    ):
        table = metric_rows(
            frame(scores), frame(labels), pd.Series(people, index=frame(labels).index), **settings
        )
        assert (
            tuple(table.columns) == COLUMNS and set(table["metric"]) == {"auroc"} and set(table["n"]) == {60}
        )
        assert table["class"].fillna("").tolist() == ["", *"ABCD"]
        assert table["positives"].fillna(-1).tolist() == [-1, *labels.sum(axis=0)]
        expected = np.where(np.isnan(of_classes) & ("empty_as_zero" in settings), 0, of_classes)
        np.testing.assert_allclose(table["value"], [expected[[*counted]].mean(), *expected], atol=1e-12)
        macro = macro_interval(areas, np.isin(range(4), counted))
        limits = np.vstack([macro, class_intervals(areas)])
        np.testing.assert_allclose(table[["lo", "hi"]], limits, atol=1e-12)


def test_scores_are_joined_by_name() -> None:
    scores, labels = probabilities(1)
    settings = {"metrics": list(METRICS), "validation": probabilities(2), "probabilities": True}
    straight = metric_rows(scores, labels, **settings)
    assert straight["value"].notna().all()
    other, true = probabilities(2)
    settings["validation"] = other.iloc[::-1, [3, 1, 0, 2]], true.iloc[:, [1, 2, 3, 0]]
    shuffled = metric_rows(scores.iloc[::-1, [2, 0, 3, 1]], labels, **settings)
    pd.testing.assert_frame_equal(straight, shuffled)


def test_means_are_over_the_classes_that_count() -> None:
    scores, labels = probabilities(3)
    labels["B"], labels["D"] = np.arange(60) < 4, False
    table = metric_rows(scores, labels, metrics=["auprc"], min_positives=5)
    expected = average_precision_score(labels[["A", "C"]], scores[["A", "C"]])
    assert row(table, "auprc")["value"] == pytest.approx(expected, abs=1e-12)
    assert row(table, "auprc", "B")["value"] == pytest.approx(
        average_precision_score(labels["B"], scores["B"])
    )
    assert np.isnan(row(table, "auprc", "D")["value"]) and row(table, "auprc", "D")["positives"] == 0
    zero = metric_rows(scores, labels, metrics=["auprc"], min_positives=5, empty_as_zero=True)
    assert row(zero, "auprc", "D")["value"] == 0
    assert row(zero, "auprc")["value"] == pytest.approx(zero["value"].iloc[1:].mean())


def test_thresholds_are_those_of_the_validation_records() -> None:
    scores, labels = probabilities(4)
    other, true = probabilities(5)
    other = other / 2
    table = metric_rows(scores, labels, metrics=["f1", "sensitivity"], validation=(other, true))
    cuts = {cut: f1_score(true["C"], other["C"] >= cut) for cut in np.unique(other["C"])}
    assert max(cuts, key=cuts.__getitem__) != max(
        np.unique(scores["C"]), key=lambda cut: f1_score(labels["C"], scores["C"] >= cut)
    )
    expected = f1_score(labels["C"], scores["C"] >= max(cuts, key=cuts.__getitem__))
    assert row(table, "f1", "C")["value"] == pytest.approx(expected, abs=1e-12)
    negatives = np.sort(other["C"][~true["C"]])
    cut = min(cut for cut in [*np.unique(other["C"]), np.inf] if (negatives < cut).mean() >= 0.9)
    expected = recall_score(labels["C"], scores["C"] >= cut)
    assert row(table, "sensitivity", "C")["value"] == pytest.approx(expected, abs=1e-12)
    # A class without a positive among the validation records has no threshold.
    table = metric_rows(scores, labels, metrics=["f1"], validation=(other, true.assign(A=False)))
    assert np.isnan(row(table, "f1", "A")["value"])
    assert row(table, "f1")["value"] == pytest.approx(table["value"].iloc[2:].mean())


@pytest.mark.usefixtures("least")
def test_intervals_are_percentiles_over_patients() -> None:
    """Against a loop of scikit-learn over the repeated records of 50 patients."""
    scores, labels = probabilities(6, 90)
    labels["D"] = np.arange(90) < 12
    patients = pd.Series(np.r_[np.arange(50), np.arange(40)], index=labels.index)
    table = metric_rows(scores, labels, patients, metrics=["auprc"], resamples=60, seed=3)
    generator, drawn = np.random.default_rng(3), []
    for those in generator.integers(50, size=(60, 50)):
        records = np.concatenate([np.flatnonzero(patients == person) for person in those])
        sides = labels.iloc[records].drop(columns="D"), scores.iloc[records].drop(columns="D")
        drawn.append(average_precision_score(*sides, average=None))
    limits = np.quantile(drawn, (0.025, 0.975), axis=0).T
    np.testing.assert_allclose(table[["lo", "hi"]].iloc[1:4], limits, atol=1e-12)
    assert table[["lo", "hi"]].iloc[[0, 4]].isna().all(axis=None)
    table = metric_rows(scores, labels, patients, metrics=["auprc"], min_positives=13, resamples=60, seed=3)
    limits = np.quantile(np.mean(drawn, axis=1), (0.025, 0.975))
    np.testing.assert_allclose(table[["lo", "hi"]].iloc[0].astype(float), limits, atol=1e-12)


@pytest.mark.usefixtures("least")
def test_a_mean_may_have_an_interval_where_a_class_has_none() -> None:
    scores, labels = probabilities(6, 90)
    for positives, known in ((12, False), (13, True), (15, True)):
        labels["D"] = np.arange(90) < positives
        table = metric_rows(scores, labels, metrics=["accuracy"], validation=probabilities(5), resamples=20)
        assert np.isfinite(row(table, "accuracy")["lo"]) == known
        assert np.isfinite(row(table, "accuracy", "D")["lo"]) == (positives >= 15)


@pytest.mark.usefixtures("least")
def test_thresholds_of_the_same_records_have_no_interval() -> None:
    scores, labels = probabilities(7)
    table = metric_rows(scores, labels, metrics=["sensitivity"])
    assert table["value"].notna().all() and table["lo"].isna().all()
    table = metric_rows(scores, labels, metrics=["sensitivity"], validation=(scores, labels))
    assert table["lo"].notna().any()


@pytest.mark.usefixtures("least")
def test_groups_are_their_records_with_the_thresholds_of_all() -> None:
    scores, labels = probabilities(8, 90)
    labels.loc["r0":"r29", "B"] = False
    groups = {"first": labels.index[:30], "others": labels.index[30:], "some": labels.index[20:70]}
    patients = pd.Series(np.random.default_rng(0).integers(50, size=90), index=labels.index)
    settings = {"metrics": ["auroc", "f1"], "validation": probabilities(9), "resamples": 50}
    table = metric_rows(scores, labels, patients, groups=groups, **settings)
    assert table["group"].unique().tolist() == list(groups)
    for name, ids in groups.items():
        own = table[table["group"] == name].drop(columns="group").reset_index(drop=True)
        pd.testing.assert_frame_equal(own, metric_rows(scores, labels.loc[ids], patients, **settings))
    assert np.isnan(row(table[table["group"] == "first"], "auroc", "B")["value"])
    whole = metric_rows(scores, labels, groups=groups, metrics=["sensitivity"])
    cuts = {
        cut: (scores["A"][~labels["A"]] < cut).mean() for cut in [*np.unique(scores["A"].to_numpy()), np.inf]
    }
    cut = min(cut for cut, specificity in cuts.items() if specificity >= 0.9)
    expected = recall_score(labels["A"][:30], scores["A"][:30] >= cut)
    assert row(whole[whole["group"] == "first"], "sensitivity", "A")["value"] == pytest.approx(expected)


def test_invalid_input() -> None:
    scores, labels = probabilities(10)
    for settings, message in (
        ({"metrics": ["auc"]}, "metric: found 'auc', wanted one of auroc, auprc"),
        ({"metrics": ["f1"]}, "metric f1: found no validation scores"),
        ({"metrics": ["brier"]}, "metric brier: found scores that are not probabilities"),
    ):
        with pytest.raises(MelpError, match=message):
            metric_rows(scores, labels, **settings)
    with pytest.raises(MelpError, match="scores: found 0 to 8, wanted probabilities"):
        metric_rows(scores * 8, labels, metrics=["brier"], probabilities=True)
    with pytest.raises(MelpError, match="not finite"):
        metric_rows(scores.where(scores < 0.5), labels, metrics=["auprc"])
    with pytest.raises(MelpError, match="1 records and the classes"):
        metric_rows(scores.iloc[1:], labels)
