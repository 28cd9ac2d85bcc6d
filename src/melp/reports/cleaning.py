"""Raw report text -> plain lower-case ASCII without machine noise."""

from __future__ import annotations

import re

CUT_LENGTH = 250
"""Reports were cut near 255 characters when PTB-XL was made: a longer text may end within a word."""

_UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "å": "aa", "á": "s", "é": "e", "\x8a": "", "\x8c": ""}
_UMLAUT = re.compile("|".join(_UMLAUTS))
_EDIT = re.compile(r"\s*\bedit\s*:.*", re.DOTALL | re.IGNORECASE)
_SIGNED = re.compile(r"(\s|^)4\.4\d?(\s{2,}.*)?$", re.DOTALL)
_UNCONFIRMED = re.compile(
    r"\s{2,}(un?b?e?s?t?(?:ae?t?i?g?t?e?r?)?( b?e?r?i?c?h?t?)?)$|\bunbestae?tigter bericht\b"
)
_LOST_UMLAUT = re.compile(r"(?<=[a-z])#(?=[a-z])|(?<![\w#])#(?=berg|ber)")
_TRACE_ONLY = re.compile(r"\s*(trace|tracing) only( requested)?[. ]*$")


def without_edits(report: str) -> str:
    """The report without the remarks of its later editors."""
    return _EDIT.sub("", report)


def fold(text: str) -> str:
    """Lower case, umlauts as two letters, '#' as the 'ü' that it once was."""
    text = _UMLAUT.sub(lambda match: _UMLAUTS[match.group()], text.lower())
    return _LOST_UMLAUT.sub("ue", text)


def clean(report: str) -> str:
    """Fold, and remove edit remarks, the machine's signature and requests for a trace without a report.

    Runs of spaces stay: in machine reports they mark the items of a list.
    """
    text = fold(without_edits(report))
    text = _SIGNED.sub("", text)
    text = _UNCONFIRMED.sub("", text)
    if _TRACE_ONLY.match(text):
        return ""
    return text.strip(" \t\n!")


def is_cut(report: str) -> bool:
    """Whether the report, edit remarks aside, was long enough to have been cut within its last word."""
    return len(without_edits(report)) >= CUT_LENGTH
