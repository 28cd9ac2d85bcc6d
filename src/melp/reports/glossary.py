"""The glossary: phrases of one language -> items of a statement, by longest match."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from melp.io.tables import read_packaged_tsv
from melp.reports.cleaning import fold
from melp.reports.leads import Word, read_leads
from melp.reports.typing_errors import Speller

_GLUED = re.compile(r"\b(qs|q|rsr|rs|rqs|st|t|r|s)(iii|ii|avl|avf|avr|v\d)(?![a-z])|\b(in)(iii|ii|i|v\d)\b")
_HYPHEN_AV = re.compile(r"\ba\s*-\s*v\b")
_HYPHENATED = re.compile(r"(?<=[a-z]{4})- +(?!und\b|oder\b|bis\b|eller\b|och\b)(?=[a-z]{4})")
_WORD = re.compile(r"v\s?\d(?!\d)|[a-z]+|\d+[.,]\d+(?=\s*(?:se[ck]|m[vms])\b)|\d+:\d+|\d+(?:\.\d+)?|%")
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
    before: str = ""
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
    text = _HYPHENATED.sub("-", text)
    text = _GLUED.sub(lambda match: f"{match[1] or match[3]} {match[2] or match[4]}", text)
    words, end = list[Word](), 0
    for match in _WORD.finditer(text):
        words.append(Word(match.group().replace(" ", ""), text[end : match.start()]))
        end = match.end()
    return words


def _is_preposition(words: list[Word], at: int, after: int) -> bool:
    """Swedish "i" is "in" as in "i v2" and the lead as in "i, avl" and "avl och i"."""
    if after - at > 1:
        return "," not in words[at + 1].before
    return at == 0 or words[at - 1].text not in {"och", "samt"}


class Glossary:
    """Phrases of one language, from the table `<name>.tsv`: kind, English, source wordings."""

    def __init__(self, name: str) -> None:
        self._root = _Node()
        vocabulary: set[str] = set()
        for kind, english, sources in read_packaged_tsv("melp.reports", name, columns=3):
            for source in sources.split(" | "):
                vocabulary.update(self._add(Entry(kind, english), source))
        self._vocabulary = vocabulary
        self._speller = Speller(vocabulary)
        self._known_forms: dict[str, tuple[str, ...]] = {}

    def _add(self, entry: Entry, source: str) -> list[str]:
        node = self._root
        words = [word.text for word in split_words(fold(source))]
        for word in words:
            node = node.next.setdefault(word, _Node())
        node.entry = entry
        return words

    def _stems(self, word: str) -> Iterator[str]:
        yield word
        for ending in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= 3:
                yield word[: -len(ending)]

    def _forms(self, word: str) -> tuple[str, ...]:
        """The words of the glossary that a word may be: itself, its stems, else what was meant."""
        if word not in self._known_forms:
            forms = [form for form in self._stems(word) if form in self._vocabulary]
            meant = map(self._speller.correct, self._stems(word)) if not forms else iter(())
            forms += [form for form in self._stems(next(filter(None, meant), "")) if form in self._vocabulary]
            self._known_forms[word] = tuple(forms)
        return self._known_forms[word]

    def _longest(self, words: list[Word], at: int) -> tuple[Entry, int, bool] | None:
        """The entry of the longest phrase that starts at `words[at]`, its length, whether it is inflected."""
        best: tuple[Entry, int, bool] | None = None
        reached = [(self._root, False)]
        for length, word in enumerate(words[at:], start=1):
            reached = [
                (node.next[form], inflected or form != word.text)
                for node, inflected in reached
                for form in self._forms(word.text)
                if form in node.next
            ]
            if not reached:
                break
            ends = [(node.entry, inflected) for node, inflected in reached if node.entry is not None]
            if ends:
                best = (ends[0][0], length, ends[0][1])
        return best

    def _completions(self, words: list[Word]) -> set[str]:
        """Words that end the last phrase as begun, where a report was cut within its last word."""
        fragment, found = words[-1].text, set[str]()
        for start in range(max(0, len(words) - 5), len(words)):
            node: _Node | None = self._root
            for word in words[start:-1]:
                forms = self._forms(word.text)
                node = next((node.next[form] for form in forms if form in node.next), None) if node else None
            if node is not None and (start < len(words) - 1 or len(fragment) >= 5):
                found |= {word for word in node.next if word.startswith(fragment)}
            if found:
                break
        return found

    def items(self, text: str, cut: bool = False) -> list[Item]:
        """The whole of a cleaned report as items; with `cut` its last word may be the beginning of one."""
        words, found, at = split_words(text), list[Item](), 0
        if cut and words and (len(words[-1].text) < 3 or not self._forms(words[-1].text)):
            endings = sorted(self._completions(words), key=lambda word: (len(word), word))
            whole = endings[0] if endings and all(word.startswith(endings[0]) for word in endings) else None
            words = [*words[:-1], Word(whole, words[-1].before)] if whole else words[:-1]
        while at < len(words):
            item = self._item(words, at)
            found.append(item)
            at += item.words
        if cut and found and not found[-1].known:
            found.pop()
        return found

    def _item(self, words: list[Word], at: int) -> Item:
        match = self._longest(words, at)
        leads, after = read_leads(words, at)
        before = words[at].before
        if leads and match and match[0].kind == "in" and _is_preposition(words, at, after):
            leads = []
        if leads and (match is None or after - at >= match[1]):
            return Item("leads", " ".join(leads), before, words=after - at)
        if match is not None:
            entry, length, inflected = match
            inflected = inflected or (entry.kind == "degree" and words[at].text.endswith(_ENDINGS[:2]))
            return Item(entry.kind, entry.english, before, inflected, words=length)
        number = words[at].text[0].isdigit() or words[at].text == "%"
        return Item("number" if number else "word", words[at].text, before, known=number)


@cache
def load_glossary(name: str) -> Glossary:
    """The glossary "german" or "swedish", read once."""
    return Glossary(name)
