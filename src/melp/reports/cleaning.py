"""Raw report text -> plain lower-case ASCII without signatures and remarks."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress

TRUNCATED_LENGTHS = range(250, 256)
"""PTB-XL has its reports cut at 255 characters: a text of these lengths may end within a word."""

_UMLAUTS = {
    "ä": "ae",
    "ö": "oe",
    "ü": "ue",
    "ß": "ss",
    "å": "aa",
    "á": "ss",
    "é": "e",
    "\x8a": "",
    "\x8c": "",
}
# Code page 850, read as Latin-1.
_UMLAUTS |= {"\x84": "ae", "\x8e": "ae", "\x94": "oe", "\x99": "oe", "\x81": "ue", "\x9a": "ue"}
# The Swedish seven-bit code, which a brace within a word shows: "l{ngd", "f|rm}k".
_SEVEN_BIT = str.maketrans({"{": "ä", "[": "ä", "|": "ö", "\\": "ö", "}": "å", "]": "å"})
_IS_SEVEN_BIT = re.compile(r"[^\W\d_][{}][^\W\d_]")
_CONTROL = "".join(map(chr, [*range(9), *range(14, 32), 11, 12, 127]))
_SAME_SIGN = str.maketrans(
    dict.fromkeys("‐‑‒–—−", "-") | dict.fromkeys("‘’´`", "'") | dict.fromkeys(_CONTROL, " ") | {"\xad": None}
)
_UMLAUT = re.compile("|".join(_UMLAUTS))
_EDIT = re.compile(r"\s*\bedit\s*:.*", re.DOTALL | re.IGNORECASE)
_SIGNED = re.compile(r"(\s|^)4\.4\d?\s{2,}.*$", re.DOTALL)
_CUT_SIGNED = re.compile(r"(\s|^)4\.4\d?$")
_UNCONFIRMED = re.compile(
    r"\s{2,}(un?b?e?s?t?(?:ae?t?i?g?t?e?r?)?( b?e?r?i?c?h?t?)?)$|\bunbestae?tigter bericht\b"
)
_LOST_UMLAUT = re.compile(r"(?<=[a-z])#(?=[a-z])|(?<![\w#])#(?=berg|ber)")
_TRACE_ONLY = re.compile(r"\s*(trace|tracing) only( requested)?[. ]*$")


def remove_edit_remarks(report: str) -> str:
    """Return the report without the remarks that editors appended ("Edit: ...")."""
    return _EDIT.sub("", report)


def unify(text: str) -> str:
    """Return the text with one code for each sign, as in NFKC; UTF-8 that was read as Latin-1 is restored."""
    if "Ã" in text or "Â" in text:
        with suppress(UnicodeError):
            text = text.encode("cp1252").decode("utf-8")
    if _IS_SEVEN_BIT.search(text):
        text = text.translate(_SEVEN_BIT)
    return unicodedata.normalize("NFKC", text.translate(_SAME_SIGN))


def normalise(text: str) -> str:
    """Convert to lower case, write umlauts as two letters, and restore a 'ü' that was lost as '#'."""
    text = _UMLAUT.sub(lambda match: _UMLAUTS[match.group()], unify(text).lower())
    return _LOST_UMLAUT.sub("ue", text)


def clean(report: str) -> str:
    """Normalise, and remove edit remarks, the machine's signature and requests for a trace without a report.

    Runs of spaces are kept: in machine reports they separate the items of a list.
    """
    text = normalise(remove_edit_remarks(report))
    text = _SIGNED.sub("", text)
    if may_be_truncated(report):
        text = _CUT_SIGNED.sub("", text)
    text = _UNCONFIRMED.sub("", text)
    if _TRACE_ONLY.match(text):
        return ""
    return text.strip(" \t\n!")


def may_be_truncated(report: str) -> bool:
    """Return whether the report, without edit remarks, has the length at which PTB-XL cuts its reports."""
    return len(remove_edit_remarks(report)) in TRUNCATED_LENGTHS
