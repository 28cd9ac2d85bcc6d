"""One report -> its statements."""

from __future__ import annotations

from melp.data.reports.cleaning import clean
from melp.data.reports.compose import Composer
from melp.data.reports.english import english_statements
from melp.data.reports.glossary import load_glossary
from melp.data.reports.language import language as _language

_GLOSSARIES = {"de": "german", "sv": "swedish"}


def language(report: str) -> str:
    """The language of a report: "en", "de" or "sv"."""
    return _language(clean(report))


def to_statements(report: str) -> list[str]:
    """English statements of one report, in order, each making sense alone; nothing for an empty report."""
    text = clean(report)
    spoken = _language(text)
    if spoken == "en":
        found = english_statements(text)
    else:
        found = Composer(load_glossary(_GLOSSARIES[spoken]).items(text)).compose()
    return list(dict.fromkeys(found))


def coverage(report: str) -> tuple[int, int]:
    """(translated, all) word tokens of a German or Swedish report, noise left out; (0, 0) for an English one."""
    text = clean(report)
    spoken = _language(text)
    if spoken == "en":
        return 0, 0
    items = [item for item in load_glossary(_GLOSSARIES[spoken]).items(text) if item.kind != "number"]
    return sum(item.words for item in items if item.known), sum(item.words for item in items)
