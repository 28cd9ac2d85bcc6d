"""A report from the probabilities of statements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melp.reports.write import compose_report, join_statements

PROBABILITIES = {
    "normal ecg": 0.1,
    "inferior myocardial infarction": 0.6,
    "myocardial infarction": 0.8,
    "sinus rhythm": 0.9,
    "possible inferior myocardial infarction": 0.2,
    "no st depression": 0.3,
}


def test_a_report_states_what_is_probable_and_not_implied() -> None:
    report = compose_report(list(PROBABILITIES), list(PROBABILITIES.values()))
    assert report == ["sinus rhythm", "inferior myocardial infarction", "no st depression"]


@pytest.mark.parametrize(
    ("threshold", "last"),
    [
        (0.7, "myocardial infarction"),
        (0.95, "sinus rhythm"),
        (0.2, "possible inferior myocardial infarction"),
    ],
)
def test_the_threshold_decides(threshold: float, last: str) -> None:
    report = compose_report(list(PROBABILITIES), list(PROBABILITIES.values()), threshold)
    assert report[-1] == last


@pytest.mark.parametrize(
    ("probabilities", "report"),
    [
        ({"atrial fibrillation": 0.9, "sinus tachycardia": 0.5}, ["atrial fibrillation"]),
        ({"left axis deviation": 0.4, "normal axis": 0.6}, ["normal axis"]),
        ({"otherwise normal ecg": 0.7, "normal ecg": 0.5}, ["otherwise normal ecg"]),
        ({"no st depression": 0.4, "st depression": 0.5}, ["st depression"]),
        (
            {"atrial fibrillation": 0.9, "atrial fibrillation with rapid ventricular response": 0.6},
            ["atrial fibrillation with rapid ventricular response"],
        ),
        ({"sinus rhythm": 0.9, "left axis deviation": 0.5}, ["sinus rhythm", "left axis deviation"]),
    ],
)
def test_statements_do_not_contradict_each_other(probabilities: dict[str, float], report: list[str]) -> None:
    assert compose_report(list(probabilities), list(probabilities.values())) == report


@given(st.permutations(list(PROBABILITIES)))
def test_the_order_of_the_statements_does_not_matter(order: list[str]) -> None:
    expected = compose_report(list(PROBABILITIES), list(PROBABILITIES.values()))
    assert compose_report(order, [PROBABILITIES[text] for text in order]) == expected


def test_statements_as_text() -> None:
    assert join_statements(["sinus rhythm", "normal ecg"]) == "sinus rhythm. normal ecg."
    assert join_statements([]) == ""
