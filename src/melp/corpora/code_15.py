"""CODE-15 % (Ribeiro et al., Zenodo 4916206): 345,779 exams of 233,770 patients, in 18 HDF5 files.

Labels are the columns of `exams.csv` that are true: the six abnormalities (1dAVb, RBBB, LBBB, SB, AF, ST) and
`normal_ecg`. The index keeps its other columns: the age that a network predicted, whether the patient died,
and the years of follow-up (`timey`). Most exams last 7.3 s, a third of them 10.24 s; 670 are all zero. For
unit and order of leads see `melp.io.code_tracings`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int

from melp.corpora import Entry, Listing, Options
from melp.corpora._cells import Cells
from melp.corpora._code import CLASSES, count_tracings, load_tracing, open_hdf5, shape_of
from melp.corpora._folds import hashed_fold
from melp.corpora._records import corpus_folder, require_recordings
from melp.corpora.downloads.sources import Zenodo
from melp.ecg import ECG
from melp.errors import MelpError
from melp.io.tables import read_csv
from melp.io.values import parse_age, parse_flag

_TABLE = "exams.csv"
_LABELS = (*CLASSES, "normal_ecg")
_COLUMNS = ("exam_id", "age", "is_male", "patient_id", "trace_file", *_LABELS)
_MORE = {"nn_predicted_age": "float", "death": "bool", "timey": "float"}
_IDS = "exam_id"
_USUAL_ORDER = ("aVR", "aVL", "aVF")

SOURCE = Zenodo(
    4916206,
    tables=(_TABLE,),
    archives=tuple(f"exams_part{number}.zip" for number in range(18)),
    records_each=19_878,
)


def list_entries(raw: Path | None, options: Options) -> Listing:
    """List the exams of `exams.csv`, sorted by file and position; those missing from their file come first.

    Raises:
        MelpError: `raw` is not the folder of CODE-15, h5py is not installed, a file has another format, or
            (during iteration) no tracing is on disk.
    """
    raw = corpus_folder(raw, "code-15", _TABLE)
    exams = _read_exams(raw / _TABLE)
    message = f"{raw}: none of the {len(exams)} tracings found"
    notes: list[str] = []
    return Listing(require_recordings(_entries(raw, exams, notes), message), columns=_MORE, notes=notes)


def load(entry: Entry) -> ECG:
    """Load the tracing of `entry`."""
    return load_tracing(Path(entry.source["file"]), entry.source["row"], _USUAL_ORDER)


def _read_exams(file: Path) -> pd.DataFrame:
    return read_csv(file, _COLUMNS, _MORE, dtype={"exam_id": "int64", "patient_id": "int64"})


def _entries(raw: Path, table: pd.DataFrame, notes: list[str]) -> Iterator[Entry]:
    cells = Cells()
    for name in sorted(table["trace_file"].astype(str).unique(), key=lambda name: (len(name), name)):
        part = table[table["trace_file"] == name]
        file = raw / name
        rows = _positions(file, part["exam_id"].tolist()) if file.is_file() else np.full(len(part), -1)
        # Sorted by position, so that the file is read sequentially.
        order = np.argsort(rows, kind="stable")
        for exam, row in zip(part.iloc[order].to_dict("records"), rows[order].tolist(), strict=True):
            yield _entry(exam, {"file": str(file), "row": row} if row >= 0 else None, cells)
    notes += cells.notes


def _positions(file: Path, exams: Sequence[int]) -> Int[np.ndarray, " exam"]:
    """Return the position of each exam in a file; -1 if it is not there."""
    with open_hdf5(file) as opened:
        count = count_tracings(opened, file)
        if shape_of(opened, _IDS, file) != (count,):
            raise MelpError(f"{file}: exam_id and tracings ({count}) differ in length")
        position = {int(exam): row for row, exam in enumerate(opened[_IDS][:])}
    return np.array([position.get(exam, -1) for exam in exams], dtype=np.int64)


def _entry(exam: Mapping[Any, Any], source: dict[str, Any] | None, cells: Cells) -> Entry:
    patient, name = str(exam["patient_id"]), str(exam["exam_id"])
    where = f"of exam {name}"
    male = cells.read(where, "is_male", exam["is_male"], parse_flag, None)
    return Entry(
        id=name,
        patient=patient,
        fold=hashed_fold(patient),
        labels=tuple(n for n in _LABELS if cells.read(where, n, exam[n], parse_flag, None)),
        age=cells.read(where, "age", exam["age"], parse_age, float("nan")),
        sex="" if male is None else "male" if male else "female",
        source=source,
        path=str(exam["trace_file"]),
        more=cells.more(where, _MORE, exam),
    )
