"""The folder of a corpus and the WFDB records in it."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from melp.corpora import Entry
from melp.ecg import BadRecordError
from melp.errors import MelpError
from melp.io.wfdb_header import read_header

_SIGNALS = (".mat", ".dat")
_LIST = "RECORDS"


def corpus_folder(raw: Path | None, corpus: str, table: str = "") -> Path:
    """Return `raw` after checking that it is a folder that contains the file `table`, if given.

    Raises:
        MelpError: it is not.
    """
    if raw is None:
        raise MelpError(f"{corpus}: no folder given, wanted --raw with the folder of {corpus}")
    if not raw.is_dir():
        raise MelpError(f"{raw}: no such folder")
    if table and not (raw / table).is_file():
        raise MelpError(f"{raw}: no {table} found, wanted the folder of {corpus}")
    return raw


def require_recordings(entries: Iterable[Entry], message: str) -> Iterator[Entry]:
    """Yield `entries`.

    Raises:
        MelpError: no recording is on disk; raised at the end, with `message`.
    """
    any_on_disk = False
    for entry in entries:
        any_on_disk = any_on_disk or entry.source is not None
        yield entry
    if not any_on_disk:
        raise MelpError(message)


class Record(NamedTuple):
    """A WFDB record: its name, its path without extension, and whether its files are on disk."""

    name: str
    stem: Path
    complete: bool

    @property
    def source(self) -> str | None:
        """The path as `Entry.source`: None if a file is missing."""
        return str(self.stem) if self.complete else None


def find_wfdb_records(raw: Path) -> Iterator[Record]:
    """Yield the WFDB records below `raw`, by folder and name.

    A record has a header or is listed in the RECORDS of its folder. It is complete if its signal file is on
    disk: a file of the same name, or those that the header names (Ningbo's `S23074.hea` names `JS23074.mat`).
    """
    for folder, below, files in os.walk(raw):
        below.sort()
        names = {name.removesuffix(".hea") for name in files if name.endswith(".hea")}
        if _LIST in files:
            names.update(_listed(Path(folder, _LIST)))
        on_disk = set(files)
        for name in sorted(names):
            stem = Path(folder, name)
            yield Record(name, stem, name + ".hea" in on_disk and _has_signal(stem, on_disk))


def _has_signal(stem: Path, on_disk: Container[str]) -> bool:
    if any(stem.name + ending in on_disk for ending in _SIGNALS):
        return True
    try:
        header = read_header(stem.with_name(stem.name + ".hea"))
    except (BadRecordError, OSError):
        return True  # the build reads it again, and names what is wrong with it
    files = {signal.file for signal in header.signals} | {f"{part.record}.hea" for part in header.segments}
    return all(file in on_disk for file in files - {"~", "~.hea"})


def _listed(file: Path) -> list[str]:
    """Return the records that a RECORDS lists in its own folder, not the paths in lists of parent folders."""
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip() and "/" not in line]
