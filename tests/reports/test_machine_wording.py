"""Statements of ECG machines in the wording of prompts and of the translated reports."""

from __future__ import annotations

from pathlib import Path

import pytest

from melp.reports.machine import machine_statements, unknown_words
from melp.simulator import phrases
from melp.tasks import get_task, list_tasks

_TABLE = Path(__file__).with_name("machine_lines.tsv").read_text(encoding="utf-8")
LINES = [line.split("\t") for line in _TABLE.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(("line", "statements"), LINES)
def test_lines_of_machines(line: str, statements: str) -> None:
    assert " | ".join(machine_statements(line)) == statements
    for statement in statements.split(" | "):
        assert machine_statements(statement) == (statement,), "the wording is final"


def test_number_of_lines_that_keep_their_words() -> None:
    """A line is not reworded if it is in the controlled wording already, or if the table does not know it."""
    kept = [line for line, statements in LINES if statements == line.lower().rstrip(".")]
    unknown = [line for line in kept if unknown_words(line.lower().rstrip("."))]
    assert (len(LINES), len(kept)) == (190, 48)
    assert len(unknown) <= 15, "fewer if the glossaries grow"


@pytest.mark.parametrize("name", list_tasks())
def test_prompts_are_in_the_controlled_wording(name: str) -> None:
    for label, prompts in get_task(name).prompts.items():
        for prompt in prompts:
            assert machine_statements(prompt) == (prompt,), label


def test_simulated_reports_are_in_the_controlled_wording() -> None:
    sections = (phrases.FINDINGS, phrases.AXIS, phrases.T_INVERSION, phrases.DESCRIPTIONS, phrases.CLOSING)
    for section in sections:
        for name, styles in section.items():
            for phrase in (phrase for style in styles for phrase in style):
                assert machine_statements(phrase) == (phrase,), name


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("first degree av block", []),
        ("st elevation in v1 v2 v3, possible ischemia", []),
        ("rhythm with a competing junctional pacemaker", ["competing"]),
        ("unicorn pattern type 1", ["unicorn"]),
    ],
)
def test_words_outside_the_controlled_wording(statement: str, words: list[str]) -> None:
    assert unknown_words(statement) == words
