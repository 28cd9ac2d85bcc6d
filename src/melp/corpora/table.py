"""Your own recordings, listed in a CSV table.

The column `path` is the path of a recording, relative to the folder `--raw`, in any format of `melp.read`.
Optional columns are

    id          unique; default: the path
    patient     identifier of the patient; default: every recording is of another patient
    fold        1 to 10; default: one of ten equal parts, by patient
    report      the report as written; it is split into statements and translated
    statements  the report's statements, separated by bars or line breaks
    age, sex    years; female or male, f or m
    labels      codes, separated by semicolons, bars or commas, or as a list: "['AFIB', 'LBBB']"
    rate        samples a second, for files that do not say it
    unit        mV, uV, nV or V, for files that do not say it
    leads       the names of the channels in order, for files that do not say them: "I;II;V1"

Any other column of which all values are 0 or 1, yes or no, true or false is a label: its name is a code of
the records with a 1. Cells without a value (empty, NaN, NA, unknown ...) and -1 are read as not set, and
counted. The values of all other columns are kept in the index of the store, as numbers or texts; a column
without a name, such as the index of a data frame, is not. An age or sex that cannot be read is unknown, and
counted.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from melp.corpora import RESERVED, Entry, Listing, Options
from melp.corpora._cells import Cells
from melp.corpora._columns import Column, read_columns
from melp.corpora._folds import hashed_fold
from melp.ecg import ECG
from melp.errors import MelpError
from melp.io.values import in_millivolt, is_nothing, parse_age, parse_flag, parse_list, parse_sex
from melp.tasks.folds import FOLDS

_COLUMNS = (
    "path", "id", "patient", "fold", "report", "statements", "age", "sex", "labels", "rate", "unit", "leads",
)  # fmt: skip
_UNNAMED = re.compile(r"(Unnamed: \d+)?")  # as pandas names columns without a name
_MAX_REPORT = 1 << 24  # characters of a cell

Row = dict[str, str]
T = TypeVar("T")


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
    reader = _Reader(_Table(options.table), raw)
    columns = {_own_name(name): column.kind for name, column in reader.kept.items()}
    return Listing(reader.entries(), columns=columns, notes=reader.notes)


def load(entry: Entry) -> ECG:
    """Load the recording of `entry`; age, sex and report of the table replace those of the file."""
    from melp.io import read_file

    options = {"file": entry.source} if isinstance(entry.source, str) else dict(entry.source)
    ecg = read_file(options.pop("file"), **options)
    own = ({} if math.isnan(entry.age) else {"age": entry.age}) | ({"sex": entry.sex} if entry.sex else {})
    ecg = ecg.with_meta(**own)
    if "statements" in ecg.meta and (entry.report or entry.statements):
        return replace(ecg, meta={name: value for name, value in ecg.meta.items() if name != "statements"})
    return ecg


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
        names = [name.strip() for name in next(csv.reader([header], delimiter=self.delimiter), [])]
        self.names = [name.lower() if name.lower() in _COLUMNS else name for name in names]
        repeated = sorted({name for name in self.names if name and self.names.count(name) > 1})
        if repeated:
            raise MelpError(f"{file}: column {repeated[0]!r} found twice")
        if "path" not in self.names:
            found = ", ".join(filter(None, self.names)) or "without names"
            raise MelpError(f"{file}: columns {found} found, wanted path among them")

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        """Yield the number of each row, which is 2 for the first, and its values by column."""
        with self.file.open(encoding="utf-8-sig", newline="") as stream:
            csv.field_size_limit(_MAX_REPORT)
            reader = csv.reader(stream, delimiter=self.delimiter)
            number = 1
            try:
                next(reader)
                for number, values in enumerate(reader, start=2):
                    if not any(values):
                        continue
                    if len(values) != len(self.names):
                        message = f"{len(values)} values found, wanted {len(self.names)}"
                        raise MelpError(f"{self.file}: row {number}: {message}")
                    yield number, {n: value.strip() for n, value in zip(self.names, values, strict=True)}
            except (csv.Error, UnicodeDecodeError) as error:
                raise MelpError(f"{self.file}: row {number + 1}: {error}") from error

    def columns(self) -> dict[str, Column]:
        """Return the columns that have no meaning of their own.

        Raises:
            MelpError: the table has no row.
        """
        others = [name for name in self.names if name not in _COLUMNS and not _UNNAMED.fullmatch(name)]
        first = next(iter(self), None)
        if first is None:
            raise MelpError(f"{self.file}: no row below the header, wanted one for each recording")
        return read_columns(self, others)


class _Reader:
    """Makes entries of rows; `notes` says what became of the columns, and which cells could not be read."""

    def __init__(self, table: _Table, raw: Path) -> None:
        self.table, self.raw = table, raw
        columns = table.columns()
        self.codes = [name for name, column in columns.items() if column.is_label]
        self.kept = {name: column for name, column in columns.items() if not column.is_label}
        self.notes = [column.note(name) for name, column in columns.items()]
        if unnamed := sum(_UNNAMED.fullmatch(name) is not None for name in table.names):
            self.notes.append(f"{unnamed} columns without a name: not read")
        self._cells = Cells()
        self._unknown = dict.fromkeys(("age", "sex"), 0)

    def entries(self) -> Iterator[Entry]:
        """Yield the entries.

        Raises:
            MelpError: a cell that is needed cannot be read; row and column are named.
        """
        for number, row in self.table:
            try:
                yield self._entry(number, row)
            except ValueError as error:
                raise MelpError(f"{self.table.file}: row {number}: {error}") from error
        self.notes += [
            f"column {name}: {count} cells empty or unknown" for name, count in self._unknown.items() if count
        ]
        self.notes += self._cells.notes

    def _entry(self, number: int, row: Row) -> Entry:
        if not row["path"]:
            raise ValueError("column path: nothing found, wanted a recording")
        row = {name: "" if is_nothing(cell) and name != "path" else cell for name, cell in row.items()}
        name = row.get("id") or row["path"]
        patient = row.get("patient") or name
        labels = parse_list(row.get("labels", ""), ";|", codes=True)
        labels += [code for code in self.codes if parse_flag(row[code])]
        statements = parse_list(row.get("statements", ""), "|\n")
        return Entry(
            id=name,
            patient=patient,
            fold=_number(row, "fold", 1, FOLDS) if "fold" in row else hashed_fold(patient),
            labels=tuple(dict.fromkeys(code for code in labels if not is_nothing(code))),
            report=row.get("report", ""),
            statements=tuple(statements) if statements or not row.get("report") else None,
            age=self._read(number, row, "age", parse_age, float("nan")),
            sex=self._read(number, row, "sex", parse_sex, ""),
            source=_source(self.raw / row["path"], row),
            path=row["path"],
            more={_own_name(name): value for name, value in self._more(number, row).items()},
        )

    def _more(self, number: int, row: Row) -> dict[str, Any]:
        return self._cells.more(number, {name: column.kind for name, column in self.kept.items()}, row)

    def _read(self, number: int, row: Row, name: str, parse: Callable[[str], T], unknown: T) -> T:
        value = self._cells.read(number, name, row.get(name, ""), parse, None)
        self._unknown[name] += name in row and str(value) in ("", "nan")
        return unknown if value is None else value


def _own_name(name: str) -> str:
    """Return the name of a column of the table in the index, which has columns of its own."""
    return f"table_{name}" if name in RESERVED else name


def _number(row: Row, name: str, least: int, most: int) -> int:
    try:
        value = float(row[name])
    except ValueError:
        value = float("nan")
    if not least <= value <= most or value != int(value):
        raise ValueError(f"column {name}: {row[name]!r} found, wanted a whole number from {least} to {most}")
    return int(value)


def _source(path: Path, row: Row) -> str | dict[str, Any] | None:
    """Return the recording of a row, and what the row says about it; None if it is not on disk."""
    file = _recording(path)
    said: dict[str, Any] = {name: row[name] for name in ("rate", "unit", "leads") if row.get(name)}
    if file is None or not said:
        return file
    if "rate" in said:
        said["rate"] = _positive(said["rate"])
    if "unit" in said and in_millivolt(said["unit"]) is None:
        raise ValueError(f"column unit: {said['unit']!r} found, wanted mV, uV, nV or V")
    if "leads" in said:
        said["leads"] = parse_list(said["leads"], ";|", codes=True)
    return {"file": file, **said}


def _positive(text: str) -> float:
    value = float(text) if re.fullmatch(r"\d+(\.\d*)?", text, re.ASCII) else 0.0
    if not value:
        raise ValueError(f"column rate: {text!r} found, wanted samples a second")
    return value


def _recording(path: Path) -> str | None:
    """Return `path` if it is a file or a WFDB record without extension; None if it is not on disk."""
    on_disk = path.is_file() or Path(f"{path}.hea").is_file()
    return str(path) if on_disk else None
