"""Builds by several processes, and builds that are killed and resumed."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import melp.data.build
from melp.data.build import build
from melp.data.store import Store
from melp.errors import MelpError
from small_ptb_xl import make_tree

COMMAND = """
import sys
from pathlib import Path
import melp.data.build as building
from melp.cli import main

building.RECORDS = 4
if __name__ == "__main__":
    sys.argv[0] = "melp"
    main()
"""

# Kills a build with SIGKILL at each n-th file operation and resumes it.
EVERY_MOMENT = """
import os, signal, sys
from pathlib import Path
import melp.data.build as building
import pyarrow.parquet

building.RECORDS = 3
raw, out, step = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir"}


def build(moment):
    seen = 0

    def watch(event, details):
        nonlocal seen
        changes = event in CHANGES or (event == "open" and details[2] & (os.O_WRONLY | os.O_RDWR))
        if changes and str(out) in str(details[0]):
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    building.build("ptb-xl", raw, out, allow_missing=True)


def child(moment):
    process = os.fork()
    if not process:
        status = 1
        try:
            build(moment)
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(process, 0)[1]


moment = 0
while True:
    moment += step
    status = child(moment)
    assert status in (0, signal.SIGKILL), status
    if not status:
        break
    assert child(0) == 0, moment
    out.rename(out.with_name(f"{moment:04d}"))
"""


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(melp.data.build, "RECORDS", 4)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """22 recordings, two of them bad, and eight missing ones: six shards, two chunks of texts."""
    raw = make_tree(tmp_path_factory.mktemp("tree"), 22, listed=30)
    for number in (7, 18):
        (raw / f"records500/00000/{number:05d}_hr.dat").write_bytes(b"x" * 24 * number)
    return raw


@pytest.fixture(scope="module")
def whole(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(melp.data.build, "RECORDS", 4)
        build("ptb-xl", tree, out, allow_missing=True)
    return contents(out)


@pytest.fixture
def command(tree: Path, tmp_path: Path) -> Iterator[list[str]]:
    """The command line of a build by two workers into `tmp_path / "store"`."""
    script = tmp_path / "melp_build.py"
    script.write_text(COMMAND)
    yield [
        sys.executable, str(script), "data", "build", "ptb-xl", "--raw", str(tree),
        "--out", str(tmp_path / "store"), "--allow-missing", "--workers", "2",
    ]  # fmt: skip
    script.unlink()


def contents(store: Path) -> dict[str, bytes]:
    """Return the content of every file except the log, which has dates."""
    files = [file for file in sorted(store.rglob("*")) if file.is_file() and file.name != "build.log"]
    return {str(file.relative_to(store)): file.read_bytes() for file in files}


def wait_for(condition, what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def descendants(process: int) -> list[int]:
    """Return the processes that `process` started, directly or indirectly."""
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [pid for child in map(int, text.split()) for pid in (child, *descendants(child))]


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("workers", [2, 3])
def test_same_bytes_for_any_number_of_workers(
    tree: Path, whole: dict[str, bytes], tmp_path: Path, workers: int
) -> None:
    summary = build("ptb-xl", tree, tmp_path / "store", allow_missing=True, workers=workers)
    assert contents(tmp_path / "store") == whole
    assert summary.records == 20 and summary.dropped == {"truncated": 2} and summary.texts == 6
    assert [record["id"] for record in summary.bad] == ["7", "18"]


def kill_and_resume(
    command: list[str], tree: Path, out: Path, whole: dict[str, bytes], kills: int, seed: int
) -> None:
    """Kill a build at a random time after its first file, resume it, and compare the store."""
    draws = random.Random(seed)
    building = out.with_name("store.building")
    start = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    length = time.monotonic() - start
    assert contents(out) == whole
    interrupted = 0
    for _ in range(kills):
        shutil.rmtree(out)
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: building.exists() or out.exists(), "the build did not start")
        time.sleep(draws.uniform(0, length / 2))
        child.send_signal(signal.SIGKILL)
        interrupted += child.wait() == -signal.SIGKILL and not out.exists()
        build("ptb-xl", tree, out, allow_missing=True, workers=draws.choice([1, 2, 3]))
        assert contents(out) == whole and not building.exists()
    assert interrupted


def test_killed_builds_with_workers_resume_to_the_same_bytes(
    command: list[str], tree: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    kill_and_resume(command, tree, tmp_path / "store", whole, kills=3, seed=0)


@pytest.mark.slow
def test_killed_at_twenty_random_times(
    command: list[str], tree: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    kill_and_resume(command, tree, tmp_path / "store", whole, kills=20, seed=1)


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 6])
def test_killed_at_every_file_operation(tmp_path: Path, step: int) -> None:
    raw = make_tree(tmp_path / "raw", 5, listed=8)
    (raw / "records500/00000/00004_hr.dat").write_bytes(b"")
    script = tmp_path / "every_moment.py"
    script.write_text(EVERY_MOMENT)
    out = tmp_path / "stores" / "store"
    out.parent.mkdir()
    subprocess.run([sys.executable, str(script), str(raw), str(out), str(step)], check=True, timeout=300)
    expected = contents(out)
    stores = sorted(out.parent.iterdir())[:-1]
    assert len(stores) > 25 // step and len(expected) == 7
    assert all(contents(store) == expected for store in stores)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_no_worker_outlives_a_killed_build(command: list[str], tmp_path: Path) -> None:
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    parts = tmp_path / "store.building" / "parts"
    wait_for(lambda: list(parts.glob("*.json")), "no shard was written")
    workers_started = descendants(child.pid)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert len(workers_started) >= 2
    wait_for(lambda: not any(map(alive, workers_started)), "a worker is still running", seconds=20)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_ctrl_c_stops_a_build_and_its_workers_silently(
    command: list[str], tree: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    # Three: two workers and the resource tracker of multiprocessing.
    wait_for(lambda: len(descendants(child.pid)) == 3, "no worker started")
    workers_started = descendants(child.pid)
    os.killpg(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130 and out == ""
    assert "Traceback" not in err and "Error" not in err
    wait_for(lambda: not any(map(alive, workers_started)), "a worker is still running", seconds=20)
    build("ptb-xl", tree, tmp_path / "store", allow_missing=True)
    assert contents(tmp_path / "store") == whole


def test_a_killed_worker_stops_the_build_and_finished_shards_are_kept(
    tree: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    out, parts = tmp_path / "store", tmp_path / "store.building" / "parts"

    def kill_one() -> None:
        wait_for(lambda: multiprocessing.active_children(), "no worker started")
        wait_for(lambda: parts.exists(), "the build did not start")
        child = multiprocessing.active_children()[0]
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    with pytest.raises(MelpError, match=r"a worker was killed .*run the same command to continue"):
        build("ptb-xl", tree, out, allow_missing=True, workers=2)
    killer.join()
    assert parts.exists() and not out.exists()
    build("ptb-xl", tree, out, allow_missing=True, workers=2)
    assert contents(out) == whole


@pytest.mark.parametrize("workers", [1, 3])
def test_strict_raises_the_error_of_the_first_bad_record(tree: Path, tmp_path: Path, workers: int) -> None:
    with pytest.raises(MelpError, match=r"00007_hr.dat: 7 samples, the header says 5000"):
        build("ptb-xl", tree, tmp_path / "store", allow_missing=True, strict=True, workers=workers)
    assert list(tmp_path.iterdir()) == []


def test_progress_bar_counts_the_records(command: list[str], tmp_path: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "listing" in done.stderr and "30/?" in done.stderr
    assert "reading" in done.stderr and "28/28" in done.stderr  # 22 recordings and 6 reports
    assert len(Store(tmp_path / "store")) == 20


def test_strict_checks_the_shards_of_an_earlier_build(tree: Path, tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(melp.data.build, "finish", interrupt)
        build("ptb-xl", tree, tmp_path / "store", allow_missing=True)
    assert len(list((tmp_path / "store.building/parts").glob("?????.json"))) == 6
    with pytest.raises(MelpError, match=r"00007_hr.dat: 7 samples, the header says 5000"):
        build("ptb-xl", tree, tmp_path / "store", allow_missing=True, strict=True)
    assert list(tmp_path.iterdir()) == []
