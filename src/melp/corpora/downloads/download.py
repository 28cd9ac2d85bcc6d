"""Corpora from where they are published, in the layout that `melp data build` reads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock

from melp.corpora import get_corpus, list_corpora
from melp.corpora.downloads.fetch import Fetcher, PublishedFile, WrongFileError
from melp.corpora.downloads.sources import Source, Zenodo, unpack
from melp.errors import MelpError
from melp.progress import progress_bar

_MOST_WRONG = 10


@dataclass(frozen=True)
class Downloaded:
    """What came of a download.

    Attributes:
        path: the folder, which `melp data build` takes as --raw.
        files: how many files the corpus, or the part asked for, has.
        fetched: how many of them were fetched now.
        bytes: how many bytes came.
    """

    path: Path
    files: int
    fetched: int
    bytes: int


def download(
    corpus: str,
    out: Path,
    *,
    records: int | None = None,
    mirror: str = "",
    account: tuple[str, str] | None = None,
    workers: int = 8,
    progress: bool = False,
) -> Downloaded:
    """Fetches a corpus into the folder `out`; stopped or cut, the same call goes on where it was.

    Every file is compared with its published digest, those that are there already, too.

    Args:
        corpus: a name of `list_corpora()`.
        out: becomes the corpus's folder.
        records: take the first so many recordings; all where None.
        mirror: address that stands in for https://physionet.org/files (or https://zenodo.org/api).
        account: name and password, where the server asks for them.
        workers: files fetched at a time.
        progress: show a bar on stderr.

    Raises:
        MelpError: the corpus is not to be downloaded, no access, a file is wrong (the others are fetched), or
            the connection was lost again and again.
    """
    for name, value in (("records", records), ("workers", workers)):
        if value is not None and value < 1:
            raise MelpError(f"--{name}: {value}, wanted 1 or more")
    source, out = source_of(corpus), Path(out)
    with _Bar(progress) as bar:
        fetcher = Fetcher(account, source.page, bar.received)
        files = source.files(out, fetcher, mirror.rstrip("/"), records)
        bar.begin(files.count)
        fetched = _fetch(fetcher, files.each, workers, bar)
    if isinstance(source, Zenodo):
        for name in source.archives:
            unpack(out / name)
    return Downloaded(out, files.count, fetched, bar.bytes)


def source_of(corpus: str) -> Source | Zenodo:
    """Where a corpus is published.

    Raises:
        MelpError: no such corpus, or none that can be downloaded.
    """
    module = get_corpus(corpus)
    source: Source | Zenodo | None = getattr(module, "SOURCE", None)
    if source is None:
        known = [name for name in list_corpora() if hasattr(get_corpus(name), "SOURCE")]
        raise MelpError(f"corpus: {corpus!r} is nowhere to be downloaded, wanted one of {', '.join(known)}")
    return source


def _fetch(fetcher: Fetcher, files: Iterator[PublishedFile], workers: int, bar: _Bar) -> int:
    """How many files had to be fetched.

    Raises:
        MelpError: some are wrong; the others have come, unless so many are that it is the server.
    """
    fetched = 0
    wrong: list[WrongFileError] = []
    for outcome in _fetch_all(fetcher, files, workers):
        bar.advance()
        if isinstance(outcome, WrongFileError):
            wrong.append(outcome)
        fetched += outcome is True
        if len(wrong) >= _MOST_WRONG:
            break
    if wrong:
        raise MelpError(f"{wrong[0]}{f' (and {len(wrong) - 1} more)' if len(wrong) > 1 else ''}")
    return fetched


def _fetch_all(
    fetcher: Fetcher, files: Iterator[PublishedFile], workers: int
) -> Iterator[bool | WrongFileError]:
    """What comes of each file, in the order in which they end."""

    def fetch(file: PublishedFile) -> bool | WrongFileError:
        try:
            return fetcher.fetch(file)
        except WrongFileError as error:
            return error

    with ThreadPoolExecutor(workers) as pool:
        try:
            # Few at a time, so that those that wait take no memory.
            pending = {pool.submit(fetch, file) for file in islice(files, 4 * workers)}
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                pending |= {pool.submit(fetch, file) for file in islice(files, len(done))}
                for future in done:
                    yield future.result()
        finally:
            fetcher.stop()
            pool.shutdown(cancel_futures=True)


class _Bar:
    """Files done and bytes received, on stderr."""

    def __init__(self, shown: bool) -> None:
        self.bytes, self._lock = 0, Lock()
        self._progress = progress_bar("{task.fields[got]}", shown=shown)
        self._task = self._progress.add_task("fetching", total=None, got="")

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, files: int) -> None:
        self._progress.update(self._task, total=files)

    def advance(self) -> None:
        self._progress.advance(self._task)

    def received(self, count: int) -> None:
        """Called by every thread."""
        from rich.filesize import decimal

        with self._lock:
            self.bytes += count
        self._progress.update(self._task, got=decimal(self.bytes))
