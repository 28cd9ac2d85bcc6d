"""One report -> its statements."""

from __future__ import annotations

from functools import lru_cache

from melp.reports.cleaning import clean, fold, is_cut, without_edits
from melp.reports.compose import Composer
from melp.reports.english import english_statements
from melp.reports.glossary import Item, load_glossary
from melp.reports.language import language_of

_GLOSSARIES = {"de": "german", "sv": "swedish"}


def language(report: str) -> str:
    """The language of a report: "en", "de" or "sv"."""
    return language_of(clean(report) or fold(without_edits(report)))


def _items(text: str, spoken: str, cut: bool) -> list[Item]:
    return load_glossary(_GLOSSARIES[spoken]).items(text, cut)


@lru_cache(maxsize=32768)
def _statements(report: str) -> tuple[str, ...]:
    text = clean(report)
    spoken = language_of(text)
    if spoken == "en":
        found = english_statements(text, is_cut(report))
    else:
        cut = is_cut(report)
        items = _items(text, spoken, cut)
        found = Composer(items, bare_adjectives_follow=spoken == "de", cut=cut).compose()
    return tuple(dict.fromkeys(found))


def to_statements(report: str) -> list[str]:
    """English statements of one report, in order, each making sense alone; nothing for an empty report."""
    return list(_statements(report))


def coverage(report: str) -> tuple[int, int]:
    """(translated, all) words of a German or Swedish report; (0, 0) for an English one.

    Numbers and what is removed as noise count as neither. Names of leads and words that are the same in
    English ("st", "block") count as translated only because the glossary lists them.
    """
    text = clean(report)
    spoken = language_of(text)
    if spoken == "en":
        return 0, 0
    items = [item for item in _items(text, spoken, is_cut(report)) if item.kind not in {"number", "noise"}]
    return sum(item.words for item in items if item.known), sum(item.words for item in items)
