"""Your own recordings, listed in a CSV table.

The column `path` is the path of a recording, relative to the folder `--raw`, in any format of `melp.read`.
Optional columns are

    id          unique; default: the path
    patient     identifier of the patient; default: every recording is of another patient
    fold        1 to 10; default: one of ten equal parts, by patient
    report      the report as written; it is split into statements and translated
    statements  the report's statements, separated by bars or line breaks
    age, sex    years; female or male, f or m
    labels      codes, separated by semicolons or bars

Any other column of which all values are 0, 1, false, true or empty (0) is a label: its name is a code of the
records with a 1. All other columns are ignored.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from melp.corpora import Entry, Listing, Options
from melp.corpora._folds import hashed_fold
from melp.ecg import ECG
from melp.errors import MelpError
from melp.tasks.folds import FOLDS

_COLUMNS = ("path", "id", "patient", "fold", "report", "statements", "age", "sex", "labels")
_SEX = {"": "", "f": "female", "female": "female", "m": "male", "male": "male"}
_FLAG = {"": False} | dict.fromkeys(("0", "0.0", "false"), False) | dict.fromkeys(("1", "1.0", "true"), True)
_MAX_AGE = 150

Row = dict[str, str]


def list_entries(raw: Path | None, options: Options) -> Listing:
    """List the records of the table.

    Raises:
        MelpError: no table or folder is given, or (also during iteration) the table cannot be read; row and
            column are named.
    """
    if options.table is None:
        raise MelpError("table: no table given, wanted --csv with a CSV file")
    if raw is None:
        raise MelpError("table: no folder given, wanted --raw with the folder of the recordings")
    if not raw.is_dir():
        raise MelpError(f"{raw}: no such folder, wanted that of the recordings")
    table = _Table(options.table)
    return Listing(_entries(table, raw, table.codes()))


def load(entry: Entry) -> ECG:
    """Load the recording of `entry`."""
    from melp.io import read_file

    return read_file(entry.source)


class _Table:
    """The rows of a CSV file, read from disk in every iteration because a table may be long."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            with file.open(encoding="utf-8-sig", newline="") as stream:
                header = stream.readline()
        except (OSError, UnicodeDecodeError) as error:
            raise MelpError(f"{file}: cannot be read as UTF-8 text ({error})") from error
        self.delimiter = max(",;\t", key=header.count)
        self.names = [name.strip() for name in next(csv.reader([header], delimiter=self.delimiter), [])]
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise MelpError(f"{file}: column {repeated[0]!r} found twice")
        if "path" not in self.names:
            raise MelpError(f"{file}: columns {', '.join(self.names)} found, wanted path among them")

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        """Yield the line number of each row, which is 2 for the first, and its values by column."""
        with self.file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=self.delimiter)
            try:
                next(reader)
                for values in reader:
                    if not any(values):
                        continue
                    if len(values) != len(self.names):
                        message = f"{len(values)} values found, wanted {len(self.names)}"
                        raise MelpError(f"{self.file}: row {reader.line_num}: {message}")
                    yield (
                        reader.line_num,
                        {name: value.strip() for name, value in zip(self.names, values, strict=True)},
                    )
            except (csv.Error, UnicodeDecodeError) as error:
                raise MelpError(f"{self.file}: row {reader.line_num + 1}: {error}") from error

    def codes(self) -> list[str]:
        """Return the columns that are labels.

        Raises:
            MelpError: the table has no row.
        """
        codes = dict.fromkeys(name for name in self.names if name not in _COLUMNS)
        not_empty: set[str] = set()
        empty = True
        for _, row in self:
            for name in [name for name in codes if row[name].lower() not in _FLAG]:
                del codes[name]
            empty = False
            not_empty.update(name for name in codes if row[name])
        if empty:
            raise MelpError(f"{self.file}: no row below the header, wanted one for each recording")
        return [name for name in codes if name in not_empty]


def _entries(table: _Table, raw: Path, codes: list[str]) -> Iterator[Entry]:
    for number, row in table:
        try:
            yield _entry(row, raw, codes)
        except ValueError as error:
            raise MelpError(f"{table.file}: row {number}: {error}") from error


def _entry(row: Row, raw: Path, codes: list[str]) -> Entry:
    if not row["path"]:
        raise ValueError("column path: nothing found, wanted a recording")
    patient = row.get("patient") or _id(row)
    labels = [code.strip() for code in re.split("[;|]", row.get("labels", "")) if code.strip()]
    labels += [code for code in codes if _FLAG[row[code].lower()]]
    statements = [part.strip() for part in re.split(r"[|\n]", row.get("statements", "")) if part.strip()]
    return Entry(
        id=_id(row),
        patient=patient,
        fold=_number(row, "fold", 1, FOLDS, whole=True) if "fold" in row else hashed_fold(patient),
        labels=tuple(dict.fromkeys(labels)),
        report=row.get("report", ""),
        statements=tuple(statements) if statements or not row.get("report") else None,
        age=_number(row, "age", 0, _MAX_AGE) if row.get("age") else float("nan"),
        sex=_sex(row),
        source=_recording(raw / row["path"]),
        path=row["path"],
    )


def _id(row: Row) -> str:
    return row.get("id") or row["path"]


def _number(row: Row, name: str, least: int, most: int, whole: bool = False) -> Any:
    kind = "whole number" if whole else "number"
    try:
        value = float(row[name])
    except ValueError:
        value = float("nan")
    if not least <= value <= most or (whole and value != int(value)):
        raise ValueError(f"column {name}: {row[name]!r} found, wanted a {kind} from {least} to {most}")
    return int(value) if whole else value


def _sex(row: Row) -> str:
    text = row.get("sex", "").lower()
    if text not in _SEX:
        raise ValueError(f"column sex: {row['sex']!r} found, wanted female or male, f or m, or nothing")
    return _SEX[text]


def _recording(path: Path) -> str | None:
    """Return `path` if it is a file or a WFDB record without extension; None if it is not on disk."""
    on_disk = path.is_file() or Path(f"{path}.hea").is_file()
    return str(path) if on_disk else None
