"""Builds a store from a corpus: shard by shard, going on where a killed build was."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from melp.data.corpora import Entry, Options, get_corpus
from melp.data.plan import check_missing, check_options, make_plan, relative
from melp.data.shards import (
    INDEX,
    RECORDS,
    Prepared,
    finished_shard,
    index_rows,
    prepare,
    statements_of,
    write_json,
    write_shard,
)
from melp.data.store import UNFINISHED, file_digest, read_manifest
from melp.errors import MelpError

_TEXTS = pa.schema(
    [
        ("id", pa.string()),
        ("patient", pa.string()),
        ("fold", pa.int32()),
        ("statements", pa.list_(pa.string())),
    ]
)


@dataclass(frozen=True)
class Summary:
    """What came of a build.

    Attributes:
        path: the store.
        records: how many records it holds.
        missing: how many the corpus lists whose recording is not on disk.
        texts: how many of those left their statements for the language model.
        dropped: id, reason and detail of each bad record.
        flags: how many records carry each flag.
        built: False where the same store was there already.
    """

    path: Path
    records: int
    missing: int
    texts: int
    dropped: list[dict[str, str]]
    flags: dict[str, int]
    built: bool = True


def build(
    corpus: str,
    raw: Path | None,
    out: Path,
    *,
    rate: float = 500,
    seconds: float = 10,
    workers: int = 1,
    allow_missing: bool = False,
    strict: bool = False,
    records: int | None = None,
    seed: int = 0,
    progress: bool = False,
    table: Path | None = None,
    classes: Path | None = None,
) -> Summary:
    """Builds the store `out` from `corpus`; the same input gives the same bytes, whatever `workers`.

    `out` is written as `out.building` and renamed when whole; a build that was killed goes on where it was.

    Args:
        corpus, raw: a name of `list_corpora()` and its folder as published (None: simulated).
        rate, seconds: of the store; longer records give their first window, shorter ones are padded.
        workers: processes that read recordings.
        allow_missing, strict: go on without missing recordings; end at the first bad one.
        records, seed: of a simulated corpus.
        progress: show a bar on stderr.
        table, classes: of one's own corpus.

    Raises:
        MelpError: no such corpus, recordings missing, `out` holds something else, or (`strict`) a bad record.
    """
    out, raw = Path(out), Path(raw).absolute() if raw is not None else None
    options = Options(rate, seconds, records, seed, table, classes)
    check_options(options, workers)
    listing = get_corpus(corpus).list_entries(raw, options)
    entries = list(listing.entries)
    present = [entry for entry in entries if entry.source is not None]
    missing = [entry for entry in entries if entry.source is None]
    check_missing(len(missing), len(entries), allow_missing, corpus)
    plan = make_plan(corpus, options, entries, raw)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        return _existing(out, plan, strict)
    folder = _start(out, plan)
    try:
        _write_shards(folder, corpus, options, present, workers, strict, progress)
        manifest = _finish(folder, plan, missing, listing.text_folds, raw)
    except MelpError:
        shutil.rmtree(folder)
        raise
    folder.replace(out)
    return _summary(out, manifest)


def _existing(out: Path, plan: dict[str, Any], strict: bool) -> Summary:
    if not (out / "manifest.json").is_file():
        raise MelpError(f"{out}: exists and is no store; choose another --out")
    manifest = read_manifest(out)
    if any(manifest.get(key) != value for key, value in plan.items()):
        raise MelpError(f"{out}: holds another store; remove it, or choose another --out")
    if strict and manifest["dropped"]:
        raise MelpError(manifest["dropped"][0]["detail"])
    return _summary(out, manifest, built=False)


def _start(out: Path, plan: dict[str, Any]) -> Path:
    """The folder that the build writes to, with the shards of a killed build of the same plan."""
    folder = out.with_name(out.name + UNFINISHED)
    file = folder / "plan.json"
    if folder.exists() and (not file.is_file() or json.loads(file.read_text(encoding="utf-8")) != plan):
        shutil.rmtree(folder)
    for name in ("shards", "parts"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_json(file, plan)
    return folder


def _write_shards(
    folder: Path,
    corpus: str,
    options: Options,
    entries: list[Entry],
    workers: int,
    strict: bool,
    progress: bool,
) -> None:
    samples = round(options.rate * options.seconds)
    read = partial(prepare, corpus=corpus, options=options)
    with _mapper(workers) as mapper, _bar(len(entries), progress) as advance:

        def on_record(record: Prepared) -> None:
            advance(1)
            if strict and record.error is not None:
                raise record.error

        for number, start in enumerate(range(0, len(entries), RECORDS)):
            part = entries[start : start + RECORDS]
            finished = finished_shard(folder, number)
            if finished is None or (strict and finished["dropped"]):
                write_shard(folder, number, mapper(read, part), samples, on_record)
            else:
                advance(len(part))


Mapper = Callable[[Callable[[Entry], Prepared], list[Entry]], Iterable[Prepared]]


@contextmanager
def _mapper(workers: int) -> Iterator[Mapper]:
    """`map` over one process or several, in order."""
    if workers == 1:
        yield map
        return
    # A fork of a process with torch's threads may hang.
    # Ctrl-C reaches every process of a terminal; this one alone answers it.
    silent = (signal.SIGINT, signal.SIG_IGN)
    with multiprocessing.get_context("spawn").Pool(workers, signal.signal, silent) as pool:
        yield partial(pool.imap, chunksize=16)


@contextmanager
def _bar(total: int, shown: bool) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)


def _finish(
    folder: Path, plan: dict[str, Any], missing: list[Entry], text_folds: tuple[int, ...], raw: Path | None
) -> dict[str, Any]:
    """Index, texts, manifest and log beside the shards."""
    shards: list[dict[str, Any]] = []
    while (part := finished_shard(folder, len(shards))) is not None:
        shards.append(part)
    dropped = [
        {**each, "detail": relative(each["detail"], raw)} for shard in shards for each in shard.pop("dropped")
    ]
    flags: Counter[str] = Counter()
    with pq.ParquetWriter(folder / "index.parquet", INDEX) as writer:
        for table in index_rows(folder, len(shards)):
            flags.update(flag for row in table["flags"].to_pylist() for flag in row)
            writer.write_table(table)
    texts = _write_texts(folder / "texts.parquet", [entry for entry in missing if entry.fold in text_folds])
    files = {name: file_digest(folder / name) for name in ("index.parquet", "texts.parquet")}
    records = sum(shard["records"] for shard in shards)
    if not records:
        raise MelpError(f"{plan['corpus']}: all {len(dropped)} recordings are bad ({dropped[0]['detail']})")
    manifest = {
        **plan,
        "records": records,
        "missing": len(missing),
        "texts": texts,
        "dropped": dropped,
        "flags": dict(sorted(flags.items())),
        "shards": shards,
        "files": files,
    }
    write_json(folder / "manifest.json", manifest)
    (folder / "build.log").write_text(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} built\n", encoding="utf-8")
    # In this order: parts half removed must not be taken for a build to go on with.
    (folder / "plan.json").unlink()
    shutil.rmtree(folder / "parts")
    return manifest


def _write_texts(file: Path, kept: list[Entry]) -> int:
    """Statements of the reports without recording; how many there are."""
    written = 0
    with pq.ParquetWriter(file, _TEXTS) as writer:
        for start in range(0, len(kept), RECORDS):
            rows = [
                {"id": entry.id, "patient": entry.patient, "fold": entry.fold, "statements": statements}
                for entry in kept[start : start + RECORDS]
                if (statements := statements_of(entry))
            ]
            writer.write_table(pa.Table.from_pylist(rows, _TEXTS))
            written += len(rows)
    return written


def _summary(path: Path, manifest: dict[str, Any], built: bool = True) -> Summary:
    return Summary(
        path=path,
        records=manifest["records"],
        missing=manifest["missing"],
        texts=manifest["texts"],
        dropped=manifest["dropped"],
        flags=manifest["flags"],
        built=built,
    )
