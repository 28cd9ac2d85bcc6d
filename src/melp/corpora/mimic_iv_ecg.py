"""MIMIC-IV-ECG in its published layout (Gow et al., PhysioNet `mimic-iv-ecg` 1.0).

800,035 recordings of 161,352 patients, 10 s at 500 Hz; leads stand in the files as I II III aVR aVF aVL V1-V6
and are put in standard order by their names. A report is what the machine wrote: each of the columns report_0
to report_17 of `machine_measurements.csv` is a statement. There are no labels, and neither age nor sex.

As in MELP's data, a recording is left out, and counted, where its report has under 4 words, and where it
holds NaN (-32768 in the file) or nothing but zeros; further, where every lead is constant ("flat").

Folds: by patient; 2 % are kept for tests (10), 2 % of the others for validation (9).

The two tables are held as Arrow columns, statements as numbers of a dictionary: measured over 800,035 rows, a
process needs 0.46 GB while they are read, 0.25 GB then.

Differences: MELP splits 98/2 into training and validation and has no test split. It joins the statements to
one text and cleans its two ends alone, so that `***` and remarks of the machine on itself stay within it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from melp.corpora import Entry, Listing, Options
from melp.corpora._folds import held_out_fold
from melp.corpora._records import corpus_folder
from melp.corpora.downloads.sources import Source
from melp.ecg import ECG, BadRecordError
from melp.errors import MelpError
from melp.reports.machine import count_words, machine_statements

_RECORDS = "record_list.csv"
_MEASUREMENTS = "machine_measurements.csv"
_REPORTS = tuple(f"report_{number}" for number in range(18))
_LEAST_WORDS = 4
_TRAINING_FOLDS = tuple(range(1, 9))
_BATCH = 4096

SOURCE = Source("mimic-iv-ecg", "1.0", tables=(_RECORDS, _MEASUREMENTS), recordings="files/")


def list_entries(raw: Path | None, options: Options) -> Listing:
    """The studies of `record_list.csv`, in its order.

    Raises:
        MelpError: `raw` is not the folder of MIMIC-IV-ECG, or (while the entries are taken) a table is not as
            published, or none of the recordings is there.
    """
    raw = corpus_folder(raw, "mimic-iv-ecg", _RECORDS)
    return Listing(_entries(corpus_folder(raw, "mimic-iv-ecg", _MEASUREMENTS)), _TRAINING_FOLDS)


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
    whole, text = pa.int64(), pa.string()
    records = _read_table(raw / _RECORDS, {"subject_id": whole, "study_id": whole, "path": text})
    repeated = pa.dictionary(pa.int32(), text)
    reports = _read_table(raw / _MEASUREMENTS, {"study_id": whole} | dict.fromkeys(_REPORTS, repeated))
    rows = pc.index_in(records["study_id"], value_set=reports["study_id"])
    reports, found = reports.select(_REPORTS), False
    for start in range(0, len(records), _BATCH):
        part = records.slice(start, _BATCH)
        lines = reports.take(rows.slice(start, _BATCH))
        # A dictionary's values are turned into Python's one by one, in thirty times the time.
        said = (column.cast(text) for column in lines.columns)
        columns = (part["subject_id"], part["study_id"], part["path"], *said)
        for subject, study, path, *report in zip(*(column.to_pylist() for column in columns), strict=True):
            source = _recording(raw, path)
            found = found or source is not None
            yield _entry(str(subject), str(study), [line for line in report if line], source)
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


def _read_table(file: Path, types: Mapping[str, Any]) -> pa.Table:
    """The columns named in `types`, each in one piece."""
    try:
        table = csv.read_csv(
            file,
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                include_columns=list(types), column_types=types, strings_can_be_null=True, null_values=[""]
            ),
        )
    except (pa.ArrowInvalid, KeyError) as error:
        raise MelpError(f"{file}: not as published ({str(error.args[0]).splitlines()[0][:200]})") from error
    empty = [
        name for name, kind in types.items() if table[name].null_count and not pa.types.is_dictionary(kind)
    ]
    if empty:
        raise MelpError(f"{file}: empty cells in column {', '.join(empty)}")
    return table.unify_dictionaries().combine_chunks()
