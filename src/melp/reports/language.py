"""Detection of the language of a report: English, German or Swedish."""

from __future__ import annotations

import re
from collections.abc import Iterable

from melp.io.tables import read_packaged_tsv
from melp.reports.cleaning import normalise

_WORD = re.compile(r"[a-z]{2,}")


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in _WORD.findall(normalise(text))}


def _distinctive_words() -> dict[str, set[str]]:
    """Return, by language, the words of the glossaries that no other language has."""
    german, swedish = (read_packaged_tsv("melp.reports", name, columns=3) for name in ("german", "swedish"))
    english = _words(row[0] for row in read_packaged_tsv("melp.reports", "english_words", columns=1))
    shared = english | _words(row[1] for row in german + swedish)
    words = {"de": _words(row[2] for row in german), "sv": _words(row[2] for row in swedish)}
    return {
        "de": words["de"] - words["sv"] - shared,
        "sv": words["sv"] - words["de"] - shared,
        "en": english - words["de"] - words["sv"],
    }


_DISTINCTIVE_WORDS = _distinctive_words()


def detect_language(text: str) -> str:
    """Return "en", "de" or "sv": the language with most distinctive words in a normalised text.

    A text without any is taken for German.
    """
    words = _WORD.findall(text)
    votes = {
        code: sum(word in distinctive for word in words) for code, distinctive in _DISTINCTIVE_WORDS.items()
    }
    return max(_DISTINCTIVE_WORDS, key=lambda code: votes[code])
