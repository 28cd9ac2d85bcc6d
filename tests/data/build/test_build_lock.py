"""Two builds of one store: the second is refused, unless the first was killed."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from melp.data.build import build
from melp.data.store import verify
from melp.errors import MelpError
from small_processes import started

# A build that says when it is about to write its shards, and then waits for a line.
SLOW = """
import sys
from pathlib import Path
import melp.data.build as module

write = module._write

def wait(*arguments):
    print("writing", flush=True)
    sys.stdin.readline()
    write(*arguments)

module._write = wait
module.build("synthetic", None, Path(sys.argv[1]), rate=100, records=8)
"""


def build_small(out: Path) -> dict[str, bytes]:
    """Build the same store as `SLOW` and return its files that have no date."""
    build("synthetic", None, out, rate=100, records=8)
    return read(out)


def read(out: Path) -> dict[str, bytes]:
    files = [file for file in out.rglob("*") if file.is_file() and file.suffix != ".log"]
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


def test_the_second_build_is_refused_and_the_first_is_complete(tmp_path: Path) -> None:
    out = tmp_path / "store"
    with started(SLOW, [str(out)]) as first:
        assert first.stdout is not None and first.stdout.readline() == "writing\n"
        with pytest.raises(MelpError, match=rf"store: another build is running \(process {first.pid} on "):
            build_small(out)
        first.communicate("go\n", timeout=300)
        assert first.returncode == 0
    assert not verify(out) and [path.name for path in tmp_path.iterdir()] == ["store"]
    assert read(out) == build_small(tmp_path / "alone")


def test_the_lock_of_a_killed_build_does_not_block_the_next_one(tmp_path: Path) -> None:
    out = tmp_path / "store"
    with started(SLOW, [str(out)]) as first:
        assert first.stdout is not None and first.stdout.readline() == "writing\n"
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store.building", "store.lock"]
    assert build_small(out) == build_small(tmp_path / "alone")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "store"]


def test_a_store_that_exists_is_read_without_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "store"
    build_small(out)

    def fail(*_: object) -> None:
        pytest.fail("a lock of a store that is only read")

    monkeypatch.setattr("melp.data.build.locked", fail)
    assert not build("synthetic", None, out, rate=100, records=8).built
