"""Lists of leads: "v1-v3", "v4,5,6", "ii,iii,f" -> "v1 v2 v3", "v4 v5 v6", "ii iii avf"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LIMB = ("i", "ii", "iii", "avr", "avl", "avf")
CHEST = ("v1", "v2", "v3", "v4", "v5", "v6")
ORDER = LIMB + CHEST
_SHORT = {"f": "avf", "l": "avl", "r": "avr"}
_BEFORE_LETTER = {"in", "leitungsstoerung", "neg", "flach", "hebung", "senkung"}
_LIST_SIGNS = {",", ".", "/", "+", "-"}
_TO = ("bis", "to")
_AND = ("und", "and", "och", "u", "samt")


@dataclass(frozen=True)
class Word:
    """One word of a report and what stood between it and the word before."""

    text: str
    before: str


def _list_follows(words: Sequence[Word], at: int) -> bool:
    """Whether a letter, as in "f, iii" or "neg in f", is a lead."""
    if at > 0 and words[at - 1].text in _BEFORE_LETTER:
        return True
    if at + 1 >= len(words) or words[at + 1].before.strip() not in _LIST_SIGNS:
        return False
    following = words[at + 1].text
    return following in ORDER or following in _SHORT


def _lead(words: Sequence[Word], at: int, started: list[str]) -> str | None:
    text = words[at].text
    if text in ORDER or (text[:1] == "v" and text[1:] in "789" and len(text) == 2):
        return text
    if text in _SHORT and (started or _list_follows(words, at)):
        return _SHORT[text] if not started or words[at].before.strip() in _LIST_SIGNS else None
    after_chest = bool(started) and started[-1][0] == "v"
    if after_chest and text in "123456" and words[at].before.strip() in {",", "-", ".", "/", "+", "&"}:
        return "v" + text
    return None


def _between(first: str, last: str) -> list[str]:
    for group in (("i", "ii", "iii"), (*CHEST, "v7", "v8", "v9")):
        if first in group and last in group and group.index(first) < group.index(last):
            return list(group[group.index(first) : group.index(last) + 1])
    return [first, last]


def read_leads(words: Sequence[Word], at: int) -> tuple[list[str], int]:
    """Leads listed from `words[at]` on, ranges expanded, and the index of the first word after the list."""
    found: list[str] = []
    start = at
    while at < len(words):
        step = at
        joined = bool(found) and words[at].text in (*_AND, *_TO) and at + 1 < len(words)
        if joined:
            step += 1
        lead = _lead(words, step, found)
        if lead is None or (found and "   " in words[step].before):
            break
        is_range = bool(found) and (words[step].before.strip() in {"-", "--"} or words[at].text in _TO)
        found = [*found[:-1], *_between(found[-1], lead)] if is_range else [*found, lead]
        at = step + 1
    unique = sorted(set(found), key=lambda name: (*ORDER, "v7", "v8", "v9").index(name))
    return unique, at if found else start
