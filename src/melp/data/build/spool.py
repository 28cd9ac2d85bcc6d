"""Write the listing of a corpus to disk in chunks, so that it never has to fit into memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType

from melp.corpora import Entry, Listing

PRESENT = "entries"
MISSING = "missing"

_FIELDS = tuple(field.name for field in fields(Entry))


@dataclass(frozen=True)
class Spooled:
    """Counts and digest of a listing.

    Attributes:
        present: number of entries whose recording is on disk, in chunks below `entries/`.
        missing: number of entries whose recording is not on disk.
        texts: number of those whose report may be kept, in chunks below `missing/`.
        digest: SHA-256 of all entries; does not depend on the folder of the corpus.
    """

    present: int
    missing: int
    texts: int
    digest: str


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
    digest, prefix, total = hashlib.sha256(), json.dumps(f"{raw}/")[1:-1], 0
    with _Chunks(folder, PRESENT, chunk) as present, _Chunks(folder, MISSING, chunk) as texts:
        for entry in listing.entries:
            line = json.dumps({name: getattr(entry, name) for name in _FIELDS})
            digest.update(line.replace(prefix, "").encode() if raw is not None else line.encode())
            total += 1
            if entry.source is not None:
                present.write(line)
            elif entry.fold in listing.text_folds and not entry.refused:
                texts.write(line)
            on_entry()
    return Spooled(present.count, total - present.count, texts.count, digest.hexdigest())


def read_chunk(folder: Path, kind: str, number: int) -> list[Entry]:
    """Return the entries of a chunk; `kind` is `PRESENT` or `MISSING`."""
    with _chunk(folder, kind, number).open(encoding="utf-8") as stream:
        return [_entry(line) for line in stream]


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
