"""Texts for stage 1: from stores, plain text and Parquet, at any size."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from melp.data.store import Store
from melp.errors import MelpError

Text = list[str]
"""The statements or sentences of a report, or a text that is not divided."""

_ROWS = 4096  # texts in memory at a time
_STATEMENTS = pa.schema([("statements", pa.list_(pa.string()))])
_CORPUS = pa.schema([("id", pa.string()), ("fold", pa.int32()), ("text", pa.string())])


class Texts(Sequence[Text]):
    """Texts on disk, each read when it is asked for: a corpus takes as good as no memory.

    They lie in an Arrow file without a name in the folder for temporary files (`TMPDIR`), which is gone when
    the process is, however it ends. Where worker processes are not forked, each is sent a copy.
    """

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column
        self._starts = np.cumsum([0, *map(len, column.chunks)])

    @classmethod
    def of(cls, texts: Iterable[Text]) -> Texts:
        """`texts` written one after another; empty ones are left out."""
        with tempfile.TemporaryFile(prefix="melp-texts-") as file:
            filled = (text for text in texts if text)
            with pa.ipc.new_file(file, _STATEMENTS) as writer:
                while rows := list(islice(filled, _ROWS)):
                    writer.write_batch(
                        pa.record_batch([pa.array(rows, _STATEMENTS.field(0).type)], _STATEMENTS)
                    )
            file.flush()
            # The mapping keeps the file.
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return cls(pa.ipc.open_file(pa.py_buffer(content)).read_all()["statements"])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, row: Any) -> Any:
        """The text of a row, or the texts of a slice."""
        if isinstance(row, slice):
            return [self[number] for number in range(*row.indices(len(self)))]
        row = range(len(self))[row]
        chunk = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self._column.chunk(chunk)[int(row - self._starts[chunk])].as_py()

    def __iter__(self) -> Iterator[Text]:
        for chunk in self._column.chunks:
            yield from chunk.to_pylist()

    def __reduce__(self) -> tuple[type[Texts], tuple[pa.ChunkedArray]]:
        return type(self), (self._column,)


class Sentences:
    """The statements of texts, each with its full stop; they may be gone through again and again."""

    def __init__(self, texts: Iterable[Sequence[str]]) -> None:
        self.texts = texts

    def __iter__(self) -> Iterator[str]:
        return (sentence.removesuffix(".") + "." for text in self.texts for sentence in text)


def read_texts(file: Path) -> Iterator[tuple[Text, int | None]]:
    """The texts of a file one after another, each with its fold where the file knows folds.

    Args:
        file: `.txt` with a text a line, or `.parquet` with a column `text` (strings) or `statements` (lists),
            and perhaps `fold`.

    Raises:
        MelpError: it cannot be read, or has no such column.
    """
    if file.suffix == ".txt":
        return _read_lines(file)
    if file.suffix == ".parquet":
        return _read_parquet(file)
    raise MelpError(f"{file}: wanted a store, a .txt or a .parquet file")


def _read_lines(file: Path) -> Iterator[tuple[Text, None]]:
    try:
        with file.open(encoding="utf-8") as lines:
            yield from (([text], None) for line in lines if (text := line.strip()))
    except (OSError, UnicodeDecodeError) as error:
        raise MelpError(f"{file}: cannot be read as UTF-8 text ({error})") from error


def _read_parquet(file: Path) -> Iterator[tuple[Text, int | None]]:
    try:
        with pq.ParquetFile(file) as table:
            names = table.schema_arrow.names
            column = next((name for name in ("statements", "text") if name in names), None)
            if column is None:
                raise MelpError(f"{file}: columns {', '.join(names)} found, wanted text or statements")
            columns = [column, "fold"] if "fold" in names else [column]
            for batch in table.iter_batches(_ROWS, columns=columns):
                folds = batch["fold"].to_pylist() if "fold" in names else [None] * len(batch)
                for value, fold in zip(batch[column].to_pylist(), folds, strict=True):
                    if text := _text(value, column, file):
                        yield text, fold
    except (OSError, pa.ArrowException) as error:
        raise MelpError(f"{file}: cannot be read as Parquet ({str(error).splitlines()[0]})") from error


def _text(value: Any, column: str, file: Path) -> Text:
    parts = [value] if isinstance(value, str) else value or []
    if not isinstance(parts, list) or not all(isinstance(part, str | None) for part in parts):
        raise MelpError(f"{file}: {value!r} found in column {column}, wanted strings or lists of them")
    return [part for part in parts if part]


def each_report(store: Store, folds: Sequence[int] | None = None) -> Iterator[tuple[str, int, Text]]:
    """Record, fold and statements of a store's reports, then of those whose recording is missing.

    Args:
        store: the store.
        folds: those to take; all where None.
    """
    for table in (store.index_table, store.texts_table):
        found, statements = table.column("fold"), table.lists("statements")
        taken = statements.lengths > 0
        if folds is not None:
            taken &= np.isin(found, folds)
        names = table.column("id")
        for row in np.flatnonzero(taken).tolist():
            yield str(names[row]), int(found[row]), statements[row]


def write_corpus(stores: Sequence[Store], out: Path) -> int:
    """The reports of stores as a Parquet file with the columns id, fold and text.

    A text is a report's statements, each with its full stop.

    Returns:
        How many texts it holds.
    """
    rows = (
        {"id": name, "fold": fold, "text": " ".join(Sentences([text]))}
        for store in stores
        for name, fold, text in each_report(store)
    )
    unfinished = out.with_name(out.name + ".tmp")
    out.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with pq.ParquetWriter(unfinished, _CORPUS) as writer:
        while part := list(islice(rows, _ROWS)):
            writer.write_table(pa.Table.from_pylist(part, _CORPUS))
            written += len(part)
    unfinished.replace(out)
    return written
