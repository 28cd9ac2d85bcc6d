"""Chapman-Shaoxing-Ningbo in its published layout (Zheng et al., PhysioNet `ecg-arrhythmia` 1.0.0).

45,152 recordings of 10 s at 500 Hz. Labels are the acronyms that the corpus's own table gives the SNOMED CT
codes of a header, matched as whole codes; a code without an acronym stays a number (55827005). Four codes
have several acronyms in that table, so that a header cannot say which was meant; the first is taken, as in
the label files published for benchmarks:

    164865005   MI, not MIBW, MIFW, MILW, MISW
    164909002   LBBB, not LBBBB, LFBBB
    195101003   WAVN, not SAAWR
    698252002   IDC, not IVB

AF stands for atrial flutter here, AFIB for atrial fibrillation.

Patients are not published: a recording is its own patient, and recordings of one patient may lie in
different folds.

Differences: published label files search acronyms as parts of the joined text (AF is found in AFIB) and drop
recordings with a code that has no acronym; here neither happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from melp.corpora import Entry, Listing, Options
from melp.corpora._folds import hashed_fold
from melp.corpora._headers import with_patient_info
from melp.corpora._records import corpus_folder, find_wfdb_records
from melp.corpora.downloads.sources import PhysioNet
from melp.ecg import ECG
from melp.errors import MelpError
from melp.io.tables import read_csv

_NAMES = "ConditionNames_SNOMED-CT.csv"
_RECORDS = "WFDBRecords"

SOURCE = PhysioNet("ecg-arrhythmia", "1.0.0", tables=(_NAMES,), recordings=f"{_RECORDS}/")


def list_entries(raw: Path | None, options: Options) -> Listing:
    """The records below `WFDBRecords`; their labels come with the recordings.

    Raises:
        MelpError: `raw` is not the folder of the corpus, or (while the entries are taken) holds no recording.
    """
    raw = corpus_folder(raw, "csn", _NAMES)
    acronyms(str(raw / _NAMES))
    return Listing(_entries(raw))


def load(entry: Entry) -> ECG:
    """The recording of `entry`, with age, sex and labels of its header in `meta`."""
    from melp.io.wfdb import read_wfdb

    return with_patient_info(read_wfdb(entry.source["record"]), acronyms(entry.source["names"]))


@cache
def acronyms(table: str) -> dict[str, str]:
    """The acronym of each SNOMED CT code of the corpus's table, the first where it has several.

    Raises:
        MelpError: the file is not that table.
    """
    rows = read_csv(Path(table), ("AcronymName", "Snomed_CT"), dtype=str, keep_default_na=False)
    rows = rows.apply(lambda column: column.str.strip()).drop_duplicates("Snomed_CT")
    return dict(zip(rows["Snomed_CT"], rows["AcronymName"], strict=True))


def _entries(raw: Path) -> Iterator[Entry]:
    found = False
    for name, stem in find_wfdb_records(raw / _RECORDS):
        found = found or stem is not None
        source = {"record": str(stem), "names": str(raw / _NAMES)} if stem else None
        yield Entry(name, name, hashed_fold(name), source=source)
    if not found:
        raise MelpError(f"{raw / _RECORDS}: no recording of csn is there")
