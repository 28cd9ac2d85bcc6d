"""Build a store from a corpus, shard by shard; a build that was killed can be resumed.

`STORE.building` contains the listing (`entries/`, `texts/`, `missing/`, `repeated/`, in chunks), the output
of the workers for each shard (`shards/`, `parts/`) and `plan.json`, which describes the store. A resumed
build lists the corpus again and, if the plan is the same, keeps the shards that are complete.
"""

from __future__ import annotations

import json
import shutil
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melp.corpora import Options, get_corpus
from melp.data.build.finish import finish, first_bad_records
from melp.data.build.plan import check_missing, check_options, make_plan
from melp.data.build.shards import RECORDS, Job, write_json
from melp.data.build.signals import DELTA_ZSTD, NONE
from melp.data.build.spool import DROPPED, KINDS, Spooled, read_lines, spool
from melp.data.build.workers import Advance, run
from melp.data.store import UNFINISHED, read_manifest
from melp.errors import MelpError
from melp.locks import locked
from melp.progress import progress_bar

if TYPE_CHECKING:
    from rich.progress import Progress

_MAX_BAD = 20  # bad records in a summary


@dataclass(frozen=True)
class Summary:
    """Result of a build.

    Attributes:
        path: the store.
        records: number of records in the store.
        missing: number of records of the corpus whose recording is not on disk.
        texts: number of those whose statements are kept for the language model.
        dropped: number of records left out, by reason.
        bad: id, reason and detail of the first bad records; `dropped.parquet` has all.
        flags: number of records with each flag.
        built: False if the same store already existed.
        not_understood: number of reports of which statements keep their own words.
        unknown_words: number of words that the glossaries lack.
        frequent_words: the most frequent of them, with their number.
        unknown_statements: number of statements listed by the corpus with a word that the controlled wording
            does not have.
        frequent_statements: the most frequent of them, with their number.
        notes: lines about the tables of the corpus.
    """

    path: Path
    records: int
    missing: int
    texts: int
    dropped: dict[str, int]
    bad: list[dict[str, str]]
    flags: dict[str, int]
    built: bool = True
    not_understood: int = 0
    unknown_words: int = 0
    frequent_words: dict[str, int] = field(default_factory=dict)
    unknown_statements: int = 0
    frequent_statements: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


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
    windows: str = "first",
    language: str = "auto",
) -> Summary:
    """Build the store `out` from `corpus`; the same input gives the same bytes for any number of workers.

    The store is written as `out.building` and renamed when complete; the same call resumes a killed build.

    Args:
        corpus, raw: a name of `list_corpora()`, and its folder as published (None for simulated ECGs).
        rate, seconds: rate in Hz and length of the records; longer ones are cut, shorter ones are padded.
        workers: number of processes, each of which reads one shard at a time.
        allow_missing: build without the recordings that are missing.
        strict: stop at the first bad recording.
        records, seed: size and seed of a simulated corpus.
        progress: show a progress bar on stderr.
        compress: compress each record.
        table: table of a custom corpus.
        windows: "first" keeps the first window of a longer recording, "all" cuts it into records.
        language: of the reports: "en", "de", "sv", or "auto" to detect it for each report.

    Raises:
        MelpError: the corpus does not exist, recordings are missing, `out` exists and is not this store,
            another process is building it, or a recording is bad (with `strict`).
    """
    out, raw = Path(out), Path(raw).absolute() if raw is not None else None
    options = Options(float(rate), float(seconds), records, seed, table, language, windows)
    check_options(options, workers)
    folder = out.with_name(out.name + UNFINISHED)
    job = Job(folder, corpus, raw, options, strict, DELTA_ZSTD if compress else NONE)
    # A store that exists is only read, perhaps from a folder in which nothing can be written.
    with nullcontext() if _store_exists(out) else locked(out, "build"), progress_bar(shown=progress) as bar:
        return _build(job, out, workers, allow_missing, bar)


def _build(job: Job, out: Path, workers: int, allow_missing: bool, bar: Progress) -> Summary:
    """Build the store, or compare it with the corpus if it exists."""
    exists, folder = _store_exists(out), job.folder
    spooled = _list(job, None if exists else folder, allow_missing, _add_line(bar, "listing"))
    plan = make_plan(job.corpus, job.raw, job.options, job.compression, spooled)
    job = replace(job, columns=plan["columns"])
    if exists:
        return _existing(out, plan, job.strict)
    _prepare_folder(folder, plan)
    try:
        _write(job, plan, spooled, workers, _add_line(bar, "reading", spooled.present + spooled.texts))
    except BrokenProcessPool as error:
        # The finished shards are kept; they are correct.
        raise MelpError(f"{out}: a worker was killed (memory?); run the same command to continue") from error
    except MelpError:
        shutil.rmtree(folder)
        raise
    return _summary(_publish(folder, out))


def _add_line(bar: Progress, title: str, total: int | None = None) -> Advance:
    """Add a line to a progress bar and return the function that advances it by a number of records."""
    task = bar.add_task(title, total=total)
    return lambda records: bar.advance(task, records)


def _store_exists(out: Path) -> bool:
    """Return whether `out` is a store; False if it does not exist or is an empty folder.

    Raises:
        MelpError: `out` is something else.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not (out / "manifest.json").is_file():
        raise MelpError(f"{out}: exists and is not a store; choose another --out")
    return True


def _list(job: Job, folder: Path | None, allow_missing: bool, advance: Advance) -> Spooled:
    """List the corpus into `folder` (None: only the digest); after an error the folder is as before."""
    listing = get_corpus(job.corpus).list_entries(job.raw, job.options)
    try:
        spooled = spool(listing, folder, job.raw, RECORDS, lambda: advance(1))
        check_missing(spooled, allow_missing, job.corpus)
        if job.strict and folder is not None and spooled.repeated:
            raise MelpError(next(read_lines(folder, DROPPED))[0]["detail"])
    except BaseException:
        if folder is not None:
            _remove_listing(folder)
            if not (folder / "plan.json").is_file():
                shutil.rmtree(folder, ignore_errors=True)
        raise
    return spooled


def _existing(out: Path, plan: dict[str, Any], strict: bool) -> Summary:
    if not _matches(read_manifest(out), plan):
        raise MelpError(f"{out}: contains a different store; remove it, or choose another --out")
    if strict:
        _raise_if_bad(out)
    return _summary(out, built=False)


def _matches(values: dict[str, Any], plan: dict[str, Any]) -> bool:
    return all(values.get(key) == value for key, value in plan.items())


def _raise_if_bad(store: Path) -> None:
    if bad := first_bad_records(store, 1):
        raise MelpError(bad[0]["detail"])


def _prepare_folder(folder: Path, plan: dict[str, Any]) -> None:
    """Remove unfinished files from `folder`, and everything but the listing if it is of another plan."""
    # A build that was killed just before the final rename has only the manifest.
    files = [file for name in ("manifest.json", "plan.json") if (file := folder / name).is_file()]
    if not files or not _matches(json.loads(files[0].read_text(encoding="utf-8")), plan):
        for path in folder.iterdir():
            if path.name not in KINDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    for unfinished in folder.rglob("*.tmp"):
        unfinished.unlink()
    for name in ("shards", "parts"):
        (folder / name).mkdir(exist_ok=True)
    write_json(folder / "plan.json", plan)


def _write(job: Job, plan: dict[str, Any], spooled: Spooled, workers: int, advance: Advance) -> None:
    """Write all files of the store that do not exist yet."""
    if (job.folder / "manifest.json").is_file():
        if job.strict:
            _raise_if_bad(job.folder)
        return
    shards, texts = -(-spooled.present // RECORDS), -(-spooled.texts // RECORDS)
    run(job, shards, texts, workers, advance)
    finish(job.folder, plan, shards, texts, spooled.missing)


def _publish(folder: Path, out: Path) -> Path:
    """Remove the intermediate files and rename the folder to `out`."""
    shutil.rmtree(folder / "parts", ignore_errors=True)
    _remove_listing(folder)
    (folder / "plan.json").unlink()
    return folder.replace(out)


def _remove_listing(folder: Path) -> None:
    for name in KINDS:
        shutil.rmtree(folder / name, ignore_errors=True)


def _summary(path: Path, built: bool = True) -> Summary:
    manifest = read_manifest(path)
    return Summary(
        path=path,
        records=manifest["records"],
        missing=manifest["missing"],
        texts=manifest["texts"],
        dropped=manifest["dropped"],
        bad=first_bad_records(path, _MAX_BAD),
        flags=manifest["flags"],
        not_understood=manifest["reports"]["not_understood"],
        unknown_words=manifest["reports"]["unknown_words"],
        frequent_words=manifest["reports"]["most_frequent"],
        unknown_statements=manifest["reports"]["unknown_statements"],
        frequent_statements=manifest["reports"]["most_frequent_statements"],
        built=built,
        notes=tuple(manifest.get("notes", ())),
    )
