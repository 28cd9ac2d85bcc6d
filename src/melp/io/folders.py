"""The recordings of a folder."""

from __future__ import annotations

from pathlib import Path

from melp.errors import MelpError

__all__ = ["recordings_in"]

_WFDB = (".dat", ".mat", ".xyz", ".atr")
"""Endings of the signal and annotation files that belong to a header of the same name."""


def recordings_in(folder: Path) -> list[Path]:
    """Return the files of a folder and those below it that may be recordings, by name.

    Of a WFDB record, the header stands for its other files; another recording of the same name is listed.
    Hidden files and folders are left out.

    Raises:
        MelpError: there are none.
    """
    found = [
        file
        for file in sorted(folder.rglob("*"))
        if not any(part.startswith(".") for part in file.relative_to(folder).parts) and file.is_file()
    ]
    headers = {file.with_suffix("") for file in found if file.suffix.lower() == ".hea"}
    files = [
        file for file in found if file.suffix.lower() not in _WFDB or file.with_suffix("") not in headers
    ]
    if not files:
        raise MelpError(f"{folder}: no files found, wanted recordings")
    return files
