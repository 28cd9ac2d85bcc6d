"""Read tables: CSV files of corpora and the tab-separated files of this package."""

from __future__ import annotations

from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melp.errors import MelpError

if TYPE_CHECKING:
    import pandas as pd


def read_csv(
    file: Path, columns: Collection[str] = (), optional: Collection[str] = (), **options: Any
) -> pd.DataFrame:
    """Read a CSV file with a header line.

    Args:
        file: UTF-8, with commas between the cells.
        columns: the columns to read, which the file must have; all of its columns if empty.
        optional: further columns to read if the file has them.
        options: further options of `pandas.read_csv`.

    Raises:
        MelpError: the file does not exist, is not a CSV table, or lacks a column.
    """
    import pandas as pd

    if not file.is_file():
        raise MelpError(f"{file}: no such file, wanted a CSV table")
    wanted = frozenset((*columns, *optional))
    try:
        table = pd.read_csv(file, usecols=(lambda name: name in wanted) if columns else None, **options)
    except (OSError, ValueError) as error:
        raise MelpError(f"{file}: not a CSV table ({str(error).splitlines()[0][:200]})") from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes the first cell of longer rows as their name
        raise MelpError(f"{file}: not a CSV table (rows longer than the header)")
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise MelpError(f"{file}: no column {', '.join(missing)}")
    return table


def read_packaged_tsv(package: str, name: str, columns: int) -> list[list[str]]:
    """Return the rows of `<name>.tsv` in `package`, padded with empty cells to `columns` cells.

    Lines that begin with "#" are comments.
    """
    text = (files(package) / f"{name}.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return [row + [""] * (columns - len(row)) for row in rows]
