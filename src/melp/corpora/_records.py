"""Records of a folder tree: which are there, which are listed and missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from melp.errors import MelpError

_SIGNALS = (".mat", ".dat")
_LIST = "RECORDS"


def corpus_folder(raw: Path | None, corpus: str, table: str = "") -> Path:
    """`raw`, which is there and holds `table`.

    Raises:
        MelpError: it is not.
    """
    if raw is None:
        raise MelpError(f"{corpus}: no folder given, wanted --raw with the folder of {corpus}")
    if not raw.is_dir():
        raise MelpError(f"{raw}: no such folder")
    if table and not (raw / table).is_file():
        raise MelpError(f"{raw}: not {corpus}, it holds no {table}")
    return raw


def find_wfdb_records(raw: Path) -> Iterator[tuple[str, Path | None]]:
    """Name and stem of each WFDB record below `raw`, by folder and name; the stem is None where a file lacks.

    Known are the records with a header and those that a folder's own RECORDS names.
    """
    for folder, below, files in os.walk(raw):
        below.sort()
        here = set(files)
        names = {name.removesuffix(".hea") for name in files if name.endswith(".hea")}
        if _LIST in here:
            names.update(_listed(Path(folder, _LIST)))
        for name in sorted(names):
            whole = name + ".hea" in here and any(name + ending in here for ending in _SIGNALS)
            yield name, Path(folder, name) if whole else None


def _listed(file: Path) -> list[str]:
    """Records of this very folder; the lists further up name folders and paths."""
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip() and "/" not in line]
