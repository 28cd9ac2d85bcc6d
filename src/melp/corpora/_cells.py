"""Read the cells of published tables: one that cannot be read is unknown, and counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from melp.io.values import is_nothing, parse_flag

T = TypeVar("T")


def parse_number(text: str) -> float:
    """Return a finite number.

    Raises:
        ValueError: another text; the message says what was found and wanted.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{text!r} found, wanted a number")
    return number


def parse_whole(text: str) -> int:
    """Return a whole number, which may be written as "2.0".

    Raises:
        ValueError: another text; the message says what was found and wanted.
    """
    number = parse_number(text)
    if number != int(number):
        raise ValueError(f"{text!r} found, wanted a whole number")
    return int(number)


_PARSE: Mapping[str, Callable[[str], Any]] = {
    "string": str,
    "float": parse_number,
    "int": parse_whole,
    "bool": parse_flag,
}


class Cells:
    """Reads the cells of a table and counts those that cannot be read.

    `notes` are lines for the user, complete when the table has been read.
    """

    def __init__(self) -> None:
        self._unread: dict[str, tuple[int, str]] = {}

    def read(self, row: object, name: str, cell: object, parse: Callable[[str], T], unknown: T) -> T:
        """Return a cell of column `name`; `unknown` if `parse` raises ValueError.

        Args:
            row: number or name of the row, for messages.
        """
        try:
            return parse(str(cell).strip())
        except ValueError as error:
            count, first = self._unread.get(name, (0, f"row {row}, {error}"))
            self._unread[name] = (count + 1, first)
            return unknown

    def more(self, row: object, kinds: Mapping[str, str], cells: Mapping[str, object]) -> dict[str, Any]:
        """Return the cells with a value, in the types of their columns (see `Listing.columns`)."""
        values = {
            name: self.read(row, name, cells[name], _PARSE[kind], None)
            for name, kind in kinds.items()
            if name in cells and not is_nothing(str(cells[name]))
        }
        return {name: value for name, value in values.items() if value is not None}

    @property
    def notes(self) -> list[str]:
        """Return a line for each column with cells that could not be read."""
        return [
            f"column {name}: {count} cells not read, so unknown (the first: {first})"
            for name, (count, first) in self._unread.items()
        ]
