"""Ends a build: what the workers wrote shard by shard becomes one index, one list of what was dropped."""

from __future__ import annotations

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

from melp.data.build.quality import DUPLICATE_SIGNAL
from melp.data.build.shards import DROPPED, INDEX, TEXTS, index_part, read_part, texts_part, write_json
from melp.data.store import file_digest
from melp.errors import MelpError

_ROWS = 32768  # of a row group, gathered from several shards: small groups are slow to read


def finish(folder: Path, plan: dict[str, Any], shards: int, texts: int, missing: int) -> dict[str, Any]:
    """Writes index, dropped records, texts, log and, last of all, the manifest.

    Args:
        folder: holds the shards and their parts.
        plan: what the manifest begins with.
        shards, texts: how many parts there are of each.
        missing: how many recordings are not on disk.

    Returns:
        The manifest.

    Raises:
        MelpError: no record is left.
    """
    parts, dropped = _gather(folder, shards)
    records = sum(part["records"] for part in parts)
    if not records:
        raise MelpError(f"{plan['corpus']}: {_why_empty(folder, dropped)}")
    flags: Counter[str] = Counter()
    _write(folder / "index.parquet", INDEX, _index(folder, parts, flags))
    kept = _write(
        folder / "texts.parquet", TEXTS, (pq.read_table(texts_part(folder, each)) for each in range(texts))
    )
    files = ("dropped.parquet", "index.parquet", "texts.parquet")
    manifest = {
        **plan,
        "records": records,
        "missing": missing,
        "texts": kept,
        "dropped": dict(sorted(dropped.items())),
        "flags": dict(sorted(flags.items())),
        "shards": parts,
        "files": {name: file_digest(folder / name) for name in files},
    }
    (folder / "build.log").write_text(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} built\n", encoding="utf-8")
    write_json(folder / "manifest.json", manifest)
    return manifest


def first_bad(folder: Path, most: int) -> list[dict[str, str]]:
    """The first bad records of a store (id, reason, detail), `most` at the most, in the listing's order.

    Records that a rule of the corpus leaves out are not among them: these have no detail.
    """
    found: list[dict[str, str]] = []
    for batch in pq.ParquetFile(folder / "dropped.parquet").iter_batches():
        found += batch.filter(pc.not_equal(batch["detail"], "")).to_pylist()
        if len(found) >= most:
            break
    return found[:most]


def _gather(folder: Path, shards: int) -> tuple[list[dict[str, Any]], Counter[str]]:
    """What the manifest says of each shard, and dropped records by reason; writes their file on the way."""
    parts: list[dict[str, Any]] = []
    reasons: Counter[str] = Counter()

    def tables() -> Iterator[pa.Table]:
        for number in range(shards):
            part = read_part(folder, number)
            dropped = part.pop("dropped")
            del part["index"]
            parts.append(part)
            reasons.update(record["reason"] for record in dropped)
            yield pa.Table.from_pylist(dropped, DROPPED)

    _write(folder / "dropped.parquet", DROPPED, tables())
    return parts, reasons


def _why_empty(folder: Path, dropped: Counter[str]) -> str:
    total = sum(dropped.values())
    if not total:
        return "none of its recordings is on disk"
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(dropped.items()))
    first = "".join(f"; the first bad one: {record['detail']}" for record in first_bad(folder, 1))
    return f"all {total} recordings are dropped ({reasons}){first}"


def _index(folder: Path, parts: list[dict[str, Any]], flags: Counter[str]) -> Iterator[pa.Table]:
    """The index rows, duplicates flagged; counts the flags on the way."""
    repeated = _repeated(folder, parts)
    start = 0
    for number, part in enumerate(parts):
        table = index_part(folder, number)
        here = repeated[start : start + part["records"]]
        start += part["records"]
        if here.any():
            lists = [
                row + [DUPLICATE_SIGNAL] * bool(again)
                for row, again in zip(table["flags"].to_pylist(), here, strict=True)
            ]
            column = INDEX.get_field_index("flags")
            table = table.set_column(column, INDEX.field(column), pa.array(lists, INDEX.field(column).type))
        flags.update(pc.list_flatten(table["flags"]).to_pylist())
        yield table


def _repeated(folder: Path, parts: list[dict[str, Any]]) -> Bool[np.ndarray, " record"]:
    """Which records have the digest of an earlier one."""
    digests = np.empty(sum(part["records"] for part in parts), dtype=np.int64)
    start = 0
    for number, part in enumerate(parts):
        digests[start : start + part["records"]] = index_part(folder, number, ["digest"])["digest"]
        start += part["records"]
    repeated = np.ones(len(digests), dtype=bool)
    repeated[np.unique(digests, return_index=True)[1]] = False
    return repeated


def _write(file: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    """Writes tables as one, in row groups of `_ROWS` or somewhat more; how many rows there are."""
    waiting: list[pa.Table] = []
    rows = 0
    with pq.ParquetWriter(file, schema) as writer:

        def flush() -> None:
            if waiting:
                writer.write_table(pa.concat_tables(waiting).combine_chunks())
                waiting.clear()

        for table in tables:
            waiting.append(table)
            rows += len(table)
            if sum(map(len, waiting)) >= _ROWS:
                flush()
        flush()
    return rows
