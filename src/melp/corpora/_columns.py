"""What the columns of a table hold that have no meaning of their own: labels, numbers or texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from melp.io.values import is_nothing, parse_flag

Row = Mapping[str, str]

# Not "007" or "1e5", which may be names.
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?", re.ASCII)


@dataclass
class Column:
    """What is known of a column after all rows.

    Attributes:
        values, nothing: number of cells with a value, and without one.
        negative: number of cells with -1.
        not_flag: row and cell of the first value that is not a flag; None if all are.
        is_number, is_whole: whether all values are numbers, and without decimals.
    """

    values: int = 0
    nothing: int = 0
    negative: int = 0
    not_flag: tuple[int, str] | None = None
    is_number: bool = True
    is_whole: bool = True

    def add(self, row: int, cell: str) -> None:
        """Take a cell into account."""
        if is_nothing(cell):
            self.nothing += 1
            return
        self.values += 1
        self.is_number = self.is_number and _NUMBER.fullmatch(cell) is not None
        self.is_whole = self.is_whole and "." not in cell
        try:
            self.negative += parse_flag(cell) is None
        except ValueError:
            self.not_flag = self.not_flag or (row, cell)

    @property
    def is_label(self) -> bool:
        """Whether all values are flags, and there is one."""
        return self.values > 0 and self.not_flag is None

    @property
    def kind(self) -> str:
        """The type of the column in the index: "int", "float" or "string"."""
        if not (self.is_number and self.values):
            return "string"
        return "int" if self.is_whole else "float"

    def note(self, name: str) -> str:
        """Return the line that says what became of the column."""
        if self.is_label:
            unknown = {"empty or unknown": self.nothing, "-1": self.negative}
            counts = ", ".join(f"{count} cells {kind}" for kind, count in unknown.items() if count)
            return f"column {name}: a label" + (f" ({counts}: read as not set)" if counts else "")
        reason = "it has no value"
        if self.not_flag is not None:
            reason = f"row {self.not_flag[0]} has {self.not_flag[1][:40]!r}, wanted 0 or 1, yes or no"
        return f"column {name}: not a label, because {reason}; kept in the index"


def read_columns(rows: Iterable[tuple[int, Row]], names: Iterable[str]) -> dict[str, Column]:
    """Return what each of the columns `names` holds, after one pass over the rows."""
    columns = {name: Column() for name in names}
    for number, row in rows:
        for name, column in columns.items():
            column.add(number, row[name])
    return columns
