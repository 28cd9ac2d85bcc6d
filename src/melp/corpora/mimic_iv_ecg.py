"""MIMIC-IV-ECG in its published layout (Gow et al., PhysioNet `mimic-iv-ecg` 1.0).

800,035 recordings of 161,352 patients, 10 s at 500 Hz; leads stand in the files as I II III aVR aVF aVL V1-V6
and are put in standard order by their names. A report is what the machine wrote: each of the columns report_0
to report_17 of `machine_measurements.csv` is a statement. There are no labels, and neither age nor sex.

As in MELP's data, a recording is left out, and counted, where its report has under 4 words, and where it
holds NaN (-32768 in the file) or nothing but zeros; further, where every lead is constant ("flat").

Folds: by patient; 2 % are kept for tests (10), 2 % of the others for validation (9).

The two tables stay in memory, the reports as categories: 800,000 simulated rows take 0.14 GB.

Differences: MELP splits 98/2 into training and validation and has no test split. It joins the statements to
one text and cleans its two ends alone, so that `***` and remarks of the machine on itself stay within it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from melp.corpora import Entry, Listing, Options
from melp.corpora._folds import held_out_fold
from melp.corpora._records import corpus_folder
from melp.corpora.downloads.sources import PhysioNet
from melp.ecg import ECG, BadRecordError
from melp.errors import MelpError
from melp.io.tables import read_csv
from melp.reports.machine import count_words, machine_statements
from melp.tasks.folds import TRAIN_FOLDS

_RECORDS = "record_list.csv"
_MEASUREMENTS = "machine_measurements.csv"
_REPORTS = tuple(f"report_{number}" for number in range(18))
_LEAST_WORDS = 4
_BATCH = 4096

SOURCE = PhysioNet("mimic-iv-ecg", "1.0", tables=(_RECORDS, _MEASUREMENTS), recordings="files/")


def list_entries(raw: Path | None, options: Options) -> Listing:
    """The studies of `record_list.csv`, in its order.

    Raises:
        MelpError: `raw` is not the folder of MIMIC-IV-ECG, or (while the entries are taken) a table is not as
            published, or none of the recordings is there.
    """
    raw = corpus_folder(raw, "mimic-iv-ecg", _RECORDS)
    return Listing(_entries(corpus_folder(raw, "mimic-iv-ecg", _MEASUREMENTS)), TRAIN_FOLDS)


def load(entry: Entry) -> ECG:
    """The recording of `entry`.

    Raises:
        BadRecordError: it cannot be used, or every lead is constant.
    """
    from melp.io.wfdb import read_wfdb

    ecg = read_wfdb(entry.source)
    low, high = ecg.extent
    if (low == high).all():
        raise BadRecordError(f"{entry.source}: every lead is constant", "flat")
    return ecg


def _entries(raw: Path) -> Iterator[Entry]:
    records = _read_table(raw / _RECORDS, {"subject_id": "int64", "study_id": "int64", "path": "str"})
    # The machines have few wordings, which a category stores once.
    types = {"study_id": "int64"} | dict.fromkeys(_REPORTS, "category")
    reports = _read_table(raw / _MEASUREMENTS, types).drop_duplicates("study_id").set_index("study_id")
    reports = reports.reindex(records["study_id"])
    found = False
    for start in range(0, len(records), _BATCH):
        batch = slice(start, start + _BATCH)
        columns = [records[name].iloc[batch].tolist() for name in ("subject_id", "study_id", "path")]
        columns += [reports[name].iloc[batch].astype(object).tolist() for name in _REPORTS]
        for subject, study, path, *report in zip(*columns, strict=True):
            source = _recording(raw, path)
            found = found or source is not None
            yield _entry(str(subject), str(study), [line for line in report if isinstance(line, str)], source)
    if not found:
        raise MelpError(f"{raw}: none of the {len(records)} recordings is there")


def _entry(subject: str, study: str, report: list[str], source: str | None) -> Entry:
    short = count_words(report) < _LEAST_WORDS
    return Entry(
        id=study,
        patient=subject,
        fold=held_out_fold(subject),
        statements=tuple(statement for line in report for statement in machine_statements(line)),
        source=source,
        refused=f"report under {_LEAST_WORDS} words" if short else "",
    )


def _recording(raw: Path, path: str) -> str | None:
    # Not by `Path`, which takes thrice the time, 1,600,000 times.
    stem = os.path.join(raw, path)  # noqa: PTH118
    there = all(os.path.isfile(stem + ending) for ending in (".hea", ".dat"))  # noqa: PTH113
    return stem if there else None


def _read_table(file: Path, types: Mapping[str, str]) -> pd.DataFrame:
    """The columns in `types`; only the categories may have empty cells."""
    table = read_csv(file, types, dtype=dict(types), keep_default_na=False, na_values=[""])
    empty = [name for name, kind in types.items() if kind != "category" and table[name].hasnans]
    if empty:
        raise MelpError(f"{file}: empty cells in column {', '.join(empty)}")
    return table
