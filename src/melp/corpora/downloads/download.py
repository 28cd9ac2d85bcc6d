"""Download a corpus into the layout that `melp data build` reads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock

from melp.corpora import get_corpus, list_corpora
from melp.corpora.downloads.fetch import Fetcher, RemoteFile, WrongFileError
from melp.corpora.downloads.sources import Source, Zenodo, unpack
from melp.errors import MelpError, one_of
from melp.progress import progress_bar

_MAX_WRONG_FILES = 10


@dataclass(frozen=True)
class Downloaded:
    """The result of a download.

    Attributes:
        path: the folder, which `melp data build` takes as --raw.
        files: number of files of the corpus, or of the requested part.
        fetched: number of files fetched by this call.
        bytes: number of bytes received by this call.
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
    """Download a corpus into the folder `out`; the same call resumes an interrupted download.

    Every file is compared with its published digest, including files that are already in the folder.

    Args:
        corpus: a name of `list_corpora()`.
        out: the folder of the corpus; created if it does not exist.
        records: number of recordings to download, in published order; None for all.
        mirror: address used instead of https://physionet.org/files or https://zenodo.org/api.
        account: user name and password, if required.
        workers: number of files fetched at a time.
        progress: show a bar on stderr.

    Raises:
        MelpError: no source of the corpus, access denied, a wrong file, or repeated loss of the connection.
    """
    for name, value in (("records", records), ("workers", workers)):
        if value is not None and value < 1:
            raise MelpError(f"--{name}: {value}, wanted 1 or more")
    source, out = source_of(corpus), Path(out)
    with _Bar(progress) as bar:
        fetcher = Fetcher(account, source.page, bar.received)
        listing = source.list_files(out, fetcher, mirror.rstrip("/"), records)
        bar.begin(listing.count)
        fetched = _fetch(fetcher, listing.files, workers, bar)
    if isinstance(source, Zenodo):
        for name in source.archives:
            unpack(out / name)
    return Downloaded(out, listing.count, fetched, bar.bytes)


def source_of(corpus: str) -> Source:
    """Return where a corpus is published.

    Raises:
        MelpError: the corpus does not exist or cannot be downloaded.
    """
    module = get_corpus(corpus)
    source: Source | None = getattr(module, "SOURCE", None)
    if source is None:
        names = [name for name in list_corpora() if hasattr(get_corpus(name), "SOURCE")]
        raise MelpError(f"corpus: {corpus!r} cannot be downloaded, wanted {one_of(corpus, names)}")
    return source


def _fetch(fetcher: Fetcher, files: Iterator[RemoteFile], workers: int, bar: _Bar) -> int:
    """Fetch all files and return how many were not on disk yet.

    Raises:
        MelpError: some files are wrong; after `_MAX_WRONG_FILES` of them the download ends early.
    """
    fetched = 0
    wrong: list[WrongFileError] = []
    for outcome in _fetch_all(fetcher, files, workers):
        bar.advance()
        if isinstance(outcome, WrongFileError):
            wrong.append(outcome)
        fetched += outcome is True
        if len(wrong) >= _MAX_WRONG_FILES:
            break
    if wrong:
        raise MelpError(f"{wrong[0]}{f' (and {len(wrong) - 1} more)' if len(wrong) > 1 else ''}")
    return fetched


def _fetch_all(
    fetcher: Fetcher, files: Iterator[RemoteFile], workers: int
) -> Iterator[bool | WrongFileError]:
    """Yield for each file, as it ends, whether it was fetched, or the error if it is wrong."""

    def fetch(file: RemoteFile) -> bool | WrongFileError:
        try:
            return fetcher.fetch(file)
        except WrongFileError as error:
            return error

    with ThreadPoolExecutor(workers) as pool:
        try:
            # Only a few are submitted at a time: a list of millions of files would fill the memory.
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
        """Count received bytes; called by every thread."""
        from rich.filesize import decimal

        with self._lock:
            self.bytes += count
        self._progress.update(self._task, got=decimal(self.bytes))
