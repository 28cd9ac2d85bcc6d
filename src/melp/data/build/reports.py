"""Statements of the records of a build, and counts of what was not understood in their reports.

A statement that a corpus lists, such as a line of a machine in MIMIC-IV-ECG, is counted if it has a word that
the controlled wording does not have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from melp.corpora import Entry, Options, get_corpus
from melp.reports import Translation, translate
from melp.reports.machine import unknown_words

MOST = 10
"""Number of unknown words, and of statements with some, in a manifest and in a summary."""

_NOT_UNDERSTOOD, _WORDS, _STATEMENTS = "not_understood", "unknown_words", "unknown_statements"


def translation_of(entry: Entry, corpus: str, options: Options) -> Translation:
    """Return the statements that the corpus lists, or else its report, translated."""
    if entry.statements is not None:
        return Translation(tuple(entry.statements), options.language, listed=True)
    cut = getattr(get_corpus(corpus), "REPORTS_ARE_CUT", False)
    return translate(entry.report, options.language, cut)


class ReportCounts:
    """Counts of reports that are not understood, of unknown words, and of listed statements with some."""

    def __init__(self) -> None:
        self.not_understood = 0
        self.words: Counter[str] = Counter()
        self.statements: Counter[str] = Counter()

    def add(self, translation: Translation) -> None:
        """Count one report."""
        self.not_understood += not translation.understood
        self.words.update(translation.unknown)
        if translation.listed:
            self.statements.update(filter(_has_unknown_word, translation.statements))

    def as_json(self) -> dict[str, Any]:
        """Return the counts as they are stored beside a shard."""
        return {
            _NOT_UNDERSTOOD: self.not_understood,
            _WORDS: dict(sorted(self.words.items())),
            _STATEMENTS: dict(sorted(self.statements.items())),
        }


@lru_cache(maxsize=1 << 16)
def _has_unknown_word(statement: str) -> bool:
    return bool(unknown_words(statement.lower()))


def merge_counts(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the counts of a store for its manifest, with only the most frequent words and statements."""
    total = ReportCounts()
    for part in parts:
        total.not_understood += part[_NOT_UNDERSTOOD]
        total.words.update(part[_WORDS])
        total.statements.update(part[_STATEMENTS])
    return {
        _NOT_UNDERSTOOD: total.not_understood,
        _WORDS: total.words.total(),
        "most_frequent": _most_frequent(total.words),
        _STATEMENTS: total.statements.total(),
        "most_frequent_statements": _most_frequent(total.statements),
    }


def _most_frequent(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST])
