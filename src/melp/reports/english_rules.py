"""The rules of `english.tsv`, which bring English reports to the controlled wording."""

from __future__ import annotations

import re
from typing import NamedTuple

from melp.io.tables import read_packaged_tsv


class Rule(NamedTuple):
    """A pattern and what it becomes; `alone` where a leaning sentence has none before it to lean on."""

    pattern: re.Pattern[str]
    replacement: str
    alone: str


_ROWS = read_packaged_tsv("melp.reports", "english", columns=4)


def _rules(stage: str) -> list[Rule]:
    return [Rule(re.compile(row[1]), row[2], row[3]) for row in _ROWS if row[0] == stage]


SPELLING = _rules("spelling")
"""Names brought to one spelling, abbreviations written out: over whole sentences, before anything else."""

REWRITES = _rules("rewrite")
"""Clauses brought to the wording of a statement."""

LEANING = _rules("leaning")
"""Sentences that say something about the statement before them."""

KNOWN_SENTENCES = tuple(row[1] for row in _ROWS if row[0] == "known")
"""Sentences of the machine, by which one that was cut off is completed."""

_GOES_ON = (
    "with|and|or|at|on|is|are|has|due|which|in|of|to|but|pattern|type|criteria|suggest|rate|cannot|may|noted|seen"
    r"|present|becomes?|by|alternating|throughout|was|consistent|persist|without|during|pause|from|\d|\("
)
_GOES_ON_BEHIND_COMMA = (
    r"this|most|consistent|suggest|may|bigemin|trigemin|possib|probab|which|with|age|rate|\d"
)
STANDALONE = re.compile(
    rf"({'|'.join(row[1] for row in _ROWS if row[0] == 'standalone')})"
    rf"(?:(?: (?!{_GOES_ON})|, (?!{_GOES_ON_BEHIND_COMMA}))(.+))?$"
)
"""A statement that stands at the front of a longer text without a full stop."""
