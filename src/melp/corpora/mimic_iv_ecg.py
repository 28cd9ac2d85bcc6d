"""MIMIC-IV-ECG in its published layout (Gow et al., PhysioNet `mimic-iv-ecg` 1.0).

800,035 recordings of 161,352 patients, 10 s at 500 Hz. The files have the leads in the order I II III aVR aVF
aVL V1-V6; they are reordered by name. Reports are machine-written: each of the columns report_0 to report_17
of `machine_measurements.csv` is a statement, which gets the wording of prompts and of PTB-XL's reports
(`melp.reports.machine`). There are no labels, ages or sexes.

As in MELP's data, recordings are excluded, and counted, whose report has fewer than 4 words or whose signal
contains NaN (-32768 in the file) or only zeros; here also those with all leads constant ("flat").

Folds: by patient; 2 % for tests (10), 2 % of the others for validation (9).

The two tables stay in memory, the reports as categories: 800,000 simulated rows take 0.14 GB.

Differences: MELP splits 98/2 into training and validation and has no test split. It joins the statements into
one text and cleans only its two ends, so that `***` and remarks about the measurement remain inside it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from melp.corpora import Entry, Listing, Options
from melp.corpora._folds import held_out_fold
from melp.corpora._records import corpus_folder, require_recordings
from melp.corpora.downloads.sources import PhysioNet
from melp.ecg import ECG, BadRecordError
from melp.errors import MelpError
from melp.io.tables import read_csv
from melp.reports.machine import count_words, machine_statements
from melp.tasks.folds import TRAIN_FOLDS

_RECORDS = "record_list.csv"
_MEASUREMENTS = "machine_measurements.csv"
_REPORTS = tuple(f"report_{number}" for number in range(18))
_MIN_WORDS = 4
_NUMBERS = (
    "rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end", "p_axis", "qrs_axis", "t_axis",
)  # fmt: skip
_NOT_MEASURED = 29999
_MORE = {"ecg_time": "string", "cart_id": "string", "bandwidth": "string", "filtering": "string"} | (
    dict.fromkeys(_NUMBERS, "float")
)
"""Further columns of the index: time, cart, filters, the machine's intervals (ms) and axes (degrees).

A measurement of 29999 means that there is none, and is null.
"""
_BATCH = 4096

SOURCE = PhysioNet("mimic-iv-ecg", "1.0", tables=(_RECORDS, _MEASUREMENTS), recordings="files/")


def list_entries(raw: Path | None, options: Options) -> Listing:
    """List the studies of `record_list.csv`, in its order.

    Raises:
        MelpError: `raw` is not the folder of MIMIC-IV-ECG, a table has another format, or (during iteration)
            none of the recordings is on disk.
    """
    for table in (_RECORDS, _MEASUREMENTS):
        folder = corpus_folder(raw, "mimic-iv-ecg", table)
    records, reports = _read_tables(folder)
    message = f"{folder}: none of the {len(records)} recordings found"
    entries = require_recordings(_entries(folder, records, reports), message)
    return Listing(entries, TRAIN_FOLDS, columns=_MORE)


def load(entry: Entry) -> ECG:
    """Load the recording of `entry`.

    Raises:
        BadRecordError: it cannot be used, or every lead is constant.
    """
    from melp.io.wfdb import read_wfdb

    ecg = read_wfdb(entry.source)
    low, high = ecg.extent
    if (low == high).all():
        raise BadRecordError(f"{entry.source}: every lead is constant", "flat")
    return ecg


def _read_tables(raw: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the records, and the measurements of the same studies row by row, with whether there are any."""
    types = {"subject_id": "int64", "study_id": "int64", "path": "str"}
    records = _read_table(raw / _RECORDS, types, {"ecg_time": "category"})
    # The machines have few wordings, which a category stores once.
    types = {"study_id": "int64"} | dict.fromkeys(_REPORTS, "category")
    more = {name: "category" if kind == "string" else "float32" for name, kind in _MORE.items()}
    measured = _read_table(raw / _MEASUREMENTS, types, more)
    measured = (
        measured.drop_duplicates("study_id").set_index("study_id").drop(columns="ecg_time", errors="ignore")
    )
    numbers = [name for name in _NUMBERS if name in measured.columns]
    measured[numbers] = measured[numbers].mask(measured[numbers] == _NOT_MEASURED)
    return records, measured.assign(measured=True).reindex(records["study_id"])


def _entries(raw: Path, records: pd.DataFrame, measured: pd.DataFrame) -> Iterator[Entry]:
    more = [name for name in _MORE if name in measured.columns]
    for start in range(0, len(records), _BATCH):
        batch = slice(start, start + _BATCH)
        columns = [records[name].iloc[batch].tolist() for name in ("subject_id", "study_id", "path")]
        times = records["ecg_time"].iloc[batch].astype(object) if "ecg_time" in records.columns else None
        columns.append(times.tolist() if times is not None else [None] * len(columns[0]))
        columns.append(measured["measured"].iloc[batch].notna().tolist())
        columns += [measured[name].iloc[batch].astype(object).tolist() for name in (*more, *_REPORTS)]
        for subject, study, path, time, known, *cells in zip(*columns, strict=True):
            report = [line for line in cells[len(more) :] if isinstance(line, str)]
            values = {"ecg_time": time, **dict(zip(more, cells, strict=False))}
            entry = _entry(str(subject), str(study), report, path, _recording(raw, path))
            refused = entry.refused if known else "no row in machine_measurements.csv"
            kept = {name: _value(name, value) for name, value in values.items() if not pd.isna(value)}
            yield replace(entry, refused=refused, more=kept)


def _value(name: str, value: object) -> str | float:
    return str(value) if _MORE[name] == "string" else float(str(value))


def _entry(subject: str, study: str, report: list[str], path: str, source: str | None) -> Entry:
    short = count_words(report) < _MIN_WORDS
    return Entry(
        id=study,
        patient=subject,
        fold=held_out_fold(subject),
        statements=tuple(statement for line in report for statement in machine_statements(line)),
        source=source,
        refused=f"report under {_MIN_WORDS} words" if short else "",
        path=path,
    )


def _recording(raw: Path, path: str) -> str | None:
    # Not with `Path`, which takes three times as long, for 1,600,000 files.
    stem = os.path.join(raw, path)  # noqa: PTH118
    complete = all(os.path.isfile(stem + ending) for ending in (".hea", ".dat"))  # noqa: PTH113
    return stem if complete else None


def _read_table(file: Path, types: Mapping[str, str], optional: Mapping[str, str]) -> pd.DataFrame:
    """Read the columns in `types`, of which only categories may have empty cells, and those in `optional`."""
    kinds = {**types, **optional}
    table = read_csv(file, types, optional, dtype=kinds, keep_default_na=False, na_values=[""])
    empty = [name for name, kind in types.items() if kind != "category" and table[name].hasnans]
    if empty:
        raise MelpError(f"{file}: empty cells in column {', '.join(empty)}")
    return table
