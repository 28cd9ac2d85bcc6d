"""Statements of the records of a build, and counts of what was not understood in their reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from melp.corpora import Entry, Options, get_corpus
from melp.reports import Translation, translate

MOST = 10
"""Number of unknown words in a manifest and in a summary."""

_NOT_UNDERSTOOD, _UNKNOWN_WORDS = "not_understood", "unknown_words"


def translation_of(entry: Entry, corpus: str, options: Options) -> Translation:
    """Return the statements that the corpus lists, or else its report, translated."""
    if entry.statements is not None:
        return Translation(tuple(entry.statements), options.language)
    cut = getattr(get_corpus(corpus), "REPORTS_ARE_CUT", False)
    return translate(entry.report, options.language, cut)


class ReportCounts:
    """Counts of reports that are not understood, and of unknown words."""

    def __init__(self) -> None:
        self.not_understood = 0
        self.unknown: Counter[str] = Counter()

    def add(self, translation: Translation) -> None:
        """Count one report."""
        self.not_understood += not translation.understood
        self.unknown.update(translation.unknown)

    def as_json(self) -> dict[str, Any]:
        """Return the counts as they are stored beside a shard."""
        return {_NOT_UNDERSTOOD: self.not_understood, _UNKNOWN_WORDS: dict(sorted(self.unknown.items()))}


def merge_counts(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the counts of a store for its manifest, with only the most frequent unknown words."""
    total = ReportCounts()
    for part in parts:
        total.not_understood += part[_NOT_UNDERSTOOD]
        total.unknown.update(part[_UNKNOWN_WORDS])
    ordered = sorted(total.unknown.items(), key=lambda pair: (-pair[1], pair[0]))
    return {
        _NOT_UNDERSTOOD: total.not_understood,
        _UNKNOWN_WORDS: sum(total.unknown.values()),
        "most_frequent": dict(ordered[:MOST]),
    }
