"""One report -> its statements."""

from __future__ import annotations

from functools import lru_cache

from melp.reports.cleaning import clean, may_be_truncated, normalise, remove_edit_remarks
from melp.reports.compose import StatementComposer
from melp.reports.english import english_statements
from melp.reports.glossary import Term, load_glossary
from melp.reports.language import detect_language

_GLOSSARIES = {"de": "german", "sv": "swedish"}


def report_language(report: str) -> str:
    """Return the language of a report: "en", "de" or "sv"."""
    return detect_language(clean(report) or normalise(remove_edit_remarks(report)))


def _terms(text: str, language: str, truncated: bool) -> list[Term]:
    return load_glossary(_GLOSSARIES[language]).terms(text, truncated)


@lru_cache(maxsize=32768)
def _statements(report: str) -> tuple[str, ...]:
    text, truncated = clean(report), may_be_truncated(report)
    language = detect_language(text)
    if language == "en":
        statements = english_statements(text, truncated)
    else:
        terms = _terms(text, language, truncated)
        statements = StatementComposer(terms, language == "de", truncated).compose()
    return tuple(dict.fromkeys(statements))


def to_statements(report: str) -> list[str]:
    """Return the English statements of a report, in its order; each is meaningful without the others.

    Without content the list is empty.
    """
    return list(_statements(report))


def coverage(report: str) -> tuple[int, int]:
    """Return (translated words, all words) of a German or Swedish report; (0, 0) for an English one.

    Numbers and words removed as noise are not counted. Names of leads, and words that are the same in English
    ("st", "block"), count as translated only because the glossary lists them.
    """
    text = clean(report)
    language = detect_language(text)
    if language == "en":
        return 0, 0
    terms = _terms(text, language, may_be_truncated(report))
    counted = [term for term in terms if term.kind not in {"number", "noise"}]
    return sum(term.words for term in counted if term.known), sum(term.words for term in counted)
