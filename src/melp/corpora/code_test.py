"""The test set of CODE (Ribeiro et al., Zenodo 3765780): 827 tracings of as many patients.

Labels are the gold standard of two cardiologists and, if they disagree, a third. All recordings are test
records, of fold 10. The tables have no identifiers: a recording's id is its position, from 0. For unit and
order of leads see `melp.io.code_tracings`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from melp.corpora import Entry, Listing, Options
from melp.corpora._cells import Cells
from melp.corpora._code import CLASSES, count_tracings, load_tracing, open_hdf5
from melp.corpora._records import corpus_folder
from melp.corpora.downloads.sources import Zenodo
from melp.ecg import ECG
from melp.errors import MelpError
from melp.io.tables import read_csv
from melp.io.values import parse_age, parse_flag, parse_sex
from melp.tasks.folds import TEST_FOLD

_TRACINGS = "ecg_tracings.hdf5"
_GOLD = "annotations/gold_standard.csv"
_ATTRIBUTES = "attributes.csv"
_USUAL_ORDER = ("aVL", "aVF", "aVR")

SOURCE = Zenodo(3765780, archives=("data.zip",), records_each=827)


def list_entries(raw: Path | None, options: Options) -> Listing:
    """List the tracings in their order; `raw` contains the published files, or a folder `data` with them.

    Raises:
        MelpError: `raw` is not the test set of CODE, h5py is not installed, or the numbers of rows and
            tracings differ.
    """
    raw = corpus_folder(raw, "code-test")
    raw = raw / "data" if (raw / "data").is_dir() else raw
    file = corpus_folder(raw, "code-test", _TRACINGS) / _TRACINGS
    with open_hdf5(file) as opened:
        count = count_tracings(opened, file)
    gold = _read_rows(raw / _GOLD, CLASSES, count)
    attributes = _read_rows(raw / _ATTRIBUTES, ("age", "sex"), count)
    notes: list[str] = []
    return Listing(_entries(file, gold, attributes, notes), notes=notes)


def load(entry: Entry) -> ECG:
    """Load the tracing of `entry`."""
    return load_tracing(Path(entry.source["file"]), entry.source["row"], _USUAL_ORDER)


def _read_rows(file: Path, columns: tuple[str, ...], count: int) -> pd.DataFrame:
    table = read_csv(file, columns)
    if len(table) != count:
        raise MelpError(f"{file}: {len(table)} rows, wanted {count}, one a tracing")
    return table


def _entries(file: Path, gold: pd.DataFrame, attributes: pd.DataFrame, notes: list[str]) -> Iterator[Entry]:
    cells = Cells()
    patients = zip(attributes["age"], attributes["sex"], gold.to_dict("records"), strict=True)
    for row, (age, sex, flags) in enumerate(patients):
        at = row + 2
        yield Entry(
            id=str(row),
            patient=str(row),
            fold=TEST_FOLD,
            labels=tuple(n for n in CLASSES if cells.read(at, n, flags[n], parse_flag, None)),
            age=cells.read(at, "age", age, parse_age, float("nan")),
            sex=cells.read(at, "sex", sex, parse_sex, ""),
            source={"file": str(file), "row": row},
        )
    notes += cells.notes
