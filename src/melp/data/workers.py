"""The shards of a build, made one after another or by several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event

import numpy as np

from melp.data.shards import Job, finished_shard, texts_part, write_shard, write_texts
from melp.errors import MelpError

Advance = Callable[[int], object]
"""Called with the number of records done since the last call."""

Task = Callable[[Job, int, Advance], None]

_SECONDS = 0.2  # between two looks at what the workers have done


def run(job: Job, shards: int, texts: int, workers: int, advance: Advance) -> None:
    """Makes the shards 0 to `shards` and the chunks 0 to `texts` of reports that are not there yet.

    Raises:
        MelpError: `job.strict` and a record is bad: the first one of the listing.
        BrokenProcessPool: a worker was killed.
    """
    tasks: list[tuple[Task, int]] = [(_write_shard, number) for number in range(shards)]
    tasks += [(_write_texts, number) for number in range(texts)]
    if workers == 1 or len(tasks) < 2:
        _keep_memory()
        for make, number in tasks:
            make(job, number, advance)
        return
    context = multiprocessing.get_context("spawn")  # a fork of a process with torch's threads may hang
    shared = _Shared(job, context.Value("q", 0), context.Event())
    others = multiprocessing.active_children()
    pool = ProcessPoolExecutor(min(workers, len(tasks)), context, _begin, (shared,))
    try:
        _follow(_submit(pool, tasks), shared, advance)
    except BrokenProcessPool:
        # One that was just beginning when another was killed would wait for work, and the pool for it.
        for worker in set(multiprocessing.active_children()) - set(others):
            worker.kill()
        raise
    finally:
        shared.stop.set()
        pool.shutdown(cancel_futures=True)


def _write_shard(job: Job, number: int, advance: Advance) -> None:
    """Writes shard `number` where it is not whole yet.

    Raises:
        MelpError: `job.strict` and a record is bad.
    """
    finished = finished_shard(job, number)
    if finished is None:
        write_shard(job, number, advance)
        return
    bad = [record["detail"] for record in finished["dropped"] if record["detail"]]
    if job.strict and bad:
        raise MelpError(bad[0])
    advance(finished["records"] + len(finished["dropped"]))


def _write_texts(job: Job, number: int, advance: Advance) -> None:
    """Writes chunk `number` of the reports without recording where it is not there yet."""
    if not texts_part(job.folder, number).is_file():
        write_texts(job, number, advance)


@dataclass(frozen=True)
class _Shared:
    """What the build and its workers share: the job, records done, and whether to stop."""

    job: Job
    done: Synchronized[int]
    stop: Event


class _Stopped(Exception):
    """The build ends before this worker is done."""


def _submit(pool: ProcessPoolExecutor, tasks: list[tuple[Task, int]]) -> list[Future[None]]:
    """Hands out the tasks, which begins the workers."""
    # A worker does not know yet that Ctrl-C is not for it; it inherits what is blocked here.
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        return [pool.submit(_make, make, number) for make, number in tasks]
    except OSError as error:
        # Where a worker is killed while the next one begins, the pool finds its own queue closed.
        if error.errno is not None:
            raise
        raise BrokenProcessPool(str(error)) from error
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def _follow(futures: list[Future[None]], shared: _Shared, advance: Advance) -> None:
    """Waits for all, in the order of the listing, so that the first error is the listing's first."""
    shown = 0
    for future in futures:
        while wait([future], timeout=_SECONDS).not_done:
            shown += _advance_to(_done(shared), shown, advance)
        future.result()
    _advance_to(_done(shared), shown, advance)


def _done(shared: _Shared) -> int:
    """Records done, read without the lock, which a worker that was killed may have taken with it."""
    return int(shared.done.get_obj().value)


def _advance_to(done: int, shown: int, advance: Advance) -> int:
    advance(done - shown)
    return done - shown


_shared: _Shared | None = None


def _begin(shared: _Shared) -> None:
    """Sets up a worker."""
    global _shared
    _shared = shared
    # Ctrl-C reaches every process of a terminal; the build alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    if not parent.is_alive():
        # Killed while this worker began: nothing may be written any more.
        os._exit(1)
    _keep_memory()
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _keep_memory() -> None:
    """Has the arrays of one record lie where those of the record before did.

    Blocks larger than any that was freed before (up to 32 MB) glibc gets from the system, page by page, and
    what is free at the end of its heap it gives back: 300 page faults a record in some processes, and twice
    the time. With blocks smaller than this one it does neither. Elsewhere nothing comes of it.
    """
    np.empty(30 << 20, dtype=np.uint8)


def _end_with(parent: int) -> None:
    """Ends this process when the build is killed: the next build goes on in the same folder."""
    connection.wait([parent])
    os._exit(1)


def _make(make: Task, number: int) -> None:
    shared = _shared
    assert shared is not None

    def advance(records: int) -> None:
        with shared.done.get_lock():
            shared.done.value += records
        if shared.stop.is_set():
            raise _Stopped

    make(shared.job, number, advance)
