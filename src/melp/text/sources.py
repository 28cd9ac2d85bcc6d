"""Texts for stage 1 from plain-text and Parquet files."""

from __future__ import annotations

from pathlib import Path

from melp.errors import MelpError


def read_texts(file: Path) -> list[list[str]]:
    """Texts of a file, each as a list of one or more statements.

    Args:
        file: `.txt` with a text a line, or `.parquet` with a column `text` (strings) or `statements` (lists).

    Raises:
        MelpError: it cannot be read, or has no such column.
    """
    if file.suffix == ".txt":
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise MelpError(f"{file}: cannot be read as UTF-8 text ({error})") from error
        return [[line.strip()] for line in lines if line.strip()]
    if file.suffix == ".parquet":
        return _read_parquet(file)
    raise MelpError(f"{file}: wanted a store, a .txt or a .parquet file")


def _read_parquet(file: Path) -> list[list[str]]:
    import pyarrow
    import pyarrow.parquet

    try:
        names = pyarrow.parquet.read_schema(file).names
        column = next((name for name in ("statements", "text") if name in names), None)
        if column is None:
            raise MelpError(f"{file}: columns {', '.join(names)} found, wanted text or statements")
        values = pyarrow.parquet.read_table(file, columns=[column])[column].to_pylist()
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise MelpError(f"{file}: cannot be read as Parquet ({str(error).splitlines()[0]})") from error
    rows = [[value] if isinstance(value, str) else value for value in values if value]
    for row in rows:
        if not isinstance(row, list) or not all(isinstance(part, str | None) for part in row):
            raise MelpError(f"{file}: {row!r} found in column {column}, wanted strings or lists of them")
    return [[statement for statement in row if statement] for row in rows if any(row)]
