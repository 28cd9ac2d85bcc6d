"""The shards of a build, made one after another or by several processes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import Array, c_longlong
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from types import FrameType

import numpy as np

from melp.data.build.shards import Job, finished_shard, texts_part, write_shard, write_texts
from melp.errors import MelpError

Advance = Callable[[int], object]
"""Called with the number of records done since the last call."""

Task = Callable[[Job, int, Advance], None]

_SECONDS = 0.2  # between two looks at what the workers have done


class WorkerLostError(Exception):
    """A worker ended in the middle of its work: it was killed, for want of memory perhaps."""


def run(job: Job, shards: int, texts: int, workers: int, advance: Advance) -> None:
    """Makes the shards 0 to `shards` and the chunks 0 to `texts` of reports that are not there yet.

    Raises:
        MelpError: `job.strict` and a record is bad: the first one of the listing.
        WorkerLostError: a worker was killed.
    """
    tasks = _tasks(shards, texts)
    if workers == 1 or len(tasks) < 2:
        _keep_memory()
        for make, number in tasks:
            make(job, number, advance)
        return
    context = multiprocessing.get_context("spawn")  # a fork of a process with torch's threads may hang
    count = min(workers, len(tasks))
    shared = _Shared(job, shards, texts, context.Value(c_longlong, 0), context.RawArray(c_longlong, count))
    pipes = [context.Pipe(duplex=False) for _ in range(count)]
    processes = [
        context.Process(target=_work, args=(shared, place, sender)) for place, (_, sender) in enumerate(pipes)
    ]
    try:
        with _without_interrupts():
            for process in processes:
                process.start()
        _follow({process.sentinel: process for process in processes}, shared, advance)
    finally:
        for process in processes:
            if process.pid is not None:
                process.terminate()
                process.join()
    errors = [receiver.recv() for receiver, _ in pipes if receiver.poll()]
    if errors:
        raise min(errors, key=lambda error: error[0])[1]


def _tasks(shards: int, texts: int) -> list[tuple[Task, int]]:
    return [
        *((_write_shard, number) for number in range(shards)),
        *((_write_texts, number) for number in range(texts)),
    ]


def _write_shard(job: Job, number: int, advance: Advance) -> None:
    """Writes shard `number` where it is not whole yet.

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


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keeps Python from looking for cycles of objects: a record makes none, and the looking takes 5 %."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _write_texts(job: Job, number: int, advance: Advance) -> None:
    """Writes chunk `number` of the reports without recording where it is not there yet."""
    if not texts_part(job.folder, number).is_file():
        write_texts(job, number, advance)


@dataclass(frozen=True)
class _Shared:
    """What a build and its workers share.

    Attributes:
        job, shards, texts: what there is to do.
        next: the next task.
        done: records done, by worker; without a lock, which a killed worker would keep.
    """

    job: Job
    shards: int
    texts: int
    next: Synchronized[int]
    done: Array[c_longlong]


def _follow(
    running: dict[int, multiprocessing.context.SpawnProcess], shared: _Shared, advance: Advance
) -> None:
    """Waits for the workers and tells what they have done."""
    shown = 0
    while running:
        for sentinel in connection.wait(list(running), timeout=_SECONDS):
            process = running.pop(int(sentinel))  # type: ignore[arg-type]
            process.join()
            if process.exitcode:
                raise WorkerLostError(f"exit code {process.exitcode}")
        done = sum(shared.done)
        advance(done - shown)
        shown = done


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Keeps Ctrl-C waiting: a process that begins here inherits that, as it cannot ignore it yet."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    met: list[tuple[int, FrameType | None]] = []
    # What is blocked in this thread alone may still come by another one.
    usual = signal.signal(signal.SIGINT, lambda number, frame: met.append((number, frame)))
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        signal.signal(signal.SIGINT, usual)
        if met and callable(usual):
            usual(*met[0])


def _work(shared: _Shared, place: int, errors: Connection) -> None:
    """The life of a worker: one task after another, until none is left or one fails."""
    # Ctrl-C reaches every process of a terminal; the build alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    if not parent.is_alive():
        return  # killed while this worker began: nothing may be written any more
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _keep_memory()

    def advance(records: int) -> None:
        shared.done[place] += records

    tasks = _tasks(shared.shards, shared.texts)
    while (number := _take(shared.next)) < len(tasks):
        make, part = tasks[number]
        try:
            make(shared.job, part, advance)
        except Exception as error:
            # Tasks before this one are done or under way: the first error of all is among theirs and this.
            shared.next.value = len(tasks)
            if not isinstance(error, MelpError):
                error.add_note(traceback.format_exc())
            errors.send((number, error))
            return


def _take(counter: Synchronized[int]) -> int:
    with counter.get_lock():
        counter.value += 1
        return counter.value - 1


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
