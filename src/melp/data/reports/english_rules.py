"""The rules of `english.tsv`, which bring English reports to the controlled wording."""

from __future__ import annotations

import re
from importlib import resources
from typing import NamedTuple


class Rule(NamedTuple):
    """A pattern and what it becomes; `alone` where a sentence has none before it to lean on."""

    pattern: re.Pattern[str]
    replacement: str
    alone: str


def _load(stage: str) -> list[Rule]:
    table = resources.files("melp.data.reports").joinpath("english.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if line.startswith(stage + "\t")]
    return [Rule(re.compile(row[1]), (row + [""])[2], (row + ["", ""])[3]) for row in rows]


SPELLING = _load("spelling")
REWRITES = _load("rewrite")
LEANING = _load("leaning")
STANDALONE = re.compile(
    r"(sinus rhythm|sinus bradycardia|sinus tachycardia|sinus arrhythmia|left axis deviation|right axis deviation|"
    r"left anterior fascicular block|premature (?:ventricular|atrial) contractions|normal ecg|otherwise normal ecg)"
    r"(?: (?!with|and|or|at|,)|, (?!this|most|consistent|suggest|may|bigemin|trigemin))(.+)$"
)
