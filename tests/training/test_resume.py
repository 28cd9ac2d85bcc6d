"""A killed training goes on as if it had not been killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from melp.data.store import Store
from melp.errors import MelpError
from melp.hub.folder import WEIGHTS
from melp.recipes import load_recipe
from melp.training.callbacks import CHECKPOINT, LOG
from melp.training.pretrain import pretrain

OPTIONS = [
    "training.epochs=6",
    "training.batch_size=16",
    # Six steps make an epoch: most checkpoints lie in the middle of one.
    "training.validate_every=4",
    "data.statement_sampling=0.5",
    "stage1.training.max_steps=5",
]


def losses(run: Path) -> dict[int, float]:
    lines = [json.loads(line) for line in (run / LOG).read_text().splitlines()]
    return {line["step"]: line["loss"] for line in lines if "loss" in line}


def command(store: Path, out: Path) -> list[str]:
    return [
        sys.executable, "-c", "from melp.cli import main; main()",
        "pretrain", "melp", "--data", str(store), "--out", str(out), "--recipe", "melp/tiny", *OPTIONS,
    ]  # fmt: skip


def test_killed_training_resumes_to_the_same_losses(synthetic_store: Path, tmp_path: Path) -> None:
    recipe = load_recipe("melp", "melp/tiny", OPTIONS)
    whole = losses(pretrain("melp", Store(synthetic_store), recipe, tmp_path / "whole", progress=False))
    out = tmp_path / "killed"
    process = subprocess.Popen(
        command(synthetic_store, out), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    while not (out / CHECKPOINT).exists() and process.poll() is None:
        time.sleep(0.02)
    time.sleep(random.Random(os.getpid()).random() * 0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = losses(out)
    subprocess.run(command(synthetic_store, out), check=True, capture_output=True)
    resumed = losses(out)
    assert len(whole) == 36
    assert len(done) < 36, "killed too late to show anything"
    assert resumed.keys() == whole.keys()
    assert [resumed[step] for step in sorted(resumed)] == pytest.approx(
        [whole[step] for step in sorted(whole)], rel=1e-6
    )


def test_finished_training_is_left_alone(tiny_run: Path, synthetic_store: Path) -> None:
    before = (tiny_run / WEIGHTS).stat().st_mtime_ns
    recipe = load_recipe("melp", "melp/tiny", ["training.epochs=1", "stage1.training.max_steps=5"])
    pretrain("melp", Store(synthetic_store), recipe, tiny_run, progress=False)
    assert (tiny_run / WEIGHTS).stat().st_mtime_ns == before


def test_other_settings_are_refused(tiny_run: Path, synthetic_store: Path) -> None:
    recipe = load_recipe("melp", "melp/tiny", ["training.epochs=2", "stage1.training.max_steps=5"])
    with pytest.raises(MelpError, match=r"another training\.epochs"):
        pretrain("melp", Store(synthetic_store), recipe, tiny_run, progress=False)


def test_foreign_folder_is_refused(synthetic_store: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(MelpError, match="not empty"):
        pretrain("melp", Store(synthetic_store), load_recipe("melp", "melp/tiny"), tmp_path, progress=False)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
