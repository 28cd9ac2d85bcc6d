"""Typing errors of clinicians: the one word of a vocabulary that is a single slip away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

SHORTEST = 6
"""Shorter words are not corrected: too many of them are a letter apart."""


def _deletions(word: str) -> Iterator[str]:
    yield word
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]


def one_slip(first: str, second: str) -> bool:
    """Whether one word is the other with a letter added, left out, replaced or swapped with the next."""
    if abs(len(first) - len(second)) > 1:
        return False
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start]:
        start += 1
    one, other = first[start:], second[start:]
    swapped = len(one) > 1 and len(other) > 1 and one[:2] == other[1::-1] and one[2:] == other[2:]
    return swapped or one[1:] == other or one == other[1:] or one[1:] == other[1:]


class Speller:
    """Finds the word meant, by words that share what is left when one letter is dropped."""

    def __init__(self, vocabulary: Iterable[str]) -> None:
        self._near: dict[str, set[str]] = defaultdict(set)
        for word in vocabulary:
            if len(word) >= SHORTEST:
                for rest in _deletions(word):
                    self._near[rest].add(word)

    def correct(self, word: str) -> str | None:
        """The word that was meant, if there is just one."""
        if len(word) < SHORTEST:
            return None
        near = {other for rest in _deletions(word) for other in self._near.get(rest, ())}
        meant = {other for other in near if one_slip(word, other)}
        return meant.pop() if len(meant) == 1 else None
