"""CSV, TSV and other tables of text with the names of leads.

One column a lead, with a header, or one row a lead, which begins with its name. Separators are commas,
semicolons, tabs or bars; decimals may have a comma. The rate follows from a column of times (in s, ms, or as
h:m:s), or stands in the lines above the header; the unit stands in the header, in a row below it, or above.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float

from melp.ecg import ECG
from melp.io.recording import Channel, to_ecg
from melp.io.source import Source
from melp.io.table_names import is_index, parts_of_name, said_rate, said_unit, seconds_of_time
from melp.io.times import rate_of_times
from melp.io.values import in_millivolt
from melp.io.xml_text import decode

if TYPE_CHECKING:
    import pandas as pd

NAME = "CSV"
ENDINGS = (".csv", ".tsv", ".txt")
NEEDS = ""

_HEAD = 60  # lines
_SEPARATORS = ",;\t|"
_NUMBER = re.compile(r"[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:e[-+]?\d+)?|nan", re.IGNORECASE)


class _Header(NamedTuple):
    """Where the names of the leads are.

    Attributes:
        row: index of the line with the names, or of the first lead if each has a row.
        first: index of the first line with samples.
        separator: between cells.
        cells: those of the header, or of the first lead.
        units: of each column, from the header or the row below it; "" for none.
        by_row: whether each lead has a row.
    """

    row: int
    first: int
    separator: str
    cells: list[str]
    units: list[str]
    by_row: bool


def matches(source: Source) -> bool:
    """Return whether a line near the beginning names leads, and numbers follow."""
    return "\0" not in source.text and _find_header(source.text.splitlines()[:_HEAD]) is not None


def read(source: Source) -> ECG:
    """Read the leads, in mV.

    Raises:
        BadRecordError: a cell among the samples is no number, times are not regular, or unit or rate are not
            known.
    """
    lines = decode(source.data).splitlines()
    header = _find_header(lines[:_HEAD])
    if header is None:
        raise source.error("no line with names of leads found, wanted one")
    above = "\n".join(lines[: header.row])
    table, decimal = _table(source, lines, header)
    unit = said_unit(above)
    if header.by_row:
        channels = _rows(source, table, decimal, unit)
        return to_ecg(source, channels, source.sampling_rate(said_rate(above)))
    rate = _rate(source, header, table, decimal) or said_rate(above)
    return to_ecg(source, _columns(source, header, table, decimal, unit), source.sampling_rate(rate))


def _cells(line: str, separator: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []
    return [cell.strip().strip("'\"").strip() for cell in cells]


def _find_header(lines: list[str]) -> _Header | None:
    """Return the first of the lines with the most names of leads, if numbers follow."""
    best, most = None, 0
    for row, line in enumerate(lines):
        for separator in _SEPARATORS:
            cells = _cells(line, separator)
            leads = [number for number, cell in enumerate(cells) if parts_of_name(cell)[0]]
            if len(leads) > most and (found := _header(lines, row, separator, cells, leads)):
                best, most = found, len(leads)
    return best


def _header(lines: list[str], row: int, separator: str, cells: list[str], leads: list[int]) -> _Header | None:
    units = [parts_of_name(cell)[1] for cell in cells]
    if leads == [0] and len(cells) > 2 and all(map(_NUMBER.fullmatch, filter(None, cells[1:-1]))):
        return _Header(row, row, separator, cells, units, True)
    below = [number for number in range(row + 1, len(lines)) if lines[number].strip()][:2]
    for number in below:
        values = _cells(lines[number], separator)
        values = [values[lead] if lead < len(values) else "" for lead in leads]
        if all(in_millivolt(value) is not None for value in values) and number == below[0]:
            units = [*_cells(lines[number], separator), *[""] * len(cells)][: len(cells)]
        else:
            is_first = all(map(_NUMBER.fullmatch, values))
            return _Header(row, number, separator, cells, units, False) if is_first else None
    return None


def _table(source: Source, lines: list[str], header: _Header) -> tuple[pd.DataFrame, str]:
    """Return the cells below the header as texts, and the decimal sign."""
    import pandas as pd

    rows = [line for line in lines[header.first :] if line.strip(" \t\"',;|")]
    try:
        table = pd.read_csv(
            io.StringIO("\n".join(rows)), sep=header.separator, header=None, dtype=str, skipinitialspace=True,
            keep_default_na=False, na_values=[""], index_col=False,
        )  # fmt: skip
    except (ValueError, pd.errors.ParserError) as error:
        raise source.error(f"not a table ({str(error).splitlines()[0][:120]})") from None
    sample = "".join(map(str, table.iloc[:20].to_numpy().ravel()[:200]))
    return table, "," if "," in sample else "."


def _numbers(source: Source, cells: pd.Series, decimal: str, what: str) -> Float[np.ndarray, " cell"]:
    import pandas as pd

    if decimal == ",":
        cells = cells.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    cells = cells.str.strip(" '\"")
    values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64)
    if bad := (np.isnan(values) & (cells.fillna("").str.lower() != "nan").to_numpy()).nonzero()[0].tolist():
        found = "" if cells.isna().iloc[bad[0]] else cells.iloc[bad[0]][:30]
        raise source.error(f"{what}: {found!a} found at sample {bad[0] + 1}, wanted a number")
    return values


def _columns(
    source: Source, header: _Header, table: pd.DataFrame, decimal: str, unit: str | None
) -> list[Channel]:
    channels = []
    for column, (cell, own) in enumerate(zip(header.cells, header.units, strict=True)):
        if column not in table or seconds_of_time(cell) or is_index(cell):
            continue
        lead = parts_of_name(cell)[0]
        if lead is None and in_millivolt(own) is None:
            source.warnings.append(f"column {cell[:30]} left out")
            continue
        samples = _numbers(source, table[column], decimal, f"column {cell[:30]}")
        channels.append((lead or cell, samples * source.millivolt(own or unit)))
    return channels


def _rows(source: Source, table: pd.DataFrame, decimal: str, unit: str | None) -> list[Channel]:
    channels = []
    for number, name in enumerate(table[0].fillna("")):
        lead, own = parts_of_name(str(name))
        cells = table.iloc[number, 1:]
        last = cells.last_valid_index()
        if lead is None or last is None:
            source.warnings.append(f"row {str(name)[:30]} left out")
            continue
        samples = _numbers(source, cells.loc[:last], decimal, f"row {str(name)[:30]}")
        channels.append((lead, samples * source.millivolt(own or unit)))
    return channels


def _rate(source: Source, header: _Header, table: pd.DataFrame, decimal: str) -> float | None:
    """Return the rate that follows from a column of times; None if there is none."""
    column = next((number for number, cell in enumerate(header.cells) if seconds_of_time(cell)), None)
    if column is None or column not in table or len(table) < 2:
        return None
    cells = table[column].fillna("").str.strip(" '\"[]")
    unit: float | None = 1.0
    if cells.str.contains(":").all():
        times = _clock(source, cells)
    else:
        times = _numbers(source, cells, decimal, "times")
        unit = _seconds(header, column, times)
    if unit is None:
        return None
    digits = cells.str.extract(r"[.,](\d+)", expand=False).str.len().max()
    quantum = 10.0 ** -(0 if np.isnan(digits) else int(digits))
    try:
        return rate_of_times(times * unit, quantum * unit)
    except ValueError as error:
        raise source.error(str(error)) from None


def _clock(source: Source, cells: pd.Series) -> Float[np.ndarray, " sample"]:
    """Return times such as 1:02:03.004, with or without hours, in seconds."""
    parts = cells.str.replace(",", ".").str.split(":", expand=True).iloc[:, -3:]
    times = [_numbers(source, parts[column], ".", "times") for column in parts]
    return np.asarray(sum(part * 60.0**power for power, part in enumerate(reversed(times))))


def _seconds(header: _Header, column: int, times: Float[np.ndarray, " sample"]) -> float | None:
    """Return the unit of a column of times in seconds: as stated, else by its steps.

    Steps of 1 without a unit may count samples.
    """
    stated = seconds_of_time(header.units[column]) or 0
    known = stated if stated > 0 else seconds_of_time(header.cells[column]) or 0
    if known > 0:
        return known
    step = (times[-1] - times[0]) / (len(times) - 1)
    return None if abs(step - 1) < 1e-6 else 1.0 if step < 0.5 else 1e-3
