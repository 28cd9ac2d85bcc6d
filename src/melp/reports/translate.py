"""One report -> its statements."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from melp.reports.clauses import OWN, keep_own_words
from melp.reports.cleaning import clean, may_be_truncated, normalise, remove_edit_remarks, unify
from melp.reports.compose import StatementComposer
from melp.reports.english import english_statements
from melp.reports.glossary import Term, load_glossary
from melp.reports.language import AUTO, GLOSSARIES, UNKNOWN, detect_language
from melp.reports.negation import resolve

KNOWN_SHARE = 0.9
"""A German or Swedish report is understood if at least this share of its words is in the glossary."""

_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Translation:
    """A report in English.

    Attributes:
        statements: in the order of the report; each is meaningful without the others.
        language: "en", "de", "sv", or "" if it is none of these.
        words: number of words of a German or Swedish report, without numbers and remarks on the recording.
        unknown: those that the glossary lacks, and all words of a report in no known language.
        understood: False if a statement, or the whole report, is in the words of the report.
        listed: whether the statements are those of a corpus that lists them, not of a report.
    """

    statements: tuple[str, ...]
    language: str
    words: int = 0
    unknown: tuple[str, ...] = ()
    understood: bool = True
    listed: bool = False


def report_language(report: str) -> str:
    """Return the language of a report: "en", "de", "sv", or "" if its words are of none of these."""
    return detect_language(clean(report) or normalise(remove_edit_remarks(report)))


@lru_cache(maxsize=32768)
def translate(report: str, language: str = AUTO, cut: bool = True) -> Translation:
    """Translate a report.

    English keeps its words, except spelling and abbreviations. Of a German or Swedish report with less than
    `KNOWN_SHARE` known words, a clause with an unknown word keeps its own words; so does every clause with a
    negation that is not certain to be understood.

    Args:
        report: as written.
        language: "en", "de", "sv", or "auto" to detect it.
        cut: whether a report of 250 to 255 characters may be cut at its end, as in PTB-XL.
    """
    text, truncated = clean(report), cut and may_be_truncated(report)
    language = report_language(report) if language == AUTO else language
    if language == "en" or not text:
        return Translation(tuple(dict.fromkeys(english_statements(text, truncated))), language)
    if language == UNKNOWN:
        words = tuple(_WORD.findall(report.lower()))
        return Translation((_one_line(report),) if words else (), language, len(words), words, not words)
    return _from_glossary(report, text, language, truncated)


def _one_line(report: str) -> str:
    return " ".join(report.lower().split()).strip(" .")


def _from_glossary(report: str, text: str, language: str, truncated: bool) -> Translation:
    original = {normalise(word): word for word in _WORD.findall(unify(report).lower())}
    terms = load_glossary(GLOSSARIES[language]).terms(text, truncated)
    words, known, unknown = _count(terms)
    enough = known >= KNOWN_SHARE * words

    def own_words(source: str) -> str:
        return _WORD.sub(lambda match: original.get(match.group(), match.group()), source)

    kept = keep_own_words(resolve(terms), enough, own_words)
    statements = StatementComposer(kept, language == "de", truncated).compose()
    understood = all(term.kind != OWN for term in kept)
    if words and not statements:
        statements, understood = [_one_line(remove_edit_remarks(report))], False
    unknown = tuple(original.get(word, word) for word in unknown)
    return Translation(tuple(dict.fromkeys(statements)), language, words, unknown, understood)


def _count(terms: list[Term]) -> tuple[int, int, tuple[str, ...]]:
    """Return the number of words, the number of known ones, and the unknown ones."""
    counted = [term for term in terms if term.kind not in {"number", "noise"}]
    known = sum(term.words for term in counted if term.known)
    return (
        sum(term.words for term in counted),
        known,
        tuple(term.source for term in counted if not term.known),
    )


def to_statements(report: str, language: str = AUTO) -> list[str]:
    """Return the English statements of a report, in its order; see `translate`.

    Without content the list is empty.
    """
    return list(translate(report, language).statements)


def coverage(report: str) -> tuple[int, int]:
    """Return (translated words, all words) of a German or Swedish report; (0, 0) for an English one.

    Numbers and words removed as noise are not counted. Names of leads, and words that are the same in English
    ("st", "block"), count as translated only because the glossary lists them.
    """
    translation = translate(report)
    return translation.words - len(translation.unknown), translation.words
