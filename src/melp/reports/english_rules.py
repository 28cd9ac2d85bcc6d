"""The rules of `english.tsv`, which rewrite English reports to the controlled wording."""

from __future__ import annotations

import re
from typing import NamedTuple

from melp.io.tables import read_packaged_tsv


class Rule(NamedTuple):
    """A pattern and its replacement.

    `standalone` replaces a continuation that has no statement before it.
    """

    pattern: re.Pattern[str]
    replacement: str
    standalone: str


_ROWS = read_packaged_tsv("melp.reports", "english", columns=4)


def _rules(stage: str) -> list[Rule]:
    return [Rule(re.compile(row[1]), row[2], row[3]) for row in _ROWS if row[0] == stage]


SPELLING = _rules("spelling")
"""Unify spelling and write out abbreviations; applied first, to whole sentences."""

REWRITES = _rules("rewrite")
"""Rewrite clauses to the wording of a statement."""

CONTINUATIONS = _rules("leaning")
"""Sentences that qualify the statement before them."""

KNOWN_SENTENCES = tuple(row[1] for row in _ROWS if row[0] == "known")
"""Sentences of the ECG machine, with which a truncated one is completed."""

_CONTINUES = (
    "with|and|or|at|on|is|are|has|due|which|in|of|to|but|pattern|type|criteria|suggest|rate|cannot|may|noted|seen"
    r"|present|becomes?|by|alternating|throughout|was|consistent|persist|without|during|pause|from|not"
    r"|no longer|never|absent|resolved|excluded|ruled|unlikely|likely|vs|versus|like|\d|\("
    r"|terminated|converted|preceded|followed|interrupted|after|before|despite|until"
)
_CONTINUES_AFTER_COMMA = (
    r"this|most|consistent|suggest|may|bigemin|trigemin|possib|probab|which|with|age|rate|unchanged|new|old|recent|acute"
    r"|not|no longer|resolved|absent|excluded|ruled|unlikely|likely|cannot|\d"
)
STANDALONE = re.compile(
    rf"({'|'.join(row[1] for row in _ROWS if row[0] == 'standalone')})"
    rf"(?:(?: (?!{_CONTINUES})|, (?!{_CONTINUES_AFTER_COMMA}))(.+))?$"
)
"""A complete statement at the start of a text that continues without a full stop."""
