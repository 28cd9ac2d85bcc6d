"""Statements in the controlled wording -> clinical findings that can be compared between reports.

    "no inferior st depression"                           -> no inferior st depression
    "anterolateral myocardial infarction, probably old"   -> anterior and lateral myocardial infarction
    "st elevation in ii avf, possible ischemia"           -> inferior st elevation, ischemia

`findings.tsv` has the findings and their wordings. A side ("left", "right") is a part of the finding. A
located finding is one finding for each of its territories, which its adjectives or its leads name. A finding
that a report denies is another finding than the one that it states. Hedges, ages and degrees are not
compared: "possible", "probably old" and "cannot be ruled out" state a finding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from melp.io.tables import read_packaged_tsv
from melp.reports.translate import to_statements

__all__ = ["Finding", "finding_named", "read_findings", "statement_findings"]

_EVERYWHERE = ("septal", "anterior", "lateral", "inferior")
_TERRITORIES = {
    **{name: (name,) for name in (*_EVERYWHERE, "posterior", "apical")},
    "anteroseptal": ("septal", "anterior"),
    "anterolateral": ("anterior", "lateral"),
    "anteroinferior": ("anterior", "inferior"),
    "inferolateral": ("lateral", "inferior"),
    "inferoposterior": ("inferior", "posterior"),
    "posterolateral": ("lateral", "posterior"),
    "inferoposterolateral": ("lateral", "inferior", "posterior"),
    **dict.fromkeys(("v1", "v2"), ("septal",)),
    **dict.fromkeys(("v3", "v4"), ("anterior",)),
    **dict.fromkeys(("i", "avl", "v5", "v6"), ("lateral",)),
    **dict.fromkeys(("ii", "iii", "avf"), ("inferior",)),
    "limb leads": ("lateral", "inferior"),
    "chest leads": ("septal", "anterior", "lateral"),
    **dict.fromkeys(("all leads", "throughout", "widespread", "diffuse"), _EVERYWHERE),
}
_DOUBT = re.compile(r"\bcannot be (?:ruled out|excluded)\b|\bnot excluded\b")
_DENIALS = ("no", "not", "without", "neither", "nor")
_DENIED = ("no longer", "not seen", "not present", "excluded", "ruled out", "absent", "negative")
_ENDS = (",", ";", "but", "with", "consistent", "suggesting", "due")


@dataclass(frozen=True, order=True)
class Finding:
    """A finding of a report; `territory` is "" if the finding has none or the report does not name it."""

    name: str
    territory: str = ""
    denied: bool = False

    def __str__(self) -> str:
        return " ".join(filter(None, ("no" if self.denied else "", self.territory, self.name)))


@cache
def _lexicon() -> tuple[re.Pattern[str], dict[str, str], frozenset[str]]:
    """Return a pattern of all parts of a statement that matter, names by wording, and the located names."""
    names, located = dict[str, str](), set[str]()
    for name, has_territory, wordings in read_packaged_tsv("melp.reports", "findings", columns=3):
        names |= dict.fromkeys([name, *(wordings.split(" | ") if wordings != "-" else ())], name)
        located |= {name} if has_territory == "yes" else set()
    parts = sorted([*names, *_TERRITORIES, *_DENIED, *_DENIALS, *_ENDS, "in"], key=len, reverse=True)
    return (
        re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, parts))})(?![\w-])|,"),
        names,
        frozenset(located),
    )


@cache
def statement_findings(statement: str) -> frozenset[Finding]:
    """Return the findings of a statement in the controlled wording; empty if it has none that is known."""
    pattern, names, located = _lexicon()
    found: list[tuple[str, list[str], bool]] = []  # of the clause: name, territories, whether it is denied
    done, before, denied, places_follow = list[Finding](), list[str](), False, False
    statement = _DOUBT.sub("", statement)
    for match in pattern.finditer(statement):
        part = match.group()
        if part in names:
            found.append((names[part], before, denied))
            before, places_follow = [], False
        elif part in _TERRITORIES:
            (found[-1][1] if found and places_follow else before).extend(_TERRITORIES[part])
        elif part in _DENIED and found:
            found = [(name, territories, True) for name, territories, _ in found]
        elif part in _DENIALS:
            denied = True
        elif part == "in":
            places_follow = True
        else:
            done += _located(found, located)
            # "no a, b or c" denies all three.
            denied = denied and part == "," and " or " in statement[match.end() :]
            found, places_follow = [], False
    return frozenset([*done, *_located(found, located)])


def _located(found: Sequence[tuple[str, list[str], bool]], located: frozenset[str]) -> list[Finding]:
    return [
        Finding(name, territory, denied)
        for name, territories, denied in found
        for territory in ((territories or [""]) if name in located else [""])
    ]


def finding_named(wording: str) -> str:
    """Return the finding of which a text is another wording; "" if it is none of `findings.tsv`.

    "prolonged pr interval" -> "first degree av block"
    "slightly prolonged pr interval", "first degree av block" -> ""
    """
    name = _lexicon()[1].get(wording, "")
    return "" if name == wording else name


def read_findings(report: str) -> tuple[frozenset[Finding], int]:
    """Return the findings of an English report, and the number of its statements without a known one."""
    parts = [statement_findings(statement) for statement in to_statements(report, "en")]
    return frozenset().union(*parts), sum(not part for part in parts)
