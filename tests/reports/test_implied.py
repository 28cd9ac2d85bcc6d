"""What statements imply."""

from __future__ import annotations

import pytest

from melp.reports.implied import implied_statements


@pytest.mark.parametrize(
    ("statement", "implied"),
    [
        (
            "possible old inferior myocardial infarction",
            ["inferior myocardial infarction", "myocardial infarction"],
        ),
        (
            "q waves in ii iii avf consistent with old inferior myocardial infarction",
            ["inferior myocardial infarction", "myocardial infarction", "inferior q waves", "q waves"],
        ),
        ("no inferior st depression", []),
        ("no definite evidence of inferior st depression", ["no inferior st depression"]),
        ("left bundle branch block", []),
        ("the cause is not evident", []),
    ],
)
def test_findings_without_hedges_and_ages(statement: str, implied: list[str]) -> None:
    assert implied_statements(statement) == implied


def test_a_denied_finding_in_a_territory_does_not_deny_the_finding() -> None:
    assert "no st depression" not in implied_statements("no definite evidence of inferior st depression")


def test_a_side_is_not_lost() -> None:
    texts = implied_statements(
        "complete left bundle branch block, most commonly due to ischemic heart disease"
    )
    assert "left bundle branch block" in texts and not any("right" in text for text in texts)
