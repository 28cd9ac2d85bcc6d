"""The China Physiological Signal Challenge 2018 (Liu et al., J. Med. Imaging Health Inf. 8:1368, 2018).

6,877 recordings of 6 to 60 s at 500 Hz, in either published form: PhysioNet's (`A0001.hea` and `.mat`, as in
the Challenge of 2021) or the original one (only `A0001.mat`, a MATLAB struct with sex, age and data in mV).

Labels come from `REFERENCE.csv`, in any folder below the corpus's, or else from the SNOMED CT codes in the
header; a struct has no labels without `REFERENCE.csv`. Classes are named as in the label files published for
benchmarks.

Patients are not published: every recording counts as a patient, so that recordings of one person may be in
different folds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from melp.corpora import Entry, Listing, Options
from melp.corpora._challenge import challenge_source, in_collection
from melp.corpora._folds import hashed_fold
from melp.corpora._headers import with_patient_info
from melp.corpora._records import corpus_folder, find_wfdb_records
from melp.ecg import ECG
from melp.errors import MelpError
from melp.io.tables import read_csv

_REFERENCE = "REFERENCE.csv"
# In the order of their numbers in REFERENCE.csv, from 1.
CLASSES = ("NORM", "AFIB", "1AVB", "CLBBB", "CRBBB", "PAC", "VPC", "STD", "STE")
_CODES = {
    "426783006": "NORM",
    "164889003": "AFIB",
    "270492004": "1AVB",
    "164909002": "CLBBB",
    "59118001": "CRBBB",
    "284470004": "PAC",
    "164884008": "VPC",
    "429622005": "STD",
    "164931005": "STE",
}

SOURCE = challenge_source("cpsc_2018")


def list_entries(raw: Path | None, options: Options) -> Listing:
    """List the records below `raw` and those in `REFERENCE.csv`, sorted by name.

    Raises:
        MelpError: `raw` is not a folder, `REFERENCE.csv` has another format, or (during iteration) no
            recording is on disk.
    """
    raw = corpus_folder(raw, "cpsc2018")
    return Listing(_entries(raw, _read_references(raw)))


def load(entry: Entry) -> ECG:
    """Load the recording of `entry`, with age, sex and labels (those of `entry`, if any) in `meta`."""
    from melp.io import read_file

    ecg = read_file(entry.source)
    # A struct has no header; its age and sex are already in `meta`.
    return with_patient_info(ecg, _CODES, entry.labels) if "comments" in ecg.meta else ecg


def labels(row: Sequence[str]) -> tuple[str, ...]:
    """Return the classes in a row of `REFERENCE.csv`: the record's name, then class numbers or empty cells.

    Raises:
        MelpError: a number is not 1 to 9.
    """
    numbers = [cell.strip() for cell in row[1:] if cell.strip()]
    unknown = [number for number in numbers if number not in set("123456789")]
    if unknown:
        raise MelpError(f"{_REFERENCE}: record {row[0]}: label {unknown[0]!r}, wanted 1 to {len(CLASSES)}")
    return tuple(dict.fromkeys(CLASSES[int(number) - 1] for number in numbers))


def _read_references(raw: Path) -> dict[str, tuple[str, ...]]:
    references: dict[str, tuple[str, ...]] = {}
    for file in sorted(raw.rglob(_REFERENCE)):
        table = read_csv(file, dtype=str, keep_default_na=False).fillna("")
        if list(table.columns[:2]) != ["Recording", "First_label"]:
            raise MelpError(f"{file}: wanted the columns Recording, First_label, Second_label, Third_label")
        references.update({row[0].strip(): labels(row) for row in table.itertuples(index=False, name=None)})
    return references


def _entries(raw: Path, references: dict[str, tuple[str, ...]]) -> Iterator[Entry]:
    found = list(_recordings(raw))
    if not any(entry.source for entry in found):
        raise MelpError(f"{raw}: no recording of cpsc2018 found, wanted names of A and four digits")
    on_disk = {entry.id for entry in found}
    missing = (_entry(name, Path(name), None) for name in references.keys() - on_disk)
    for entry in sorted([*found, *missing], key=lambda entry: (entry.id, entry.path)):
        yield replace(entry, labels=references.get(entry.id, ()))


def _recordings(raw: Path) -> Iterator[Entry]:
    """Yield the records below `raw`: the headers, and the structs that have none."""
    headers: set[str] = set()
    for record in find_wfdb_records(raw):
        if in_collection(raw, record.stem, "cpsc2018", _is_name(record.name)):
            headers.add(record.name)
            source = f"{record.stem}.hea" if record.complete else None
            yield _entry(record.name, record.stem.relative_to(raw), source)
    for file in sorted(raw.rglob("*.mat")):
        named = _is_name(file.stem) and file.stem not in headers
        if named and in_collection(raw, file, "cpsc2018", named=True):
            yield _entry(file.stem, file.relative_to(raw), str(file))


def _entry(name: str, path: Path, source: str | None) -> Entry:
    return Entry(name, name, hashed_fold(name), source=source, path=str(path))


def _is_name(name: str) -> bool:
    return len(name) == 5 and name.startswith("A") and name[1:].isdecimal()
