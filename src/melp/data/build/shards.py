"""Write one shard of a store: its signals, its rows of the index and its dropped records."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from melp.corpora import Options, get_corpus
from melp.data.build.plan import relative
from melp.data.build.prepare import Prepared, prepare
from melp.data.build.reports import ReportCounts, translation_of
from melp.data.build.schemas import TEXTS, index_schema
from melp.data.build.signals import NONE, Signals, unfinished
from melp.data.build.spool import PRESENT, read_chunk
from melp.data.build.spool import TEXTS as REPORTS
from melp.data.store import file_digest, shard_digest

RECORDS = 1024
"""Number of recordings of the listing per shard."""


@dataclass(frozen=True)
class Job:
    """Settings of a build, for its workers.

    Attributes:
        folder: folder of the unfinished store.
        corpus, raw, options: name, folder and options of the corpus.
        strict: stop at the first bad record.
        compression: compression of the shards, "none" or "delta-zstd".
        columns: further columns of the index, see `Listing.columns`.
    """

    folder: Path
    corpus: str
    raw: Path | None
    options: Options
    strict: bool = False
    compression: str = NONE
    columns: Mapping[str, str] = field(default_factory=dict)


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
    samples, count = (
        round(job.options.rate * job.options.seconds),
        sum(not entry.refused for entry in entries),
    )
    signals = Signals(job.folder / "shards", number, samples, job.compression, count)
    with signals:
        for entry in entries:
            if entry.refused:
                dropped.append({"id": entry.id, "reason": entry.refused, "detail": ""})
                advance(1)
                continue
            for record in prepare(entry, load, job.corpus, job.options):
                if record.signal is None:
                    dropped.append(_drop(record, job))
                else:
                    location = {"shard": number, "row": len(rows), **signals.append(record.signal)}
                    more = {name: entry.more.get(name) for name in job.columns}
                    rows.append({**more, **record.row, **location})
                if record.translation is not None:
                    reports.add(record.translation)
            advance(1)
        summary = signals.finish(len(rows))
    index = _part(job.folder, number, ".parquet")
    _write_table(index, pa.Table.from_pylist(rows, index_schema(job.columns)))
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
    partial = unfinished(file)
    partial.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(file)


def _write_table(file: Path, table: pa.Table) -> None:
    partial = unfinished(file)
    pq.write_table(table, partial)
    partial.replace(file)


def _part(folder: Path, number: int, ending: str) -> Path:
    return folder / "parts" / f"{number:05d}{ending}"


def _drop(record: Prepared, job: Job) -> dict[str, str]:
    if record.refused:
        return {"id": record.entry.id, "reason": record.refused, "detail": ""}
    assert record.error is not None
    if job.strict:
        raise record.error
    return {
        "id": record.entry.id,
        "reason": getattr(record.error, "reason", "unreadable"),
        "detail": relative(str(record.error), job.raw),
    }
