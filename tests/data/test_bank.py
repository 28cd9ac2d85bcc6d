"""The bank of statements."""

from __future__ import annotations

import math

import pytest

from melp.data.bank import StatementBank
from melp.errors import MelpError

REPORTS = [["sinus rhythm", "old infarction"], ["sinus rhythm"], ["infarction"], ["sinus rhythm"]]
IMPLIED = {"old infarction": ["infarction"]}


def implied(statement: str) -> list[str]:
    return IMPLIED.get(statement, [])


def test_shares_count_reports_that_make_or_imply_a_statement() -> None:
    bank = StatementBank.of_reports(REPORTS, implied)
    assert dict(zip(bank.statements, bank.shares, strict=True)) == {
        "sinus rhythm": 0.75,
        "infarction": 0.5,
        "old infarction": 0.25,
    }
    assert bank.statements == ("sinus rhythm", "infarction", "old infarction")


def test_a_report_twice_implied_counts_once() -> None:
    bank = StatementBank.of_reports([["old infarction", "infarction"], ["infarction"]], implied)
    assert bank.shares[bank.statements.index("infarction")] == 1


def test_stated_follows_the_bank_by_text() -> None:
    bank = StatementBank.of_reports(REPORTS, implied)
    stated = bank.stated([["old infarction"], ["unheard of"], ["sinus rhythm", "infarction"]])
    expected = [
        [
            text in report or any(text in implied(statement) for statement in report)
            for text in bank.statements
        ]
        for report in (["old infarction"], ["unheard of"], ["sinus rhythm", "infarction"])
    ]
    assert stated.tolist() == expected
    assert bank.stated([["old infarction"]]).tolist() == stated[:1].tolist()


def test_the_rarest_are_left_out_and_ties_go_by_text() -> None:
    assert StatementBank.of_reports([["b"], ["a"], ["c", "b"]], size=2).statements == ("b", "a")
    assert StatementBank.of_reports([["a"], ["c", "b"], ["b"]], size=2).statements == ("b", "a")


def test_log_odds_are_finite() -> None:
    bank = StatementBank.of_reports([["always", "half"], ["always"]])
    assert bank.log_odds[1] == pytest.approx(0) and math.isfinite(bank.log_odds[0])


def test_reports_without_statements_are_refused() -> None:
    with pytest.raises(MelpError, match="found no statement"):
        StatementBank.of_reports([[], []])
