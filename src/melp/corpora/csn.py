"""Chapman-Shaoxing-Ningbo in its published layout (Zheng et al., PhysioNet `ecg-arrhythmia` 1.0.0).

45,152 recordings of 10 s at 500 Hz. Labels are the acronyms, from the corpus's own table, of the SNOMED CT
codes in a header; a code without an acronym remains a number (55827005). Four codes have several acronyms in
that table and are ambiguous; the first one is used, as in the label files published for benchmarks:

    164865005   MI, not MIBW, MIFW, MILW, MISW
    164909002   LBBB, not LBBBB, LFBBB
    195101003   WAVN, not SAAWR
    698252002   IDC, not IVB

AF means atrial flutter here, AFIB atrial fibrillation.

Patients are not published: every recording counts as a patient, so that recordings of one person may be in
different folds.

Differences: the published label files search for acronyms as substrings of the joined labels (AF is found in
AFIB) and exclude recordings with a code that has no acronym. Here codes are compared as a whole and no
recording is excluded.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from melp.corpora import Entry, Listing, Options
from melp.corpora._folds import hashed_fold
from melp.corpora._headers import with_patient_info
from melp.corpora._records import corpus_folder, find_wfdb_records, require_recordings
from melp.corpora.downloads.sources import PhysioNet
from melp.ecg import ECG
from melp.io.tables import read_csv

_NAMES = "ConditionNames_SNOMED-CT.csv"
_RECORDS = "WFDBRecords"

SOURCE = PhysioNet("ecg-arrhythmia", "1.0.0", tables=(_NAMES,), recordings=f"{_RECORDS}/")


def list_entries(raw: Path | None, options: Options) -> Listing:
    """List the records below `WFDBRecords`; their labels are in the recordings.

    Raises:
        MelpError: `raw` is not the folder of the corpus, or (during iteration) contains no recording.
    """
    raw = corpus_folder(raw, "csn", _NAMES)
    acronyms(str(raw / _NAMES))
    return Listing(require_recordings(_entries(raw), f"{raw / _RECORDS}: no recording of csn found"))


def load(entry: Entry) -> ECG:
    """Load the recording of `entry`, with age, sex and labels from its header in `meta`."""
    from melp.io.wfdb import read_wfdb

    return with_patient_info(read_wfdb(entry.source["record"]), acronyms(entry.source["names"]))


@cache
def acronyms(table: str) -> dict[str, str]:
    """Return the acronym of each SNOMED CT code in the corpus's table, the first if it has several.

    Raises:
        MelpError: the file is not that table.
    """
    rows = read_csv(Path(table), ("AcronymName", "Snomed_CT"), dtype=str, keep_default_na=False)
    rows = rows.apply(lambda column: column.str.strip()).drop_duplicates("Snomed_CT")
    return dict(zip(rows["Snomed_CT"], rows["AcronymName"], strict=True))


def _entries(raw: Path) -> Iterator[Entry]:
    for record in find_wfdb_records(raw / _RECORDS):
        source = {"record": record.source, "names": str(raw / _NAMES)} if record.complete else None
        path = str(record.stem.relative_to(raw))
        yield Entry(record.name, record.name, hashed_fold(record.name), source=source, path=path)
