"""Correction of typing errors: the one word of a vocabulary that is a single edit away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

SHORTEST = 6
"""Shorter words are not corrected: too many of them differ by one letter."""


def _deletions(word: str) -> Iterator[str]:
    yield word
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]


def within_one_edit(first: str, second: str) -> bool:
    """Return whether at most one letter is added, removed, replaced or swapped with the next one."""
    if abs(len(first) - len(second)) > 1:
        return False
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start]:
        start += 1
    first, second = first[start:], second[start:]
    swapped = len(first) > 1 and len(second) > 1 and first[:2] == second[1::-1] and first[2:] == second[2:]
    return swapped or first[1:] == second or first == second[1:] or first[1:] == second[1:]


class SpellingCorrector:
    """Finds the intended word of a vocabulary.

    Words within one edit become equal when at most one letter of each is deleted; an index of such shortened
    forms gives the candidates.
    """

    def __init__(self, vocabulary: Iterable[str]) -> None:
        self._by_deletion: dict[str, set[str]] = defaultdict(set)
        for word in vocabulary:
            if len(word) >= SHORTEST:
                for deletion in _deletions(word):
                    self._by_deletion[deletion].add(word)

    def correct(self, word: str) -> str | None:
        """Return the only word of the vocabulary within one edit, or None if there is none or several."""
        if len(word) < SHORTEST:
            return None
        near = {other for deletion in _deletions(word) for other in self._by_deletion.get(deletion, ())}
        candidates = {other for other in near if within_one_edit(word, other)}
        return candidates.pop() if len(candidates) == 1 else None
