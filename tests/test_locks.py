"""Locks between processes."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from melp.errors import MelpError
from melp.locks import is_locked, locked
from small_processes import holder, together

COUNT = """
import sys
from pathlib import Path
from melp.locks import locked
file = Path(sys.argv[1])
for _ in range(50):
    with locked(file):
        file.write_text(str(int(file.read_text()) + 1))
"""


def test_the_holder_is_named_and_its_lock_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "store"
    assert not is_locked(path)
    with holder(path) as process:
        assert is_locked(path)
        with pytest.raises(MelpError) as caught, locked(path, "build"):
            pytest.fail("two processes hold the lock")
        who = f"process {process.pid} on {socket.gethostname()}"
        assert str(caught.value).startswith(f"{path}: another build is running ({who}); wait")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert [file.name for file in tmp_path.iterdir()] == ["store.lock"]
        with locked(path, "build"):
            assert is_locked(path)
    assert not is_locked(path) and not list(tmp_path.iterdir())


def test_a_folder_has_one_lock_however_its_path_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    with locked(Path(), "training"):
        assert is_locked(tmp_path / "run") and is_locked(Path("..", "run"))


def test_processes_that_wait_lose_no_update(tmp_path: Path) -> None:
    file = tmp_path / "count"
    file.write_text("0")
    together(COUNT, [[str(file)]] * 4)
    assert file.read_text() == "200"
    assert [path.name for path in tmp_path.iterdir()] == ["count"]
