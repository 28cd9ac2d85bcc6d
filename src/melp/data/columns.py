"""Columns of a large Parquet table: Python objects are created only for the rows that are accessed."""

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

from melp.data.files import Files, wrap_errors
from melp.errors import MelpError, one_of


class Lists(Sequence[list[Any]]):
    """A column of lists: `lists[row]` is a Python list, created on access.

    Attributes:
        column: the Arrow array.
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
        """Return the list at `row`, or a column with the rows of a slice."""
        if isinstance(row, slice):
            return self.take(np.arange(len(self))[row])
        row = range(len(self))[row]
        start, end = int(self._offsets[row]), int(self._offsets[row + 1])
        values: list[Any] = self._values.slice(start, end - start).to_pylist()
        return values

    def __iter__(self) -> Iterator[list[Any]]:
        return (self[row] for row in range(len(self)))

    # Pickles the buffers of this column only, not those of the table it is a slice of.
    def __reduce__(self) -> tuple[type[Lists], tuple[pa.ListArray]]:
        return type(self), (self.column,)

    @cached_property
    def lengths(self) -> Int[np.ndarray, " row"]:
        """Number of values of each list."""
        return np.diff(self._offsets)

    def take(self, rows: Int[np.ndarray, " row"]) -> Lists:
        """Return the lists at `rows`, in that order."""
        return Lists(self.column.take(pa.array(rows)))


class Table:
    """A Parquet file of a store, read column by column; columns are cached.

    Args:
        files: the files of the store.
        name: name of the Parquet file.
    """

    def __init__(self, files: Files, name: str) -> None:
        self.files, self.name = files, name
        self._columns: dict[str, pa.Array] = {}

    def column(self, name: str) -> Shaped[np.ndarray, " row"]:
        """Return a column of numbers or strings as an array; do not write to it.

        Raises:
            MelpError: the column does not exist or the file cannot be read.
        """
        return to_numpy(self._read(name))

    def codes(self, name: str) -> Int[np.ndarray, " row"]:
        """Return a column as integer codes, numbered from 0 in the order of first appearance.

        Raises:
            MelpError: the column does not exist or the file cannot be read.
        """
        encoded = self._read(name).dictionary_encode(null_encoding="encode")
        return np.asarray(encoded.indices.to_numpy())

    def lists(self, name: str) -> Lists:
        """Return a column of lists.

        Raises:
            MelpError: the column does not exist or the file cannot be read.
        """
        return Lists(self._read(name))

    def frame(self) -> pd.DataFrame:
        """Return the whole table as a data frame with Python lists; meant for small stores.

        Raises:
            MelpError: the file cannot be read.
        """
        with self._open() as file:
            table = file.read()
        frame: pd.DataFrame = table.to_pandas()
        for field in table.schema:
            if pa.types.is_list(field.type):
                frame[field.name] = table[field.name].to_pylist()
        return frame

    def row(self, number: int) -> dict[str, Any]:
        """Return one row; only its row group is read.

        Raises:
            MelpError: the file cannot be read.
        """
        with self._open() as file:
            groups = range(file.num_row_groups)
            ends = np.cumsum([file.metadata.row_group(group).num_rows for group in groups])
            group = int(np.searchsorted(ends, number, side="right"))
            rows = file.read_row_group(group)
        row: dict[str, Any] = rows.slice(number - int(ends[group]) + len(rows), 1).to_pylist()[0]
        return row

    @cached_property
    def _metadata(self) -> pq.FileMetaData:
        with self._open() as file:
            return file.metadata

    @contextmanager
    def _open(self, **options: Any) -> Iterator[pq.ParquetFile]:
        file = f"{self.files.address}/{self.name}"
        try:
            with wrap_errors(file), self.files.open(self.name) as stream:
                yield pq.ParquetFile(stream, **options)
        except FileNotFoundError as error:
            raise MelpError(f"{file}: missing") from error

    def _read(self, name: str) -> pa.Array:
        if name not in self._columns:
            leaves = [leaf.path for leaf in self._metadata.schema]
            columns = list(dict.fromkeys(leaf.partition(".")[0] for leaf in leaves))
            if name not in columns:
                file_name = f"{self.files.address}/{self.name}"
                raise MelpError(f"{file_name}: no column {name!r}, wanted {one_of(name, columns)}")
            lists = [leaf for leaf in leaves if leaf.startswith(f"{name}.")]
            with self._open(metadata=self._metadata, read_dictionary=lists) as file:
                self._columns[name] = _read(file, name)
        return self._columns[name]


def _read(file: pq.ParquetFile, name: str) -> pa.Array:
    """Read a column as one chunk; strings in lists are dictionary-encoded with one dictionary."""
    data_type = file.schema_arrow.field(name).type
    if not pa.types.is_list(data_type):
        return file.read(columns=[name])[name].combine_chunks()
    # By row group, because Arrow cannot merge the dictionaries of lists while reading.
    groups = [file.read_row_group(group, columns=[name])[name] for group in range(file.num_row_groups)]
    chunks = [chunk for group in groups for chunk in group.chunks]
    return pa.chunked_array(chunks, data_type).unify_dictionaries().combine_chunks()


def to_numpy(column: pa.Array) -> Shaped[np.ndarray, " row"]:
    """Return a column of numbers or strings (with numpy's fixed width) as an array; do not write to it."""
    if not pa.types.is_string(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    column = column.fill_null("")
    width = max(1, pc.max(pc.utf8_length(column)).as_py() or 0)
    padded = pc.utf8_rpad(column, width, padding="\0")
    # Arrow cannot cast to numpy's four bytes per character, so all rows are re-encoded as one string.
    size = pc.sum(pc.binary_length(padded)).as_py() or 0
    text = padded.buffers()[2].to_pybytes()[:size].decode() if size else ""
    return np.frombuffer(text.encode("utf-32-le"), dtype=f"<U{width}")
