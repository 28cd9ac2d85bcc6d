"""Builds a store from a corpus: shard by shard, going on where a killed build was.

`STORE.building` holds the listing (`entries/`, `missing/`, in chunks), what the workers wrote of each shard
(`shards/`, `parts/`) and `plan.json`, which says what it will be. A build that goes on lists the corpus again
and, where the plan is the same, takes over what is whole.
"""

from __future__ import annotations

import json
import shutil
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melp.corpora import Options, get_corpus
from melp.data.build.finish import finish, first_bad
from melp.data.build.plan import check_missing, check_options, make_plan
from melp.data.build.shards import NONE, RECORDS, ZSTD, Job, write_json
from melp.data.build.spool import MISSING, PRESENT, Spooled, spool
from melp.data.build.workers import Advance, run
from melp.data.store import UNFINISHED, read_manifest
from melp.errors import MelpError
from melp.progress import progress_bar

if TYPE_CHECKING:
    from rich.progress import Progress

_NAMED = 20  # how many bad records a summary names


@dataclass(frozen=True)
class Summary:
    """What came of a build.

    Attributes:
        path: the store.
        records: how many records it holds.
        missing: how many the corpus lists whose recording is not on disk.
        texts: how many of those left their statements for the language model.
        dropped: how many records were left out for each reason.
        bad: id, reason and detail of the first bad records; `dropped.parquet` has all.
        flags: how many records carry each flag.
        built: False where the same store was there already.
    """

    path: Path
    records: int
    missing: int
    texts: int
    dropped: dict[str, int]
    bad: list[dict[str, str]]
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
    compress: bool = False,
    table: Path | None = None,
) -> Summary:
    """Builds the store `out` from `corpus`; the same input gives the same bytes, whatever `workers`.

    `out` is written as `out.building` and renamed when whole; a build that was killed goes on where it was.

    Args:
        corpus, raw: a name of `list_corpora()` and its folder as published (None: simulated).
        rate, seconds: of the store; longer records give their first window, shorter ones are padded.
        workers: processes that read recordings, a whole shard each.
        allow_missing, strict: go on without missing recordings; end at the first bad one.
        records, seed: of a simulated corpus.
        progress: show a bar on stderr.
        compress: write shards that are compressed record by record.
        table: of one's own corpus.

    Raises:
        MelpError: no such corpus, recordings missing, `out` holds something else, or (`strict`) a bad record.
    """
    out, raw = Path(out), Path(raw).absolute() if raw is not None else None
    options = Options(float(rate), float(seconds), records, seed, table)
    check_options(options, workers)
    there = _is_there(out)
    folder = out.with_name(out.name + UNFINISHED)
    compression = ZSTD if compress else NONE
    with progress_bar(shown=progress) as bar:
        listed = None if there else folder
        spooled = _list(corpus, raw, options, listed, allow_missing, _line(bar, "listing"))
        plan = make_plan(corpus, options, compression, spooled.digest)
        if there:
            return _existing(out, plan, strict)
        _start(folder, plan)
        job = Job(folder, corpus, raw, options, strict, compression)
        try:
            _make(job, plan, spooled, workers, _line(bar, "reading", spooled.present + spooled.texts))
        except BrokenProcessPool as error:
            # Finished shards stay: there was nothing wrong with them.
            raise MelpError(f"{out}: a worker was killed (memory?); the same command goes on") from error
        except MelpError:
            shutil.rmtree(folder)
            raise
    return _summary(_publish(folder, out))


def _line(bar: Progress, title: str, total: int | None = None) -> Advance:
    """Add a line to a progress bar and return the function that advances it by a number of records."""
    task = bar.add_task(title, total=total)
    return lambda records: bar.advance(task, records)


def _is_there(out: Path) -> bool:
    """Whether a store is at `out`.

    Raises:
        MelpError: something else is.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not (out / "manifest.json").is_file():
        raise MelpError(f"{out}: exists and is no store; choose another --out")
    return True


def _list(
    corpus: str,
    raw: Path | None,
    options: Options,
    folder: Path | None,
    allow_missing: bool,
    advance: Advance,
) -> Spooled:
    """Lists the corpus into `folder` (None: nowhere); what fails leaves the folder as it was."""
    listing = get_corpus(corpus).list_entries(raw, options)
    try:
        spooled = spool(listing, folder, raw, RECORDS, lambda: advance(1))
        check_missing(spooled.missing, spooled.missing + spooled.present, allow_missing, corpus)
    except BaseException:
        if folder is not None:
            _remove_listing(folder)
            if not (folder / "plan.json").is_file():
                shutil.rmtree(folder, ignore_errors=True)
        raise
    return spooled


def _existing(out: Path, plan: dict[str, Any], strict: bool) -> Summary:
    if not _agrees(read_manifest(out), plan):
        raise MelpError(f"{out}: holds another store; remove it, or choose another --out")
    if strict:
        _refuse_bad(out)
    return _summary(out, built=False)


def _agrees(values: dict[str, Any], plan: dict[str, Any]) -> bool:
    return all(values.get(key) == value for key, value in plan.items())


def _refuse_bad(store: Path) -> None:
    if bad := first_bad(store, 1):
        raise MelpError(bad[0]["detail"])


def _start(folder: Path, plan: dict[str, Any]) -> None:
    """Keeps what a killed build of this plan left whole in `folder`, and its listing; removes the rest."""
    # A build that was killed when it had finished has the manifest alone.
    files = [file for name in ("manifest.json", "plan.json") if (file := folder / name).is_file()]
    if not files or not _agrees(json.loads(files[0].read_text(encoding="utf-8")), plan):
        for other in folder.iterdir():
            if other.name not in (PRESENT, MISSING):
                shutil.rmtree(other) if other.is_dir() else other.unlink()
    for unfinished in folder.rglob("*.tmp"):
        unfinished.unlink()
    for name in ("shards", "parts"):
        (folder / name).mkdir(exist_ok=True)
    write_json(folder / "plan.json", plan)


def _make(job: Job, plan: dict[str, Any], spooled: Spooled, workers: int, advance: Advance) -> None:
    """Everything that a whole store has, where it is not there yet."""
    if (job.folder / "manifest.json").is_file():
        if job.strict:
            _refuse_bad(job.folder)
        return
    shards, texts = -(-spooled.present // RECORDS), -(-spooled.texts // RECORDS)
    run(job, shards, texts, workers, advance)
    finish(job.folder, plan, shards, texts, spooled.missing)


def _publish(folder: Path, out: Path) -> Path:
    """Gives the finished store its name."""
    shutil.rmtree(folder / "parts", ignore_errors=True)
    _remove_listing(folder)
    (folder / "plan.json").unlink()
    return folder.replace(out)


def _remove_listing(folder: Path) -> None:
    for name in (PRESENT, MISSING):
        shutil.rmtree(folder / name, ignore_errors=True)


def _summary(path: Path, built: bool = True) -> Summary:
    manifest = read_manifest(path)
    return Summary(
        path=path,
        records=manifest["records"],
        missing=manifest["missing"],
        texts=manifest["texts"],
        dropped=manifest["dropped"],
        bad=first_bad(path, _NAMED),
        flags=manifest["flags"],
        built=built,
    )
