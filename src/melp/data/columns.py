"""Columns of a Parquet table at the size of a corpus: no Python object a row, but for the rows asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, overload

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Int, Shaped

from melp.data.files import Files, named_errors
from melp.errors import MelpError


class Lists(Sequence[list[Any]]):
    """A column of lists: `lists[row]` is a Python list, made when it is asked for.

    Attributes:
        column: the same as Arrow has it.
    """

    def __init__(self, column: pa.ListArray) -> None:
        self.column = column
        self._offsets, self._values = column.offsets.to_numpy(), column.values

    def __len__(self) -> int:
        return len(self.column)

    @overload
    def __getitem__(self, row: int) -> list[Any]: ...
    @overload
    def __getitem__(self, row: slice) -> Lists: ...
    def __getitem__(self, row: int | slice) -> list[Any] | Lists:
        """The list at `row`; of a slice, these rows as another column."""
        if isinstance(row, slice):
            return self.take(np.arange(len(self))[row])
        row = range(len(self))[row]
        start, end = int(self._offsets[row]), int(self._offsets[row + 1])
        found: list[Any] = self._values.slice(start, end - start).to_pylist()
        return found

    def __iter__(self) -> Iterator[list[Any]]:
        return (self[row] for row in range(len(self)))

    # Buffers of a column alone, and not those of the table that it was cut from.
    def __reduce__(self) -> tuple[type[Lists], tuple[pa.ListArray]]:
        return type(self), (self.column,)

    @cached_property
    def lengths(self) -> Int[np.ndarray, " row"]:
        """How many values each list holds."""
        return np.diff(self._offsets)

    def take(self, rows: Int[np.ndarray, " row"]) -> Lists:
        """The lists at `rows`, in the order asked."""
        return Lists(self.column.take(pa.array(rows)))


class Table:
    """A Parquet file of a store, a column at a time; what was read stays.

    Args:
        files: the store's.
        name: of the file.
    """

    def __init__(self, files: Files, name: str) -> None:
        self.files, self.name = files, name
        self._columns: dict[str, pa.Array] = {}

    def column(self, name: str) -> Shaped[np.ndarray, " row"]:
        """A column that holds one number or text a row, as an array that is not to be written to.

        Raises:
            MelpError: no such column, or the file cannot be read.
        """
        return to_numpy(self._read(name))

    def codes(self, name: str) -> Int[np.ndarray, " row"]:
        """Numbers from 0 in place of the values of a column, in the order in which these first come.

        Raises:
            MelpError: no such column, or the file cannot be read.
        """
        encoded = self._read(name).dictionary_encode(null_encoding="encode")
        return np.asarray(encoded.indices.to_numpy())

    def lists(self, name: str) -> Lists:
        """A column that holds a list a row.

        Raises:
            MelpError: no such column, or the file cannot be read.
        """
        return Lists(self._read(name))

    def frame(self) -> pd.DataFrame:
        """The whole table with Python lists, for people and small stores.

        Raises:
            MelpError: the file cannot be read.
        """
        with self._opened() as file:
            table = file.read()
        frame: pd.DataFrame = table.to_pandas()
        for field in table.schema:
            if pa.types.is_list(field.type):
                frame[field.name] = table[field.name].to_pylist()
        return frame

    def row(self, number: int) -> dict[str, Any]:
        """One row, for which its row group alone is read.

        Raises:
            MelpError: the file cannot be read.
        """
        with self._opened() as file:
            groups = range(file.num_row_groups)
            ends = np.cumsum([file.metadata.row_group(group).num_rows for group in groups])
            group = int(np.searchsorted(ends, number, side="right"))
            part = file.read_row_group(group)
        row: dict[str, Any] = part.slice(number - int(ends[group]) + len(part), 1).to_pylist()[0]
        return row

    @cached_property
    def _metadata(self) -> pq.FileMetaData:
        with self._opened() as file:
            return file.metadata

    @contextmanager
    def _opened(self, **options: Any) -> Iterator[pq.ParquetFile]:
        file = f"{self.files.address}/{self.name}"
        try:
            with named_errors(file), self.files.open(self.name) as stream:
                yield pq.ParquetFile(stream, **options)
        except FileNotFoundError as error:
            raise MelpError(f"{file}: missing") from error

    def _read(self, name: str) -> pa.Array:
        if name not in self._columns:
            leaves = [leaf.path for leaf in self._metadata.schema]
            columns = list(dict.fromkeys(leaf.partition(".")[0] for leaf in leaves))
            if name not in columns:
                wanted = f"wanted one of {', '.join(columns)}"
                raise MelpError(f"{self.files.address}/{self.name}: no column {name!r}, {wanted}")
            lists = [leaf for leaf in leaves if leaf.startswith(f"{name}.")]
            with self._opened(metadata=self._metadata, read_dictionary=lists) as file:
                self._columns[name] = _read(file, name)
        return self._columns[name]


def _read(file: pq.ParquetFile, name: str) -> pa.Array:
    """One column in one chunk; texts within lists as numbers into one dictionary."""
    kind = file.schema_arrow.field(name).type
    if not pa.types.is_list(kind):
        return file.read(columns=[name])[name].combine_chunks()
    # Group by group, as Arrow joins no dictionaries within lists while it reads.
    groups = [file.read_row_group(group, columns=[name])[name] for group in range(file.num_row_groups)]
    chunks = [chunk for group in groups for chunk in group.chunks]
    return pa.chunked_array(chunks, kind).unify_dictionaries().combine_chunks()


def to_numpy(column: pa.Array) -> Shaped[np.ndarray, " row"]:
    """A column of numbers or texts as an array that is not to be written to, texts in numpy's fixed width."""
    if not pa.types.is_string(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    column = column.fill_null("")
    width = max(1, pc.max(pc.utf8_length(column)).as_py() or 0)
    padded = pc.utf8_rpad(column, width, padding="\0")
    # Arrow has no cast to numpy's four bytes a character; all rows are one text, which is recoded at once.
    size = pc.sum(pc.binary_length(padded)).as_py() or 0
    text = padded.buffers()[2].to_pybytes()[:size].decode() if size else ""
    return np.frombuffer(text.encode("utf-32-le"), dtype=f"<U{width}")
