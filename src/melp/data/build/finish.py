"""Finish a build: merge the tables of the shards into one index and one table of dropped records."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Bool

from melp.data.build import spool
from melp.data.build.reports import merge_counts
from melp.data.build.schemas import DROPPED, INDEX, MISSING, TEXTS, index_schema
from melp.data.build.shards import index_part, read_summary, texts_counts, texts_part, write_json
from melp.data.quality import DUPLICATE_SIGNAL
from melp.data.store import file_digest
from melp.errors import MelpError

_ROWS = 32768  # least rows of a row group; small groups are slow to read


def finish(folder: Path, plan: dict[str, Any], shards: int, texts: int, missing: int) -> dict[str, Any]:
    """Write index, dropped and missing records, texts and log, and finally the manifest.

    Args:
        folder: the folder with the shards and their parts.
        plan: the first fields of the manifest.
        shards, texts: number of shards, and of chunks of reports without recording.
        missing: number of recordings that are not on disk.

    Returns:
        The manifest.

    Raises:
        MelpError: no record is left.
    """
    summaries, dropped = _merge_dropped(folder, shards)
    records = sum(summary["records"] for summary in summaries)
    if not records:
        raise MelpError(f"{plan['corpus']}: {_why_empty(folder, dropped)}")
    flags: Counter[str] = Counter()
    write_tables(folder / "index.parquet", index_schema(plan["columns"]), _index(folder, summaries, flags))
    chunks = (pq.read_table(texts_part(folder, number)) for number in range(texts))
    reports = write_tables(folder / "texts.parquet", TEXTS, chunks)
    counts = [json.loads(texts_counts(folder, number).read_text("utf-8")) for number in range(texts)]
    counts += [summary.pop("reports") for summary in summaries]
    files = ["dropped.parquet", "index.parquet", "texts.parquet"]
    if missing:
        lines = spool.read_lines(folder, spool.MISSING)
        tables = (pa.Table.from_pylist(chunk, MISSING) for chunk in lines)
        write_tables(folder / "missing.parquet", MISSING, tables)
        files.append("missing.parquet")
    manifest = {
        **plan,
        "records": records,
        "missing": missing,
        "texts": reports,
        "reports": merge_counts(counts),
        "dropped": dict(sorted(dropped.items())),
        "flags": dict(sorted(flags.items())),
        "shards": summaries,
        "files": {name: file_digest(folder / name) for name in files},
    }
    (folder / "build.log").write_text(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} built\n", encoding="utf-8")
    write_json(folder / "manifest.json", manifest)
    return manifest


def first_bad_records(folder: Path, most: int) -> list[dict[str, str]]:
    """Return the first `most` bad records of a store (id, reason, detail), in the order of the listing.

    Records with a repeated id come last. Records that a rule of the corpus excludes have no detail and are
    not included.
    """
    bad: list[dict[str, str]] = []
    for batch in pq.ParquetFile(folder / "dropped.parquet").iter_batches():
        bad += batch.filter(pc.not_equal(batch["detail"], "")).to_pylist()
        if len(bad) >= most:
            break
    return bad[:most]


def _merge_dropped(folder: Path, shards: int) -> tuple[list[dict[str, Any]], Counter[str]]:
    """Write `dropped.parquet`; return the manifest entries of the shards, and counts of records by reason."""
    summaries: list[dict[str, Any]] = []
    reasons: Counter[str] = Counter()

    def tables() -> Iterator[pa.Table]:
        for number in range(shards):
            summary = read_summary(folder, number)
            dropped = summary.pop("dropped")
            del summary["index"]
            summaries.append(summary)
            reasons.update(record["reason"] for record in dropped)
            yield pa.Table.from_pylist(dropped, DROPPED)
        for repeated in spool.read_lines(folder, spool.DROPPED):
            reasons.update(record["reason"] for record in repeated)
            yield pa.Table.from_pylist(repeated, DROPPED)

    write_tables(folder / "dropped.parquet", DROPPED, tables())
    return summaries, reasons


def _why_empty(folder: Path, dropped: Counter[str]) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(dropped.items()))
    first = "".join(f"; the first bad one: {record['detail']}" for record in first_bad_records(folder, 1))
    return f"all {sum(dropped.values())} recordings were dropped ({reasons}){first}"


def _index(folder: Path, summaries: list[dict[str, Any]], flags: Counter[str]) -> Iterator[pa.Table]:
    """Yield the index of each shard, with duplicates flagged, and count the flags."""
    all_duplicates = _find_duplicates(folder, summaries)
    start = 0
    for number, summary in enumerate(summaries):
        table = index_part(folder, number)
        duplicates = all_duplicates[start : start + summary["records"]]
        start += summary["records"]
        if duplicates.any():
            lists = [
                row + [DUPLICATE_SIGNAL] * bool(duplicate)
                for row, duplicate in zip(table["flags"].to_pylist(), duplicates, strict=True)
            ]
            column = INDEX.get_field_index("flags")
            table = table.set_column(column, INDEX.field(column), pa.array(lists, INDEX.field(column).type))
        flags.update(pc.list_flatten(table["flags"]).to_pylist())
        yield table


def _find_duplicates(folder: Path, summaries: list[dict[str, Any]]) -> Bool[np.ndarray, " record"]:
    """Return which records have the digest of an earlier record."""
    digests = np.empty(sum(summary["records"] for summary in summaries), dtype=np.int64)
    start = 0
    for number, summary in enumerate(summaries):
        digests[start : start + summary["records"]] = index_part(folder, number, ["digest"])["digest"]
        start += summary["records"]
    duplicates = np.ones(len(digests), dtype=bool)
    duplicates[np.unique(digests, return_index=True)[1]] = False
    return duplicates


def write_tables(file: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    """Write tables to one file, in row groups of at least `_ROWS` rows; return the number of rows."""
    pending: list[pa.Table] = []
    rows = 0
    with pq.ParquetWriter(file, schema) as writer:

        def flush() -> None:
            if pending:
                writer.write_table(pa.concat_tables(pending).combine_chunks())
                pending.clear()

        for table in tables:
            pending.append(table)
            rows += len(table)
            if sum(map(len, pending)) >= _ROWS:
                flush()
        flush()
    return rows
