"""WFDB records, the format of PhysioNet: a header and its signal files."""

from __future__ import annotations

import re

from melp.ecg import ECG
from melp.io.source import Source

NAME = "WFDB"
ENDINGS = (".hea", ".dat", ".mat")
NEEDS = ""

_RECORD_LINE = re.compile(r"(?:\s*#.*\n)*\s*[\w./-]+[ \t]+\d+[ \t]+\d+(?:\.\d+)?(?:[/(]\S*)?[ \t]+\d+\s")


def matches(source: Source) -> bool:
    """Return whether the path is that of a record, which has several files, or the content a header."""
    path = source.path
    if path is None:
        return _RECORD_LINE.match(source.text) is not None
    return path.suffix.lower() in ENDINGS or path.with_name(path.name + ".hea").is_file()


def read(source: Source) -> ECG:
    """Read the record at the path of the source."""
    from melp.io.wfdb import read_wfdb

    if source.path is None:
        raise source.error("a WFDB header found, wanted its path: the samples are in other files")
    if source.path.suffix.lower() == ".mat" and source.path.is_file() and not source.head:
        raise source.error("an empty file")
    ecg = read_wfdb(source.path, source.leads)
    source.sampling_rate(ecg.rate)
    return ecg
