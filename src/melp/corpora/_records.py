"""The folder of a corpus and the WFDB records in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from melp.corpora import Entry
from melp.errors import MelpError

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


def find_wfdb_records(raw: Path) -> Iterator[tuple[str, Path | None]]:
    """Yield name and path without extension of each WFDB record below `raw`, by folder and name.

    A record has a header or is listed in the RECORDS of its folder. The path is None if a file is missing.
    """
    for folder, below, files in os.walk(raw):
        below.sort()
        names = {name.removesuffix(".hea") for name in files if name.endswith(".hea")}
        if _LIST in files:
            names.update(_listed(Path(folder, _LIST)))
        on_disk = set(files)
        for name in sorted(names):
            complete = name + ".hea" in on_disk and any(name + ending in on_disk for ending in _SIGNALS)
            yield name, Path(folder, name) if complete else None


def _listed(file: Path) -> list[str]:
    """Return the records that a RECORDS lists in its own folder, not the paths in lists of parent folders."""
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip() and "/" not in line]
