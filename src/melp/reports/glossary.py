"""The glossary: phrases of one language -> English terms, by longest match."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from melp.io.tables import read_packaged_tsv
from melp.reports.cleaning import normalise
from melp.reports.leads import Word, read_leads
from melp.reports.spelling import SpellingCorrector

_GLUED = re.compile(
    r"\b(qs|q|rsr|rs|rqs|st|t|r|s)(iii|ii|avl|avf|avr|v\d|in(?= i|v))(?![a-z])|\b(in)(iii|ii|i|v\d)\b"
)
_GLUED_LEADS = re.compile(r"\b(i{1,3}|av[lrf])(?=(?:av[lrf]|v\d|[lf])\b)")
_MISTYPED_DIGIT = re.compile(r"(?<=[a-z]{4})\d(?=[a-z]{3})")
_HYPHEN_AV = re.compile(r"\ba\s*-\s*v\b")
_HYPHENATED = re.compile(r"(?<=[a-z]{4})- +(?!und\b|oder\b|noch\b|bis\b|eller\b|och\b)(?=[a-z]{4})")
_WORD = re.compile(r"v\s?\d(?!\d)|[a-z]+|\d+[.,]\d+(?=\s*(?:se[ck]|m[vms])\b)|\d+:\d+|\d+(?:\.\d+)?|%|\?")
_PAIRS = ("und", "oder", "noch", "bzw", "och", "eller")
_LONG = 5  # least length of a word that is not read as two, or as another one
_MEANINGS = ("head", "lesion", "whole", "wave", "shape", "age", "territory", "degree", "hedge", "word")
_SIDES = {"re": ("rechts", "rechter"), "li": ("links", "linker")}
_ENDINGS = ("er", "es", "em", "en", "e", "n", "s")


@dataclass(frozen=True)
class GlossaryEntry:
    """The meaning of a source phrase: its role in a statement (`kind`) and its English."""

    kind: str
    english: str


@dataclass(frozen=True)
class Term:
    """A piece of a report: a glossary entry, a list of leads, a number, or a word that the glossary lacks."""

    kind: str
    """The kind of the glossary entry, or "leads", "number" or "word"."""
    english: str
    separator: str = ""
    """The text between it and the word before."""
    inflected: bool = False
    """Whether the source words have an ending that the glossary entry lacks."""
    known: bool = True
    """False for a word that is not in the glossary."""
    words: int = 1
    """Number of words of the report."""
    source: str = ""
    """The words of the report, with the text between them."""


@dataclass
class _TrieNode:
    next: dict[str, _TrieNode] = field(default_factory=dict)
    entry: GlossaryEntry | None = None


def split_words(text: str) -> list[Word]:
    """Split a normalised text into words, each with the punctuation and space before it."""
    text = _HYPHEN_AV.sub("av", text)
    text = _HYPHENATED.sub("-", text)
    text = _GLUED.sub(lambda match: f"{match[1] or match[3]} {match[2] or match[4]}", text)
    text = _MISTYPED_DIGIT.sub("", _GLUED_LEADS.sub(r"\1,", text))
    words, end = list[Word](), 0
    for match in _WORD.finditer(text):
        words.append(Word(match.group().replace(" ", ""), text[end : match.start()]))
        end = match.end()
    return words


def _is_preposition(words: list[Word], at: int, after: int) -> bool:
    """Return whether Swedish "i" means "in" ("i v2"), not lead I ("i, avl", "avl och i")."""
    if after - at > 1:
        return "," not in words[at + 1].separator
    return at == 0 or words[at - 1].text not in {"och", "samt"}


def _has_ending(word: str, form: str) -> bool:
    """Return whether a word has an ending that its form in the glossary, or its correction, lacks."""
    return word != form and (
        word.startswith(form) or (word.endswith(_ENDINGS[:5]) and word[-2:] != form[-2:])
    )


def _joined(words: list[Word]) -> str:
    return words[0].text + "".join(word.separator + word.text for word in words[1:])


class Glossary:
    """Phrases of one language, from the table `NAME.tsv`: kind, English, source wordings.

    Source words may have any inflectional ending and one typing error.
    """

    def __init__(self, name: str) -> None:
        self._root = _TrieNode()
        vocabulary: set[str] = set()
        for kind, english, sources in read_packaged_tsv("melp.reports", name, columns=3):
            for source in sources.split(" | "):
                vocabulary.update(self._add(GlossaryEntry(kind, english), source))
        self._vocabulary = vocabulary
        self._by_stem: dict[str, list[str]] = {}
        for word in sorted(vocabulary):
            if word.endswith(_ENDINGS[:5]):
                for stem in self._stems(word):
                    self._by_stem.setdefault(stem, []).append(word)
        self._corrector = SpellingCorrector(vocabulary)
        self._known_forms: dict[str, tuple[str, ...]] = {}

    def _add(self, entry: GlossaryEntry, source: str) -> list[str]:
        node = self._root
        words = [word.text for word in split_words(normalise(source))]
        for word in words:
            node = node.next.setdefault(word, _TrieNode())
        node.entry = entry
        return words

    def _stems(self, word: str) -> Iterator[str]:
        yield word
        for ending in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= 3:
                yield word[: -len(ending)]

    def _forms(self, word: str) -> tuple[str, ...]:
        """Return the glossary words that a word may be: itself, its stems, or else their correction."""
        if word not in self._known_forms:
            forms = [form for form in self._stems(word) if form in self._vocabulary]
            forms += [form for form in _SIDES.get(word, ()) if form in self._vocabulary]
            corrections = map(self._corrector.correct, self._stems(word)) if not forms else iter(())
            corrected = next(filter(None, corrections), "")
            forms += [form for form in self._stems(corrected) if form in self._vocabulary]
            others = [form for stem in self._stems(word) for form in self._by_stem.get(stem, ())]
            same = [form for form in others if len(form) > _LONG and word.endswith(_ENDINGS[:5])]
            self._known_forms[word] = tuple(dict.fromkeys([*forms, *same])) or tuple(self._rare_forms(word))
        return self._known_forms[word]

    def _rare_forms(self, word: str) -> list[str]:
        """Return the forms of a word with two endings ("inferiorere") or without its "s" ("recht")."""
        stems = [form for stem in self._stems(word) for form in self._stems(stem) if len(form) >= _LONG]
        return [form for form in [*stems, word + "s"] if len(word) >= _LONG and form in self._vocabulary][:1]

    def _longest_match(self, words: list[Word], at: int) -> tuple[GlossaryEntry, int, bool] | None:
        """Find the longest phrase from `words[at]` on: its entry, length, and whether it is inflected."""
        best: tuple[GlossaryEntry, int, bool] | None = None
        reached = [(self._root, False)]
        for length, word in enumerate(words[at:], start=1):
            reached = [
                (node.next[form], inflected or _has_ending(word.text, form))
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
        """Return the words that may complete the last one, given the beginning of its phrase."""
        fragment, completions = words[-1].text, set[str]()
        for start in range(max(0, len(words) - 5), len(words)):
            node: _TrieNode | None = self._root
            for word in words[start:-1]:
                forms = self._forms(word.text)
                node = next((node.next[form] for form in forms if form in node.next), None) if node else None
            if node is not None and (start < len(words) - 1 or len(fragment) >= 5):
                completions |= {word for word in node.next if word.startswith(fragment)}
            if completions:
                break
        return completions

    def _mend(self, words: list[Word]) -> list[Word]:
        """Join words that a line break divides ("rechtsschen- kelblock") and divide words that are glued."""
        mended = list[Word]()
        for word in words:
            joined = mended[-1].text + word.text if mended else ""
            divided = re.fullmatch(r"-\s*", word.separator) is not None
            if divided and self._is_word(joined) and not all(map(self._forms, (mended[-1].text, word.text))):
                mended[-1] = Word(joined, mended[-1].separator)
            else:
                mended += self._divide(word)
        return mended

    def _divide(self, word: Word) -> list[Word]:
        """Divide an unknown word into two that have a meaning of their own ("hemiblockintraventr")."""
        text = word.text
        for at in range(_LONG, len(text) - _LONG + 2) if not self._forms(text) else ():
            first, second = Word(text[:at], word.separator), Word(text[at:], " ")
            if self._has_meaning(first) and self._has_meaning(second):
                return [first, second]
        return [word]

    def _has_meaning(self, word: Word) -> bool:
        """Return whether a word, as it is written, is a finding or an adjective."""
        match = self._longest_match([word], 0) if self._is_word(word.text) else None
        return match is not None and match[0].kind in _MEANINGS

    def _complete_pairs(self, words: list[Word]) -> list[Word]:
        """Complete the first word of a pair that shares its ending: "links- und rechtsschenkelblock"."""
        complete = list(words)
        for at in range(len(words) - 2):
            first, joining, second = words[at : at + 3]
            if joining.separator == "- " and joining.text in _PAIRS and not self._is_phrase(words, at, 3):
                endings = (second.text[start:] for start in range(3, len(second.text) - 2))
                whole = next((first.text + end for end in endings if self._is_word(first.text + end)), "")
                complete[at] = Word(whole or first.text, first.separator)
        return complete

    def _is_phrase(self, words: list[Word], at: int, length: int) -> bool:
        match = self._longest_match(words, at)
        return match is not None and match[1] >= length

    def _is_word(self, word: str) -> bool:
        return any(form in self._vocabulary for form in self._stems(word))

    def terms(self, text: str, truncated: bool = False) -> list[Term]:
        """Return all terms of a cleaned report; if `truncated`, its last word may be incomplete."""
        words, terms, at = self._complete_pairs(self._mend(split_words(text))), list[Term](), 0
        if truncated and words and (len(words[-1].text) < 3 or not self._forms(words[-1].text)):
            words = self._complete_last(words)
        while at < len(words):
            term = self._term_at(words, at)
            terms.append(term)
            at += term.words
        if truncated and terms and not terms[-1].known:
            terms.pop()
        return terms

    def _complete_last(self, words: list[Word]) -> list[Word]:
        """Complete the last word if that is unambiguous, or else remove it."""
        completions = sorted(self._completions(words), key=lambda word: (len(word), word))
        if completions and all(word.startswith(completions[0]) for word in completions):
            return [*words[:-1], Word(completions[0], words[-1].separator)]
        return words[:-1]

    def _term_at(self, words: list[Word], at: int) -> Term:
        match = self._longest_match(words, at)
        leads, after = read_leads(words, at)
        separator = words[at].separator
        if leads and match and match[0].kind == "in" and _is_preposition(words, at, after):
            leads = []
        if leads and (match is None or after - at >= match[1]):
            return Term(
                "leads", " ".join(leads), separator, words=after - at, source=_joined(words[at:after])
            )
        if match is not None:
            entry, length, inflected = match
            inflected = inflected or (entry.kind == "degree" and words[at].text.endswith(_ENDINGS[:2]))
            source = _joined(words[at : at + length])
            return Term(entry.kind, entry.english, separator, inflected, words=length, source=source)
        is_number = words[at].text[0].isdigit() or words[at].text == "%"
        kind, text = "number" if is_number else "word", words[at].text
        return Term(kind, text, separator, known=is_number, source=text)


@cache
def load_glossary(name: str) -> Glossary:
    """Return the glossary "german" or "swedish"; each is read once."""
    return Glossary(name)
