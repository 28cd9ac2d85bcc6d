"""Write the listing of a corpus to disk in chunks, so that it never has to fit into memory."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from melp.corpora import Entry, Listing
from melp.data.build.repeats import REPEATED, Hashes, Repeats, without_repeats

PRESENT = "entries"
"""Entries whose recording is on disk."""
TEXTS = "texts"
"""Entries whose recording is missing and whose report may be kept."""
MISSING = "missing"
"""Id and path of every entry whose recording is missing."""
DROPPED = "repeated"
"""Entries that are left out because an earlier one has their id."""
KINDS = (PRESENT, TEXTS, MISSING, DROPPED)

_FIELDS = tuple(each.name for each in fields(Entry))


@dataclass(frozen=True)
class Spooled:
    """Counts and digest of a listing.

    Attributes:
        present: number of entries whose recording is on disk.
        missing: number of entries whose recording is not on disk.
        texts: number of those whose report may be kept.
        digest: SHA-256 of all entries; does not depend on the folder of the corpus.
        total: number of entries of the listing.
        named: the first of the missing entries, by path or id.
        repeated: number of entries left out because of their id.
        columns: further columns of the index.
        notes: lines for the user.
    """

    present: int
    missing: int
    texts: int
    digest: str
    total: int = 0
    named: tuple[str, ...] = ()
    repeated: int = 0
    columns: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


_NAMED = 5


def spool(
    listing: Listing, folder: Path | None, raw: Path | None, chunk: int, on_entry: Callable[[], object]
) -> Spooled:
    """Iterate over a listing once and write its entries below `folder`.

    Args:
        listing: the listing of the corpus.
        folder: folder of the chunks; None to compute only the counts and the digest.
        raw: folder of the corpus, which is removed from the paths before hashing.
        chunk: number of entries per file.
        on_entry: called after each entry.
    """
    digest, prefix = hashlib.sha256(), json.dumps(f"{raw}/")[1:-1]
    named: list[str] = []
    hashes = Hashes()
    kinds = (PRESENT, TEXTS, MISSING)
    if folder is not None:
        for kind in KINDS:  # of a listing that was interrupted
            shutil.rmtree(folder / kind, ignore_errors=True)
    with ExitStack() as stack:
        present, texts, missing = (stack.enter_context(_Chunks(folder, kind, chunk)) for kind in kinds)
        for entry in listing.entries:
            line = _line(entry)
            digest.update(line.replace(prefix, "").encode() if raw is not None else line.encode())
            if entry.source is not None:
                hashes.add(entry.id)
                present.write(line)
            else:
                missing.write(json.dumps({"id": entry.id, "path": entry.path}))
                named += [entry.path or entry.id][: _NAMED - len(named)]
                if entry.fold in listing.text_folds and not entry.refused:
                    hashes.add(entry.id)
                    texts.write(line)
            on_entry()
    counts = (present.count, missing.count, texts.count)
    spooled = Spooled(
        *counts,
        digest.hexdigest(),
        total=present.count + missing.count,
        named=tuple(named),
        columns=listing.columns,
        notes=tuple(listing.notes),
    )
    repeated = hashes.repeated()
    return _drop_repeats(folder, spooled, chunk, repeated) if folder is not None and repeated else spooled


def _drop_repeats(folder: Path, spooled: Spooled, chunk: int, hashes: frozenset[int]) -> Spooled:
    """Move the entries whose id an earlier one has from the chunks to those of `DROPPED`."""
    repeats, counts = Repeats(hashes), []
    with _Chunks(folder, DROPPED, chunk) as dropped:

        def drop(entry: Entry, message: str) -> None:
            dropped.write(json.dumps({"id": entry.id, "reason": REPEATED, "detail": message}))

        for kind, count in ((PRESENT, spooled.present), (TEXTS, spooled.texts)):
            with _Chunks(folder, f"{kind}-unique", chunk) as unique:
                for entry in without_repeats(_entries(folder, kind, count, chunk), repeats, drop):
                    unique.write(_line(entry))
            shutil.rmtree(folder / kind)
            (folder / f"{kind}-unique").rename(folder / kind)
            counts.append(unique.count)
    return replace(spooled, present=counts[0], texts=counts[1], repeated=dropped.count)


def read_lines(folder: Path, kind: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the lines of each chunk of `MISSING` or `DROPPED`, in their order."""
    for file in sorted((folder / kind).glob("*.jsonl")):
        yield [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def read_chunk(folder: Path, kind: str, number: int) -> list[Entry]:
    """Return the entries of a chunk; `kind` is `PRESENT` or `TEXTS`."""
    with _chunk(folder, kind, number).open(encoding="utf-8") as stream:
        return [_entry(line) for line in stream]


def _entries(folder: Path, kind: str, count: int, chunk: int) -> Iterator[Entry]:
    for number in range(-(-count // chunk)):
        yield from read_chunk(folder, kind, number)


def _line(entry: Entry) -> str:
    return json.dumps({name: getattr(entry, name) for name in _FIELDS})


def _entry(line: str) -> Entry:
    values = json.loads(line)
    # JSON has no tuples.
    values["labels"] = tuple(values["labels"])
    if values["statements"] is not None:
        values["statements"] = tuple(values["statements"])
    return Entry(**values)


def _chunk(folder: Path, kind: str, number: int) -> Path:
    return folder / kind / f"{number:05d}.jsonl"


class _Chunks:
    """Writes lines to numbered files of `size` lines."""

    def __init__(self, folder: Path | None, kind: str, size: int) -> None:
        self.count, self._folder, self._kind, self._size = 0, folder, kind, size
        self._lines: list[str] = []
        if folder is not None:
            (folder / kind).mkdir(parents=True, exist_ok=True)

    def write(self, line: str) -> None:
        self.count += 1
        if self._folder is not None:
            self._lines.append(line)
            if len(self._lines) == self._size:
                self._flush()

    def _flush(self) -> None:
        if self._folder is not None and self._lines:
            file = _chunk(self._folder, self._kind, (self.count - 1) // self._size)
            file.write_text("".join(f"{line}\n" for line in self._lines), encoding="utf-8")
            self._lines = []

    def __enter__(self) -> _Chunks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._flush()
