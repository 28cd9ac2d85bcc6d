"""A report from the probabilities of statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from melp.reports.findings import statement_findings
from melp.reports.implied import implied_statements

__all__ = ["THRESHOLD", "compose_report", "join_statements"]

THRESHOLD = 0.3
"""Least probability of a statement of a report: F1 of clinical findings was greatest on fold 8 of PTB-XL."""
_ONE_OF = (
    {
        "sinus rhythm", "sinus bradycardia", "sinus tachycardia", "sinus arrhythmia", "atrial fibrillation",
        "atrial flutter", "atrial tachycardia", "atrial rhythm", "supraventricular tachycardia",
        "supraventricular arrhythmia", "junctional rhythm", "junctional tachycardia",
        "idioventricular rhythm", "ventricular tachycardia", "ventricular fibrillation", "paced rhythm",
        "regular rhythm without p waves", "irregular rhythm without p waves",
    },
    {
        "normal axis", "left axis deviation", "leftward axis", "right axis deviation", "rightward axis",
        "vertical axis", "indeterminate axis",
    },
    {"normal ecg", "otherwise normal ecg", "borderline ecg", "abnormal ecg"},
)  # fmt: skip
"""Findings of which reports state one: the rhythm, the axis, the conclusion."""


def compose_report(
    statements: Sequence[str], probabilities: Sequence[float], threshold: float = THRESHOLD
) -> list[str]:
    """Return the statements of a report, most probable first.

    These are the statements that reach the threshold, without those that another one of them implies: with
    "inferior myocardial infarction", "myocardial infarction" is left out. Of several rhythms, axes and
    conclusions, such as "normal ecg", only the most probable is stated, and of a finding and its denial the
    more probable. If no statement reaches the threshold, the report has the most probable one.

    Args:
        statements: statements in the controlled wording.
        probabilities: the probability that a report makes or implies each.
        threshold: least probability of a statement of the report.
    """
    order = sorted(range(len(statements)), key=lambda place: -probabilities[place])
    probable = [statements[place] for place in order if probabilities[place] >= threshold]
    chosen = list[str]()
    for statement in probable or [statements[order[0]]]:
        if not any(_exclude(statement, other) for other in chosen):
            chosen.append(statement)
    implied = {text for statement in chosen for text in implied_statements(statement)}
    return [statement for statement in chosen if statement not in implied]


def _exclude(first: str, second: str) -> bool:
    """Return whether no report makes both statements."""
    findings = [statement_findings(statement) for statement in (first, second)]
    if any(replace(finding, denied=not finding.denied) in findings[1] for finding in findings[0]):
        return True
    names = [{finding.name for finding in side if not finding.denied} for side in findings]
    return any(names[0] & group and names[1] & group and not names[0] & names[1] & group for group in _ONE_OF)


def join_statements(statements: Sequence[str]) -> str:
    """Return the statements of a report as text."""
    return ". ".join(statements) + "." if len(statements) else ""
