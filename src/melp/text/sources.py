"""Training texts of stage 1 from stores, plain text and Parquet files of any size."""

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

from melp.atomic import replacing
from melp.data.store import Store
from melp.errors import MelpError

Text = list[str]
"""The statements or sentences of a report, or one undivided text."""

_ROWS = 4096  # texts in memory at a time
_STATEMENTS = pa.schema([("statements", pa.list_(pa.string()))])
_CORPUS = pa.schema([("id", pa.string()), ("fold", pa.int32()), ("text", pa.string())])


class Texts(Sequence[Text]):
    """Texts on disk that are read on access, so that a corpus of any size takes little memory.

    They are stored in an unnamed Arrow file in the folder for temporary files (`TMPDIR`), which disappears
    with the process, however it ends. Worker processes that are not forked get a copy each.
    """

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column
        self._starts = np.cumsum([0, *map(len, column.chunks)])

    @classmethod
    def of(cls, texts: Iterable[Text]) -> Texts:
        """Write `texts` one by one to disk; empty texts are left out."""
        with tempfile.TemporaryFile(prefix="melp-texts-") as file:
            non_empty = (text for text in texts if text)
            with pa.ipc.new_file(file, _STATEMENTS) as writer:
                while rows := list(islice(non_empty, _ROWS)):
                    writer.write_batch(
                        pa.record_batch([pa.array(rows, _STATEMENTS.field(0).type)], _STATEMENTS)
                    )
            file.flush()
            # The mapping keeps the file open.
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return cls(pa.ipc.open_file(pa.py_buffer(content)).read_all()["statements"])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, row: Any) -> Any:
        """Return the text of a row, or the texts of a slice."""
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


class ReportSentences:
    """The statements of all texts as sentences with a full stop; can be iterated repeatedly."""

    def __init__(self, texts: Iterable[Sequence[str]]) -> None:
        self.texts = texts

    def __iter__(self) -> Iterator[str]:
        return (sentence.removesuffix(".") + "." for text in self.texts for sentence in text)


def read_text_file(file: Path) -> Iterator[tuple[Text, int | None]]:
    """Iterate over the texts of a file, each with its fold, or None if the file has no folds.

    Args:
        file: `.txt` with one text per line, or `.parquet` with a column `text` (strings) or `statements`
            (lists), and optionally `fold`.

    Raises:
        MelpError: the file cannot be read or lacks these columns.
    """
    if file.suffix == ".txt":
        return _read_lines(file)
    if file.suffix == ".parquet":
        return _read_parquet(file)
    raise MelpError(f"{file}: a {file.suffix or 'text'} file, wanted a store, a .txt or a .parquet file")


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


def iterate_reports(store: Store, folds: Sequence[int] | None = None) -> Iterator[tuple[str, int, Text]]:
    """Yield id, fold and statements of each report, first of records, then of missing recordings.

    Args:
        store: the store.
        folds: folds to include; None for all.
    """
    for table in (store.index_table, store.texts_table):
        fold, statements = table.column("fold"), table.lists("statements")
        selected = statements.lengths > 0
        if folds is not None:
            selected &= np.isin(fold, folds)
        names = table.column("id")
        for row in np.flatnonzero(selected).tolist():
            yield str(names[row]), int(fold[row]), statements[row]


def write_corpus(stores: Sequence[Store], out: Path) -> int:
    """Write the reports of stores to a Parquet file with the columns id, fold and text.

    A text consists of the statements of a report, each with a full stop.

    Returns:
        The number of texts.
    """
    rows = (
        {"id": name, "fold": fold, "text": " ".join(ReportSentences([text]))}
        for store in stores
        for name, fold, text in iterate_reports(store)
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with replacing(out) as partial, pq.ParquetWriter(partial, _CORPUS) as writer:
        while part := list(islice(rows, _ROWS)):
            writer.write_table(pa.Table.from_pylist(part, _CORPUS))
            written += len(part)
    return written
