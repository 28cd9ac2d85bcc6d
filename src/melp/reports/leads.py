"""Lists of leads: "v1-v3", "v4,5,6", "ii,iii,f" -> "v1 v2 v3", "v4 v5 v6", "ii iii avf"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LIMB = ("i", "ii", "iii", "avr", "avl", "avf")
CHEST = ("v1", "v2", "v3", "v4", "v5", "v6")
ORDER = LIMB + CHEST
_SHORT = {"f": "avf", "l": "avl", "r": "avr"}
# Typed with the letter l for I.
_MISTYPED = {"ll": "ii", "lll": "iii"}
# A letter after one of these words is a lead.
_BEFORE_LETTER = {"in", "leitungsstoerung", "neg", "flach", "hebung", "senkung"}
_LIST_SIGNS = {",", ".", "/", "+", "-"}
_TO = ("bis", "to")
_AND = ("und", "and", "och", "u", "samt")


@dataclass(frozen=True)
class Word:
    """One word of a report and the text between it and the word before."""

    text: str
    separator: str


def _list_follows(words: Sequence[Word], at: int) -> bool:
    """Return whether a letter, as in "f, iii" or "neg in f", is a lead."""
    if at > 0 and words[at - 1].text in _BEFORE_LETTER:
        return True
    if at + 1 >= len(words) or words[at + 1].separator.strip() not in _LIST_SIGNS:
        return False
    following = words[at + 1].text
    return following in ORDER or following in _SHORT or following in _MISTYPED


def _lead(words: Sequence[Word], at: int, preceding: list[str]) -> str | None:
    """Return the lead that `words[at]` names after the `preceding` leads of its list, or None."""
    text = words[at].text
    if text in ORDER or (text[:1] == "v" and text[1:] in "789" and len(text) == 2):
        return text
    if text in _MISTYPED and (preceding or _list_follows(words, at)):
        return _MISTYPED[text]
    if text == "l" and at + 1 < len(words) and words[at + 1].text in {"l", "ll"} and not preceding:
        return "i"
    if text in "fl" and preceding and preceding[-1] in _SHORT.values() and words[at].separator == " ":
        return _SHORT[text]
    if text in _SHORT and (preceding or _list_follows(words, at)):
        return _SHORT[text] if not preceding or words[at].separator.strip() in _LIST_SIGNS else None
    after_chest = bool(preceding) and preceding[-1][0] == "v"
    if after_chest and text in "123456" and words[at].separator.strip() in {",", "-", ".", "/", "+", "&"}:
        return "v" + text
    return None


def _expand_range(first: str, last: str) -> list[str]:
    for group in (("i", "ii", "iii"), (*CHEST, "v7", "v8", "v9")):
        if first in group and last in group and group.index(first) < group.index(last):
            return list(group[group.index(first) : group.index(last) + 1])
    return [first, last]


def read_leads(words: Sequence[Word], at: int) -> tuple[list[str], int]:
    """Read a list of leads that starts at `words[at]`.

    Returns:
        The leads in standard order, ranges expanded, and the index of the first word after the list.
    """
    leads: list[str] = []
    start = at
    while at < len(words):
        position = at
        joined = bool(leads) and words[at].text in (*_AND, *_TO) and at + 1 < len(words)
        if joined:
            position += 1
        lead = _lead(words, position, leads)
        if lead is None or (leads and "   " in words[position].separator):
            break
        is_range = bool(leads) and (words[position].separator.strip() in {"-", "--"} or words[at].text in _TO)
        leads = [*leads[:-1], *_expand_range(leads[-1], lead)] if is_range else [*leads, lead]
        at = position + 1
    unique = sorted(set(leads), key=lambda name: (*ORDER, "v7", "v8", "v9").index(name))
    return unique, at if leads else start
