"""Ids are unique in a store: of several records with one id, the first whose recording is on disk is kept.

While a corpus is listed, eight bytes of each id are kept in memory (6.4 MB for 800,000 records). The entries
are read again only if some of these hashes are equal; the ids themselves are then compared.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from hashlib import blake2b

import numpy as np

from melp.corpora import Entry

REPEATED = "repeated id"
"""The reason of dropped records."""


class Hashes:
    """Hashes of the ids of a listing."""

    def __init__(self) -> None:
        self._values = array("q")

    def add(self, name: str) -> None:
        """Add an id."""
        self._values.append(_hash(name))

    def repeated(self) -> frozenset[int]:
        """Return the hashes that were added more than once."""
        values, counts = np.unique(np.array(self._values, dtype=np.int64), return_counts=True)
        return frozenset(values[counts > 1].tolist())


class Repeats:
    """Finds the entries whose id an earlier entry has.

    Args:
        hashes: the hashes that ids share, see `Hashes.repeated`.
    """

    def __init__(self, hashes: frozenset[int]) -> None:
        self._hashes = hashes
        self._first: dict[str, str] = {}

    def __call__(self, entry: Entry) -> str:
        """Return a message if an earlier entry had the same id, otherwise ""."""
        if _hash(entry.id) not in self._hashes:
            return ""
        if entry.id not in self._first:
            self._first[entry.id] = entry.path
            return ""
        where = f"{entry.path}: " if entry.path else ""
        kept = f" ({self._first[entry.id]} is kept)" if self._first[entry.id] else ""
        return f"{where}id {entry.id!r} found twice, wanted unique ids{kept}"


def without_repeats(
    entries: Iterator[Entry], repeats: Repeats, drop: Callable[[Entry, str], object]
) -> Iterator[Entry]:
    """Yield the entries whose id is new; call `drop` with each of the others and its message."""
    for entry in entries:
        if message := repeats(entry):
            drop(entry, message)
        else:
            yield entry


def _hash(name: str) -> int:
    return int.from_bytes(
        blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest(), "little", signed=True
    )
