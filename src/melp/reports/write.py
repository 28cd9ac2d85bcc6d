"""A report from the probabilities of statements."""

from __future__ import annotations

from collections.abc import Sequence

from melp.reports.implied import implied_statements

__all__ = ["THRESHOLD", "compose_report", "join_statements"]

THRESHOLD = 0.3
"""Least probability of a statement of a report: F1 of clinical findings was greatest on fold 8 of PTB-XL."""


def compose_report(
    statements: Sequence[str], probabilities: Sequence[float], threshold: float = THRESHOLD
) -> list[str]:
    """Return the statements of a report, most probable first.

    These are the statements that reach the threshold, without those that another one of them implies: with
    "inferior myocardial infarction", "myocardial infarction" is left out. If none reaches it, the report has
    the most probable statement.

    Args:
        statements: statements in the controlled wording.
        probabilities: the probability that a report makes or implies each.
        threshold: least probability of a statement of the report.
    """
    order = sorted(range(len(statements)), key=lambda place: -probabilities[place])
    chosen = [statements[place] for place in order if probabilities[place] >= threshold]
    chosen = chosen or [statements[order[0]]]
    implied = {text for statement in chosen for text in implied_statements(statement)}
    return [statement for statement in chosen if statement not in implied]


def join_statements(statements: Sequence[str]) -> str:
    """Return the statements of a report as text."""
    return ". ".join(statements) + "." if len(statements) else ""
