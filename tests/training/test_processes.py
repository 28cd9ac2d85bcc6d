"""The start of a training with several processes: the first writes, and the others wait."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from melp.errors import MelpError
from melp.locks import locked
from melp.training import processes
from melp.training.processes import check_processes, is_first, wait_for_first
from melp.training.run_folder import CHECKPOINT, RECIPE, train_once
from small_processes import holder, together

VARIABLES = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "WORLD_SIZE", "SLURM_PROCID")
RANKS = 4
# Starts trainings one after another, each at the same moment as the other processes.
STARTS = """
import sys, time
from pathlib import Path
from melp.errors import MelpError
from melp.training.processes import is_first
from melp.training.run_folder import train_once

rank, folder, starts, ranks = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])

def meet(name):
    (folder / f"{name}-{rank}").touch()
    while len(list(folder.glob(f"{name}-*"))) < ranks:
        time.sleep(0.001)

for number in range(starts):
    out, trained = folder / f"run{number}", []

    def train():
        meet(f"training{number}")  # returns only if all processes train
        trained.append(rank)
        if number % 2 and is_first():
            raise MelpError("the first process fails")

    meet(f"start{number}")
    try:
        train_once(out, {"values": list(range(3000))}, ranks, train)
    except MelpError as error:
        assert "the first process fails" in str(error), error
    assert trained == [rank]
    meet(f"end{number}")
    assert out.exists() == (number % 2 == 0)
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("starts", [5, pytest.param(100, marks=pytest.mark.slow)])
def test_starts_of_four_processes(tmp_path: Path, starts: int) -> None:
    arguments = [[str(rank), str(tmp_path), str(starts), str(RANKS)] for rank in range(RANKS)]
    together(STARTS, arguments, [{"RANK": str(rank), "WORLD_SIZE": str(RANKS)} for rank in range(RANKS)])
    runs = sorted(path for path in tmp_path.iterdir() if path.is_dir())
    assert [path.name for path in runs] == sorted(f"run{number}" for number in range(0, starts, 2))
    for run in runs:
        assert [path.name for path in run.iterdir()] == [RECIPE]
        assert json.loads((run / RECIPE).read_text()) == {"values": list(range(3000))}
    assert not list(tmp_path.glob("*.lock"))


@pytest.mark.parametrize(
    ("environment", "first"),
    [
        ("", True),
        ("RANK=0 LOCAL_RANK=0", True),
        ("RANK=4 LOCAL_RANK=0", False),  # torchrun, the second machine
        ("RANK=1 LOCAL_RANK=1", False),
        ("LOCAL_RANK=0 NODE_RANK=0", True),  # Lightning
        ("LOCAL_RANK=1 NODE_RANK=0", False),
        ("LOCAL_RANK=0 NODE_RANK=1", False),
        ("NODE_RANK=1", False),  # before Lightning has started the other processes of the second machine
        ("GROUP_RANK=1", False),
        ("SLURM_PROCID=0", True),
        ("SLURM_PROCID=3", False),
        ("SLURM_PROCID=0 LOCAL_RANK=1", False),  # started by Lightning in a job of one task
    ],
)
def test_the_first_process_is_known_from_the_environment(
    environment: str, first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for word in environment.split():
        monkeypatch.setenv(*word.split("="))
    assert is_first() == first


def test_a_training_of_one_process_refuses_several(monkeypatch: pytest.MonkeyPatch) -> None:
    check_processes(1)
    monkeypatch.setenv("WORLD_SIZE", "4")  # without RANK: set by Lightning
    check_processes(1)
    monkeypatch.setenv("RANK", "0")
    check_processes(4)
    with pytest.raises(MelpError, match="1 process found, wanted the 4 that were started"):
        check_processes(1)
    monkeypatch.delenv("RANK")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    with pytest.raises(MelpError, match="wanted the 2 that were started"):
        check_processes(1)


def test_the_others_wait_as_long_as_the_first_process_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_SECONDS", 0.5)
    file = tmp_path / "run" / "done"
    with pytest.raises(MelpError, match="no training found, wanted that of the first process"):
        wait_for_first(file.exists, file.parent)
    with holder(file.parent):
        start = time.monotonic()
        threading.Timer(1.5, lambda: (file.parent.mkdir(), file.touch())).start()
        wait_for_first(file.exists, file.parent)
        assert time.monotonic() - start > 1.4


def test_a_part_of_one_process_is_trained_by_the_first_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, settings = tmp_path / "text", {"a": 1}
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr("melp.training.run_folder.is_finished", lambda folder: (folder / "end").exists())
    out.mkdir()
    (out / RECIPE).write_text(json.dumps(settings))
    threading.Timer(0.5, (out / "end").touch).start()
    train_once(out, settings, 1, lambda: pytest.fail("two processes train"))
    assert (out / "end").exists()


def test_another_training_in_the_folder_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with holder(out), pytest.raises(MelpError, match="run: another training is running"):
        train_once(out, {}, 1, lambda: pytest.fail("two trainings in one folder"))
    assert not out.exists()
    train_once(out, {}, 1, lambda: None)
    assert [path.name for path in out.iterdir()] == [RECIPE]


@pytest.mark.parametrize("kept", [True, False])
def test_a_new_folder_is_removed_if_the_training_fails_before_its_first_checkpoint(
    tmp_path: Path, kept: bool
) -> None:
    out = tmp_path / "run"

    def fail() -> None:
        if kept:
            (out / CHECKPOINT).touch()
        raise MelpError("no")

    with pytest.raises(MelpError, match="no"):
        train_once(out, {}, 1, fail)
    assert out.exists() == kept
    with locked(out, "training"):
        pass
