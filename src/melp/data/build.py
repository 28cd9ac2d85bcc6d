"""Builds a store from a corpus: shard by shard, going on where a killed build was."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import melp
from melp.data.corpora import Entry, Listing, Options, get_corpus
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
from melp.data.store import FORMAT, UNFINISHED, file_digest, read_manifest
from melp.ecg import LEADS
from melp.errors import MelpError

_TEXTS = pa.schema(
    [
        ("id", pa.string()),
        ("patient", pa.string()),
        ("fold", pa.int32()),
        ("statements", pa.list_(pa.string())),
    ]
)
_PACKAGES = ("numpy", "scipy", "pyarrow", "wfdb")


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
) -> Summary:
    """Builds the store `out` from `corpus`; the same input gives the same bytes, whatever `workers`.

    Args:
        corpus: a name of `melp.data.corpora.list_corpora()`.
        raw: the corpus's folder, as published; None for a simulated one.
        out: the store; written as `out.building` and renamed when whole.
        rate: Hz of the store.
        seconds: length of its records; longer ones give their first window, shorter ones are padded.
        workers: processes that read recordings.
        allow_missing: go on where recordings are not on disk.
        strict: make the first bad record an error.
        records: how many records to simulate.
        seed: seed of a simulated corpus.
        progress: show a bar on stderr.

    Raises:
        MelpError: `raw` is not the corpus, recordings are missing, `out` holds something else, or, with
            `strict`, a record is bad.
    """
    out = Path(out)
    options = Options(rate, seconds, records, seed)
    _check_options(options, workers)
    listing = get_corpus(corpus).list_entries(Path(raw) if raw is not None else None, options)
    _check_missing(listing, allow_missing, corpus)
    plan = _plan(corpus, options, listing, raw)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        return _existing(out, plan, strict)
    folder = _start(out, plan)
    try:
        _write_shards(folder, corpus, options, listing.entries, workers, strict, progress)
        manifest = _finish(folder, plan, listing, raw)
    except MelpError:
        shutil.rmtree(folder)
        raise
    folder.replace(out)
    return _summary(out, manifest)


def _check_options(options: Options, workers: int) -> None:
    wrong = {"rate": options.rate, "seconds": options.seconds, "workers": workers}
    if options.records is not None:
        wrong["records"] = options.records
    for name, value in wrong.items():
        if not value > 0:
            raise MelpError(f"--{name}: {value:g}, wanted more than 0")


def _check_missing(listing: Listing, allow_missing: bool, corpus: str) -> None:
    missing, total = len(listing.missing), len(listing.missing) + len(listing.entries)
    if missing and not allow_missing:
        raise MelpError(
            f"{corpus}: {missing} of {total} recordings are missing on disk; "
            "--allow-missing builds without them"
        )


def _plan(corpus: str, options: Options, listing: Listing, raw: Path | None) -> dict[str, Any]:
    """Everything that the bytes of the store depend on."""
    digest = hashlib.sha256()
    for entry in [*listing.entries, *listing.missing]:
        # Where the corpus lies is no part of what it is.
        digest.update(_relative(json.dumps(asdict(entry)), raw).encode())
    return {
        "format": FORMAT,
        "corpus": corpus,
        "rate": options.rate,
        "seconds": options.seconds,
        "samples": round(options.rate * options.seconds),
        "unit": "microvolt",
        "leads": list(LEADS),
        "input": digest.hexdigest(),
        "versions": {"melp": melp.__version__, "code": _code(), **_versions()},
    }


def _code() -> str:
    """A digest of what turns reports into statements and makes simulated recordings."""
    home = Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted([*(home / "reports").rglob("*"), *(home / "simulator").rglob("*")]):
        if file.is_file() and file.suffix != ".pyc":
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


def _relative(text: str, raw: Path | None) -> str:
    return text.replace(f"{raw}/", "") if raw is not None else text


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
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield partial(pool.imap, chunksize=16)


@contextmanager
def _bar(total: int, shown: bool) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)


def _finish(folder: Path, plan: dict[str, Any], listing: Listing, raw: Path | None) -> dict[str, Any]:
    """Index, texts, manifest and log beside the shards."""
    parts = [finished_shard(folder, number) for number in range(-(-len(listing.entries) // RECORDS))]
    shards = [part for part in parts if part is not None]
    dropped = [
        {**each, "detail": _relative(each["detail"], raw)}
        for shard in shards
        for each in shard.pop("dropped")
    ]
    flags: Counter[str] = Counter()
    with pq.ParquetWriter(folder / "index.parquet", INDEX) as writer:
        for table in index_rows(folder, len(shards)):
            flags.update(flag for row in table["flags"].to_pylist() for flag in row)
            writer.write_table(table)
    texts = _write_texts(folder / "texts.parquet", listing)
    files = {name: file_digest(folder / name) for name in ("index.parquet", "texts.parquet")}
    records = sum(shard["records"] for shard in shards)
    if not records:
        raise MelpError(f"{plan['corpus']}: all {len(dropped)} recordings are bad ({dropped[0]['detail']})")
    manifest = {
        **plan,
        "records": records,
        "missing": len(listing.missing),
        "texts": texts,
        "dropped": dropped,
        "flags": dict(sorted(flags.items())),
        "shards": shards,
        "files": files,
    }
    write_json(folder / "manifest.json", manifest)
    (folder / "build.log").write_text(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} built\n", encoding="utf-8")
    shutil.rmtree(folder / "parts")
    (folder / "plan.json").unlink()
    return manifest


def _write_texts(file: Path, listing: Listing) -> int:
    """Statements of the reports without recording, of training folds alone; how many there are."""
    kept = [entry for entry in listing.missing if entry.fold in listing.text_folds]
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
