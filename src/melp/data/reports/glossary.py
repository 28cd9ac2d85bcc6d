"""The glossary: phrases of one language -> items of a statement, by longest match."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources

from melp.data.reports.cleaning import fold
from melp.data.reports.leads import Word, read_leads

_GLUED = re.compile(r"\b(qs|q|rsr|rs|rqs|st|t|r|s)(iii|ii|avl|avf|avr|v\d)(?![a-z])|\b(in)(iii|ii|i)\b")
_HYPHEN_AV = re.compile(r"\ba\s*-\s*v\b")
_WORD = re.compile(r"v\s?\d(?!\d)|[a-z]+|&|\d+(?:\.\d+)?")
_ENDINGS = ("er", "es", "em", "en", "e", "n", "s")


@dataclass(frozen=True)
class Entry:
    """What a source phrase means: its part in a statement, and the English."""

    kind: str
    english: str


@dataclass(frozen=True)
class Item:
    """An entry found in a report, or leads, or a word that the glossary lacks (`known` is false)."""

    kind: str
    english: str
    before: str
    inflected: bool = False
    known: bool = True
    words: int = 1
    """How many words of the report it stands for."""


@dataclass
class _Node:
    next: dict[str, _Node] = field(default_factory=dict)
    entry: Entry | None = None


def split_words(text: str) -> list[Word]:
    """Words of a folded text, each with the punctuation and space before it."""
    text = _HYPHEN_AV.sub("av", text)
    text = _GLUED.sub(lambda m: f"{m[1] or m[3]} {m[2] or m[4]}", text)
    words, end = [], 0
    for match in _WORD.finditer(text):
        words.append(Word(match.group().replace(" ", ""), text[end : match.start()]))
        end = match.end()
    return words


class Glossary:
    """Phrases of one language, from the table `<name>.tsv`: kind, English, source wordings."""

    def __init__(self, name: str) -> None:
        self._root = _Node()
        self.vocabulary: set[str] = set()
        table = resources.files("melp.data.reports").joinpath(f"{name}.tsv").read_text(encoding="utf-8")
        for line in table.splitlines():
            if line and not line.startswith("#"):
                kind, english, sources = line.split("\t")
                for source in sources.split(" | "):
                    self._add(Entry(kind, english), source)

    def _add(self, entry: Entry, source: str) -> None:
        node = self._root
        for word in split_words(fold(source)):
            self.vocabulary.add(word.text)
            node = node.next.setdefault(word.text, _Node())
        node.entry = entry

    def _forms(self, word: str) -> Iterator[str]:
        yield word
        for ending in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= 3:
                yield word[: -len(ending)]

    def longest(self, words: list[Word], at: int) -> tuple[Entry, int, bool] | None:
        """The entry of the longest phrase that starts at `words[at]`, its length, and whether it is inflected."""
        best: tuple[Entry, int, bool] | None = None
        reached = [(self._root, False)]
        for length in range(1, len(words) - at + 1):
            reached = [
                (node.next[form], inflected or form != word)
                for node, inflected in reached
                for word in [words[at + length - 1].text]
                for form in self._forms(word)
                if form in node.next
            ]
            if not reached:
                break
            for node, inflected in reached:
                if node.entry is not None:
                    best = (node.entry, length, inflected)
                    break
        return best

    def items(self, text: str) -> list[Item]:
        """The whole of a cleaned report as items."""
        words, found, at = split_words(text), list[Item](), 0
        while at < len(words):
            match = self.longest(words, at)
            leads, after = read_leads(words, at)
            before = words[at].before
            if leads and (match is None or after - at >= match[1]):
                found.append(Item("leads", " ".join(leads), before, words=after - at))
                at = after
            elif match is not None:
                entry, length, inflected = match
                found.append(Item(entry.kind, entry.english, before, inflected, words=length))
                at += length
            else:
                number = words[at].text[0].isdigit() or words[at].text == "&"
                found.append(Item("number" if number else "word", words[at].text, before, known=number))
                at += 1
        return found


@cache
def load_glossary(name: str) -> Glossary:
    """The glossary "german" or "swedish", read once."""
    return Glossary(name)
