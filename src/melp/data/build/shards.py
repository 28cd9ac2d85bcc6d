"""Write one shard of a store: its signals, its rows of the index and its dropped records."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int16

from melp.corpora import Options, get_corpus
from melp.data.build.plan import relative
from melp.data.build.prepare import Prepared, prepare
from melp.data.build.reports import ReportCounts, translation_of
from melp.data.build.spool import PRESENT, read_chunk
from melp.data.build.spool import TEXTS as REPORTS
from melp.data.store import file_digest, shard_digest
from melp.ecg import LEADS

RECORDS = 1024
"""Number of recordings of the listing per shard."""

NONE = "none"
ZSTD = "zstd"

INDEX = pa.schema(
    [
        ("id", pa.string()),
        ("patient", pa.string()),
        ("corpus", pa.string()),
        ("fold", pa.int32()),
        ("labels", pa.list_(pa.string())),
        ("statements", pa.list_(pa.string())),
        ("age", pa.float32()),
        ("sex", pa.string()),
        ("flags", pa.list_(pa.string())),
        ("beats", pa.list_(pa.int32())),
        ("beat_kinds", pa.list_(pa.string())),
        ("length", pa.int32()),
        ("shard", pa.int32()),
        ("row", pa.int32()),
        ("digest", pa.int64()),
        ("offset", pa.int64()),
        ("size", pa.int32()),
    ]
)
TEXTS = pa.schema(
    [
        ("id", pa.string()),
        ("patient", pa.string()),
        ("fold", pa.int32()),
        ("statements", pa.list_(pa.string())),
    ]
)
MISSING = pa.schema([("id", pa.string()), ("path", pa.string())])
DROPPED = pa.schema([("id", pa.string()), ("reason", pa.string()), ("detail", pa.string())])


@dataclass(frozen=True)
class Job:
    """Settings of a build, for its workers.

    Attributes:
        folder: folder of the unfinished store.
        corpus, raw, options: name, folder and options of the corpus.
        strict: stop at the first bad record.
        compression: compression of the shards, "none" or "zstd".
    """

    folder: Path
    corpus: str
    raw: Path | None
    options: Options
    strict: bool = False
    compression: str = NONE


def write_shard(job: Job, number: int, advance: Callable[[int], object]) -> None:
    """Write the shard of chunk `number`; its JSON is written last and marks the shard as complete.

    Args:
        job: settings of the build.
        number: number of the chunk and of the shard.
        advance: called with 1 after each record.

    Raises:
        MelpError: `job.strict` and a record is bad.
    """
    entries = read_chunk(job.folder, PRESENT, number)
    load = get_corpus(job.corpus).load
    rows: list[dict[str, Any]] = []
    dropped: list[dict[str, str]] = []
    reports = ReportCounts()
    signals = _Signals(job, number, sum(not entry.refused for entry in entries))
    with signals:
        for entry in entries:
            if entry.refused:
                dropped.append({"id": entry.id, "reason": entry.refused, "detail": ""})
                advance(1)
                continue
            record = prepare(entry, load, job.corpus, job.options)
            if record.signal is None:
                dropped.append(_drop(record, job))
            else:
                location = {"shard": number, "row": len(rows), **signals.append(record.signal)}
                rows.append({**record.row, **location})
            if record.translation is not None:
                reports.add(record.translation)
            advance(1)
        summary = signals.finish(len(rows))
    index = _part(job.folder, number, ".parquet")
    _write_table(index, pa.Table.from_pylist(rows, INDEX))
    summary |= {"index": file_digest(index), "dropped": dropped, "reports": reports.as_json()}
    write_json(_part(job.folder, number, ".json"), summary)


def write_texts(job: Job, number: int, advance: Callable[[int], object]) -> None:
    """Write the statements of chunk `number` of the reports without recording; the table comes last."""
    rows, reports = [], ReportCounts()
    for entry in read_chunk(job.folder, REPORTS, number):
        translation = translation_of(entry, job.corpus, job.options)
        reports.add(translation)
        if statements := list(translation.statements):
            rows.append(
                {"id": entry.id, "patient": entry.patient, "fold": entry.fold, "statements": statements}
            )
        advance(1)
    write_json(texts_counts(job.folder, number), reports.as_json())
    _write_table(texts_part(job.folder, number), pa.Table.from_pylist(rows, TEXTS))


def finished_shard(job: Job, number: int) -> dict[str, Any] | None:
    """Return the summary of shard `number` if the shard is complete and undamaged, otherwise None."""
    if not _part(job.folder, number, ".json").is_file():
        return None
    summary = read_summary(job.folder, number)
    shard, index = job.folder / summary["file"], _part(job.folder, number, ".parquet")
    if not (shard.is_file() and index.is_file() and file_digest(index) == summary["index"]):
        return None
    sizes = index_part(job.folder, number, ["size"])["size"].to_pylist()
    with shard.open("rb") as stream:
        digest = shard_digest(stream, sizes, summary["bytes"])
    return summary if digest == summary["sha256"] else None


def read_summary(folder: Path, number: int) -> dict[str, Any]:
    """Return the summary of a finished shard."""
    return dict(json.loads(_part(folder, number, ".json").read_text(encoding="utf-8")))


def index_part(folder: Path, number: int, columns: list[str] | None = None) -> pa.Table:
    """Return the index rows of a finished shard."""
    return pq.read_table(_part(folder, number, ".parquet"), columns=columns)


def texts_part(folder: Path, number: int) -> Path:
    """Return the file of chunk `number` of the reports without recording."""
    return folder / "parts" / f"texts-{number:05d}.parquet"


def texts_counts(folder: Path, number: int) -> Path:
    """Return the file with the counts of chunk `number` of the reports without recording."""
    return texts_part(folder, number).with_suffix(".json")


def write_json(file: Path, values: dict[str, Any]) -> None:
    """Write `values` as JSON, atomically."""
    unfinished = _unfinished(file)
    unfinished.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(file)


def _write_table(file: Path, table: pa.Table) -> None:
    unfinished = _unfinished(file)
    pq.write_table(table, unfinished)
    unfinished.replace(file)


def _unfinished(file: Path) -> Path:
    # A worker of a killed build may still be writing the same file.
    return file.with_name(f"{file.name}.{os.getpid()}.tmp")


def _part(folder: Path, number: int, ending: str) -> Path:
    return folder / "parts" / f"{number:05d}{ending}"


def _drop(record: Prepared, job: Job) -> dict[str, str]:
    assert record.error is not None
    if job.strict:
        raise record.error
    return {
        "id": record.entry.id,
        "reason": getattr(record.error, "reason", "unreadable"),
        "detail": relative(str(record.error), job.raw),
    }


class _Signals:
    """Writer of the signals of a shard; computes their digest (see `store.shard_digest`)."""

    def __init__(self, job: Job, number: int, expected: int) -> None:
        ending = ".npy.zst" if job.compression == ZSTD else ".npy"
        self._file = job.folder / "shards" / f"{number:05d}{ending}"
        self._samples = round(job.options.rate * job.options.seconds)
        self._codec = pa.Codec(ZSTD) if job.compression == ZSTD else None
        self._expected = expected

    def __enter__(self) -> _Signals:
        self._stream = _unfinished(self._file).open("wb")
        self._digests = bytearray()
        self._end = self._stream.write(self._header(self._expected))
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        _unfinished(self._file).unlink(missing_ok=True)

    def append(self, signal: Int16[np.ndarray, "12 time"]) -> dict[str, int]:
        """Write a record and return its columns of the index."""
        digest = stored = hashlib.sha256(signal.data).digest()
        content = signal.data
        if self._codec is not None:
            content = self._codec.compress(signal, asbytes=True)
            stored = hashlib.sha256(content).digest()
        self._digests += stored
        self._stream.write(content)
        offset, size = self._end, memoryview(content).nbytes
        self._end += size
        return {"digest": int.from_bytes(digest[:8], "little", signed=True), "offset": offset, "size": size}

    def finish(self, records: int) -> dict[str, Any]:
        """Complete the header, rename the file, and return the shard's entry of the manifest."""
        header = self._header(records)
        if records != self._expected:
            self._stream.seek(0)
            self._stream.write(header)
        self._stream.close()
        _unfinished(self._file).replace(self._file)
        return {
            "file": f"shards/{self._file.name}",
            "records": records,
            "bytes": self._end,
            "sha256": hashlib.sha256(header + self._digests).hexdigest(),
        }

    def _header(self, records: int) -> bytes:
        """Return the header of the file; its length does not depend on the number of records."""
        stream = io.BytesIO()
        shape = (records, len(LEADS), self._samples)
        # numpy pads the header so that the first axis can grow.
        np.lib.format.write_array_header_1_0(stream, {"descr": "<i2", "fortran_order": False, "shape": shape})
        header = stream.getvalue()
        return header if self._codec is None else _stored_frame(header)


def _stored_frame(content: bytes) -> bytes:
    """Return a zstd frame (RFC 8878) with up to 255 uncompressed bytes.

    The frame has a fixed length, so the header can be rewritten when the number of records is known. With
    `pa.Codec` the records would have to be copied behind the compressed header: 10 % more time for a shard.

    The frame is: magic number, descriptor (one segment, its size in one byte), size, header of the only block
    (type 0: raw), content.
    """
    magic, one_segment = bytes.fromhex("28b52ffd"), b"\x20"
    block = (len(content) << 3 | 1).to_bytes(3, "little")
    return magic + one_segment + bytes([len(content)]) + block + content
