"""The processes that train together, before they are connected: the first writes, and the others wait for it.

torchrun, SLURM and Lightning number the processes in environment variables.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from melp.errors import MelpError
from melp.locks import is_locked

_SECONDS = 600.0
"""How long the first process may take to start."""
_PAUSES = (0.01, 1.0)
"""Seconds between two looks at the work of the first process: the first pause, and the longest."""


def is_first() -> bool:
    """Return whether this process is the first of those that train together, which writes the files."""
    if "RANK" in os.environ:  # torchrun
        return os.environ["RANK"] == "0"
    # Before SLURM's number, which the processes that Lightning starts inherit from the one that starts them.
    if "LOCAL_RANK" not in os.environ and "SLURM_PROCID" in os.environ:
        return os.environ["SLURM_PROCID"] == "0"
    node = os.environ.get("NODE_RANK", os.environ.get("GROUP_RANK", "0"))
    return node == "0" and os.environ.get("LOCAL_RANK", "0") == "0"


def takes_part(ranks: int) -> bool:
    """Return whether this process trains: of a training with one rank, only the first process."""
    return ranks > 1 or is_first()


def check_processes(ranks: int) -> None:
    """Check that a training has all processes that were started for it.

    Raises:
        MelpError: torchrun or SLURM has started several, and the training is for one.
    """
    started = os.environ.get("WORLD_SIZE" if "RANK" in os.environ else "SLURM_STEP_NUM_TASKS", "1")
    if ranks == 1 and started != "1":
        raise MelpError(
            f"training.devices, training.nodes: 1 process found, wanted the {started} that were started"
        )


def wait_for_first(done: Callable[[], bool], folder: Path) -> None:
    """Wait until the first process has done something in the folder of a training, whose lock it holds.

    Raises:
        MelpError: it has not done it, and has not held the lock for ten minutes.
    """
    alive, pause = time.monotonic(), _PAUSES[0]
    while not done():
        if is_locked(folder):
            alive = time.monotonic()
        elif time.monotonic() - alive > _SECONDS:
            raise MelpError(f"{folder}: no training found, wanted that of the first process")
        time.sleep(pause)
        pause = min(1.5 * pause, _PAUSES[1])
