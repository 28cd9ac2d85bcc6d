"""Which of the three languages of PTB-XL a report is written in."""

from __future__ import annotations

import re
from collections.abc import Iterable

from melp.io.tables import read_packaged_tsv
from melp.reports.cleaning import fold

_WORD = re.compile(r"[a-z]{2,}")


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in _WORD.findall(fold(text))}


def _markers() -> dict[str, set[str]]:
    """Words that only one of the languages has, from the glossaries."""
    german, swedish = (read_packaged_tsv("melp.reports", name, columns=3) for name in ("german", "swedish"))
    english = _words(row[0] for row in read_packaged_tsv("melp.reports", "english_words", columns=1))
    shared = english | _words(row[1] for row in german + swedish)
    words = {"de": _words(row[2] for row in german), "sv": _words(row[2] for row in swedish)}
    return {
        "de": words["de"] - words["sv"] - shared,
        "sv": words["sv"] - words["de"] - shared,
        "en": english - words["de"] - words["sv"],
    }


_MARKERS = _markers()


def language_of(text: str) -> str:
    """The language, "en", "de" or "sv", that most words of a folded text have; German where none has."""
    words = _WORD.findall(text)
    votes = {code: sum(word in markers for word in words) for code, markers in _MARKERS.items()}
    return max(_MARKERS, key=lambda code: votes[code])
