"""Read recordings from files of any known format."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from melp.ecg import ECG
from melp.errors import MelpError

_WFDB_ENDINGS = (".hea", ".dat", ".mat")


def read(path: str | Path, leads: Sequence[str] | None = None) -> ECG:
    """Read a recording; its leads are in standard order.

    If something in the file is doubtful (`meta["warnings"]`: samples that differ from their checksum, or what
    was left out), one line on stderr says so.

    Args:
        path: the header, a signal file or the stem of a WFDB record, or a recording of CPSC 2018 in its
            original form; the content of a `.mat` file decides between the two.
        leads: the leads to read, in any spelling and order; default: all of the twelve that the file has.
            III, aVR, aVL and aVF are computed from I and II if the file lacks them; `meta["derived"]` names
            them.

    Raises:
        MelpError: the file does not exist, has no known format, lacks a lead, or cannot be used.
    """
    ecg = read_file(path, leads)
    print_warnings(ecg, path)
    return ecg


def print_warnings(ecg: ECG, path: str | Path) -> None:
    """Print one line on stderr if something in the file of a recording is doubtful."""
    if warnings := ecg.meta.get("warnings"):
        print(f"melp: {path}: {'; '.join(warnings)}", file=sys.stderr)


def read_file(path: str | Path, leads: Sequence[str] | None = None) -> ECG:
    """Read a recording as `read` does, and print nothing: for the many files of a corpus."""
    path = Path(path)
    try:
        return _read(path, leads)
    except OSError as error:  # such as a missing permission or a name that is too long
        raise MelpError(f"{path}: {error.strerror}") from error


def _read(path: Path, leads: Sequence[str] | None) -> ECG:
    if path.is_dir():
        raise MelpError(f"{path}: a folder, wanted a recording")
    ending = path.suffix.lower()
    if ending == ".mat" and path.is_file():
        from melp.io.matlab import is_matlab5, unreadable_matlab

        if reason := unreadable_matlab(path):
            raise MelpError(f"{path}: {reason}")
        if is_matlab5(path):
            from melp.io.cpsc_struct import read_cpsc_struct

            ecg = read_cpsc_struct(path)
            return ecg if leads is None else ecg.select(leads)
    if ending in _WFDB_ENDINGS or path.with_name(path.name + ".hea").is_file():
        from melp.io.wfdb import read_wfdb

        return read_wfdb(path, leads)
    if not path.exists():
        raise MelpError(f"{path}: no such file")
    wanted = "a WFDB record (.hea, .dat, .mat) or a .mat of CPSC 2018"
    raise MelpError(f"{path}: unknown format {path.suffix!r}, wanted {wanted}")
