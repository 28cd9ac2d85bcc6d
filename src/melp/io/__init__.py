"""Any file of a known format becomes an ECG."""

from __future__ import annotations

from pathlib import Path

from melp.ecg import ECG
from melp.errors import MelpError

_WFDB_ENDINGS = (".hea", ".dat", ".mat")


def read(path: str | Path) -> ECG:
    """The recording in `path`, its twelve leads in standard order.

    Args:
        path: the header, signal file or stem of a WFDB record.

    Raises:
        MelpError: no such file, no known format, or a recording that cannot be used.
    """
    path = Path(path)
    if path.is_dir():
        raise MelpError(f"{path}: a folder, wanted a recording")
    if path.suffix.lower() in _WFDB_ENDINGS or path.with_name(path.name + ".hea").is_file():
        from melp.io.wfdb import read_wfdb

        return read_wfdb(path)
    if not path.exists():
        raise MelpError(f"{path}: no such file")
    raise MelpError(f"{path}: unknown format {path.suffix!r}, wanted a WFDB record (.hea, .dat, .mat)")
