"""Write the shards of a build, in this process or in several."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from ctypes import Array, c_longlong
from multiprocessing import connection
from types import FrameType

import numpy as np

from melp.data.build.shards import Job, finished_shard, texts_part, write_shard, write_texts
from melp.errors import MelpError

Advance = Callable[[int], object]
"""Called with the number of records read since the last call."""

Write = Callable[[Job, int, Advance], None]

_SECONDS = 0.2  # between two updates of the progress

_done: Array[c_longlong]
"""In a worker: the records read, by task."""


def run(job: Job, shards: int, texts: int, workers: int, advance: Advance) -> None:
    """Write `shards` shards and `texts` chunks of reports without recording; skip those that are complete.

    Raises:
        MelpError: `job.strict` and a record is bad; the error is that of the first bad record of the listing.
        BrokenProcessPool: a worker was killed.
    """
    tasks: list[tuple[Write, int]] = [(_write_shard, number) for number in range(shards)]
    tasks += [(_write_texts, number) for number in range(texts)]
    if workers == 1 or len(tasks) < 2:
        _keep_memory()
        for write, number in tasks:
            write(job, number, advance)
        return
    context = multiprocessing.get_context("spawn")  # a fork of a process with torch's threads may deadlock
    # A slot for each task needs no lock, which a killed worker would never release.
    done = context.RawArray(c_longlong, len(tasks))
    receiver, sender = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(min(workers, len(tasks)), context, _start, (receiver, done))
    # `sender` is closed first: the workers exit at once, even if this process fails or is interrupted.
    with executor, receiver, sender:
        with _delayed_interrupts():
            futures = [executor.submit(_run, place, *task, job) for place, task in enumerate(tasks)]
        _wait(futures, done, advance)


def _wait(futures: list[Future[None]], done: Array[c_longlong], advance: Advance) -> None:
    """Wait for the tasks in their order, report progress, and raise the first error."""
    shown = 0
    for future in futures:
        running = True
        while running:
            running = bool(wait([future], _SECONDS).not_done)
            total = sum(done)
            advance(total - shown)
            shown = total
        future.result()


def _start(receiver: connection.Connection, done: Array[c_longlong]) -> None:
    """Set up a worker process."""
    global _done
    _done = done
    # Ctrl-C reaches every process of a terminal; only the build handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if connection.wait([receiver], timeout=0):
        os._exit(1)  # the build ended while this worker started
    threading.Thread(target=_exit_with_build, args=(receiver,), daemon=True).start()
    _keep_memory()


def _exit_with_build(receiver: connection.Connection) -> None:
    """Exit when the build closes its end of the pipe or is killed: another build may use the folder."""
    connection.wait([receiver])
    os._exit(1)


def _run(place: int, write: Write, number: int, job: Job) -> None:
    """Run a task in a worker."""

    def advance(records: int) -> None:
        _done[place] += records

    write(job, number, advance)


@contextmanager
def _delayed_interrupts() -> Iterator[None]:
    """Delay Ctrl-C to the end of the block; processes that start in it inherit SIGINT blocked."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    interrupts: list[tuple[int, FrameType | None]] = []
    # The mask applies to this thread only; another thread may still receive the signal.
    handler = signal.signal(signal.SIGINT, lambda number, frame: interrupts.append((number, frame)))
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        signal.signal(signal.SIGINT, handler)
        if interrupts and callable(handler):
            handler(*interrupts[0])


def _write_shard(job: Job, number: int, advance: Advance) -> None:
    """Write shard `number` unless it is complete.

    Raises:
        MelpError: `job.strict` and a record is bad.
    """
    finished = finished_shard(job, number)
    if finished is None:
        with _without_collector():
            write_shard(job, number, advance)
        return
    bad = [record["detail"] for record in finished["dropped"] if record["detail"]]
    if job.strict and bad:
        raise MelpError(bad[0])
    advance(finished["records"] + len(finished["dropped"]))


def _write_texts(job: Job, number: int, advance: Advance) -> None:
    """Write chunk `number` of the reports without recording unless it exists."""
    if not texts_part(job.folder, number).is_file():
        write_texts(job, number, advance)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Disable the garbage collector: records create no reference cycles, and looking for them takes 5 %."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _keep_memory() -> None:
    """Make glibc reuse the memory of one record's arrays for the next record.

    By default glibc maps a block larger than any block freed so far (up to 32 MB) afresh, page by page, and
    returns free memory at the end of its heap to the system: in some processes 300 page faults a record and
    twice the time. After a block of 30 MB is freed it does neither for smaller ones. No effect on other
    systems.
    """
    np.empty(30 << 20, dtype=np.uint8)
