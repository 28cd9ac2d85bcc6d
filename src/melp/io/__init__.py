"""Read recordings from files of any known format."""

from __future__ import annotations

from pathlib import Path

from melp.ecg import ECG
from melp.errors import MelpError

_WFDB_ENDINGS = (".hea", ".dat", ".mat")


def read(path: str | Path) -> ECG:
    """Read a recording; its twelve leads are in standard order.

    Args:
        path: the header, a signal file or the stem of a WFDB record, or a recording of CPSC 2018 in its
            original form; the content of a `.mat` file decides between the two.

    Raises:
        MelpError: the file does not exist, has no known format, or cannot be used.
    """
    path = Path(path)
    try:
        return _read(path)
    except OSError as error:  # such as a missing permission or a name that is too long
        raise MelpError(f"{path}: {error.strerror}") from error


def _read(path: Path) -> ECG:
    if path.is_dir():
        raise MelpError(f"{path}: a folder, wanted a recording")
    ending = path.suffix.lower()
    if ending == ".mat" and path.is_file():
        from melp.io.matlab import is_matlab5

        if is_matlab5(path):
            from melp.io.cpsc_struct import read_cpsc_struct

            return read_cpsc_struct(path)
    if ending in _WFDB_ENDINGS or path.with_name(path.name + ".hea").is_file():
        from melp.io.wfdb import read_wfdb

        return read_wfdb(path)
    if not path.exists():
        raise MelpError(f"{path}: no such file")
    wanted = "a WFDB record (.hea, .dat, .mat) or a .mat of CPSC 2018"
    raise MelpError(f"{path}: unknown format {path.suffix!r}, wanted {wanted}")
