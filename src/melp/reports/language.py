"""Detection of the language of a report: English, German or Swedish."""

from __future__ import annotations

import re
from collections.abc import Iterable

from melp.io.tables import read_packaged_tsv
from melp.reports.cleaning import normalise
from melp.reports.glossary import load_glossary, split_words

AUTO, UNKNOWN = "auto", ""
GLOSSARIES = {"de": "german", "sv": "swedish"}
LANGUAGES = ("en", *GLOSSARIES)

_WORD = re.compile(r"[a-z]{2,}")
_KNOWN_SHARE = 0.9  # of the words of a text without distinctive words, to be of a language


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in _WORD.findall(normalise(text))}


_ENGLISH = _words(row[0] for row in read_packaged_tsv("melp.reports", "english_words", columns=1))


def _distinctive_words() -> dict[str, set[str]]:
    """Return, by language, the words that distinguish it from English or that only English has.

    German and Swedish share some words, such as "infarkt", which count for both.
    """
    german, swedish = (read_packaged_tsv("melp.reports", name, columns=3) for name in GLOSSARIES.values())
    shared = _ENGLISH | _words(row[1] for row in german + swedish)
    words = {"de": _words(row[2] for row in german), "sv": _words(row[2] for row in swedish)}
    return {
        "en": _ENGLISH - words["de"] - words["sv"],
        "de": words["de"] - shared,
        "sv": words["sv"] - shared,
    }


_DISTINCTIVE_WORDS = _distinctive_words()


def detect_language(text: str) -> str:
    """Return "en", "de" or "sv", or "" if the words of a normalised text are of none of these.

    The language is the one with most distinctive words. Without any, it is English if all words are in the
    list of English words, or else the language whose glossary knows nearly all of them, or else English if
    half of them are English.
    """
    words = _WORD.findall(text)
    votes = {
        code: sum(word in distinctive for word in words) for code, distinctive in _DISTINCTIVE_WORDS.items()
    }
    best = max(votes.values())
    leading = [code for code, count in votes.items() if count == best]
    if len(leading) == 1:
        return leading[0]
    english = sum(word in _ENGLISH for word in words)
    if words and english == len(words):
        return "en"
    shares = {code: _share_known(text, name) for code, name in GLOSSARIES.items() if code in leading}
    likely = max(shares, key=lambda code: shares[code]) if shares else leading[0]
    if best or shares.get(likely, 0) >= _KNOWN_SHARE:
        return likely
    return "en" if 2 * english >= len(words) else UNKNOWN


def _share_known(text: str, name: str) -> float:
    if not split_words(text):
        return 0
    terms = load_glossary(name).terms(text)
    known = sum(term.words for term in terms if term.known and term.kind != "number")
    return known / max(1, sum(term.words for term in terms if term.kind != "number"))
