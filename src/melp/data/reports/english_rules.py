"""The rules of `english.tsv`, which bring English reports to the controlled wording."""

from __future__ import annotations

import re
from importlib import resources
from typing import NamedTuple


class Rule(NamedTuple):
    """A pattern and what it becomes; `alone` where a leaning sentence has none before it to lean on."""

    pattern: re.Pattern[str]
    replacement: str
    alone: str


_TABLE = resources.files("melp.data.reports").joinpath("english.tsv").read_text(encoding="utf-8")


def _rows(stage: str) -> list[list[str]]:
    rows = [line.split("\t") for line in _TABLE.splitlines()]
    return [[*row[1:], "", ""] for row in rows if row[0] == stage]


def _rules(stage: str) -> list[Rule]:
    return [Rule(re.compile(row[0]), row[1], row[2]) for row in _rows(stage)]


SPELLING = _rules("spelling")
"""Names brought to one spelling, abbreviations written out: over whole sentences, before anything else."""

REWRITES = _rules("rewrite")
"""Clauses brought to the wording of a statement."""

LEANING = _rules("leaning")
"""Sentences that say something about the statement before them."""

KNOWN_SENTENCES = tuple(row[0] for row in _rows("known"))
"""Sentences of the machine, by which one that was cut off is completed."""

STANDALONE = re.compile(
    rf"({'|'.join(row[0] for row in _rows('standalone'))})"
    r"(?:(?: (?!with|and|or|at|on|is|are|has|due|which|in|of|to|but|pattern|type|criteria|suggest|rate|cannot|may|noted"
    r"|seen|present|becomes?|by|alternating|throughout|was|consistent|persist|without|during|pause|from|\d)"
    r"|, (?!this|most|consistent|suggest|may|bigemin|trigemin|possib|probab|which|with|age|rate|\d))(.+))?$"
)
"""A statement that stands at the front of a longer text without a full stop."""
