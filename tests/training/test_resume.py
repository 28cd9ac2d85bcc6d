"""A killed training resumes to the same losses and weights."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from melp.data.store import Store
from melp.errors import MelpError
from melp.hub.folder import WEIGHTS
from melp.recipes import load_recipe
from melp.training.callbacks import LOG
from melp.training.pretrain import pretrain
from melp.training.run_folder import CHECKPOINT

OPTIONS = [
    "training.epochs=6",
    "training.batch_size=16",
    # An epoch has five steps, so most checkpoints are within one.
    "training.validate_every=4",
    "data.statement_sampling=0.5",
    "stage1.training.max_steps=5",
]
# The command line, killed by itself at a given step, independently of the speed of the machine.
KILLED = """
import os, signal, sys
from melp.training.module import PretrainingModule
from melp.cli import main

begin = PretrainingModule.training_step

def training_step(self, batch, batch_idx):
    if "ecg" in self.prepare(batch) and self.step == {step}:
        os.kill(os.getpid(), signal.SIGKILL)
    return begin(self, batch, batch_idx)

PretrainingModule.training_step = training_step
main()
"""


def losses(run: Path) -> dict[int, float]:
    lines = [json.loads(line) for line in (run / LOG).read_text().splitlines()]
    return {line["step"]: line["loss"] for line in lines if "loss" in line}


def test_killed_training_resumes_to_the_same_losses(synthetic_store: Path, tmp_path: Path) -> None:
    recipe = load_recipe("melp", "melp/tiny", OPTIONS)
    store = Store(synthetic_store)
    uninterrupted = losses(pretrain("melp", store, recipe, tmp_path / "whole", progress=False))
    step = random.SystemRandom().randrange(5, len(uninterrupted))
    out = tmp_path / "killed"
    words = ["pretrain", "melp", "--data", str(synthetic_store), "--out", str(out), "--recipe", "melp/tiny"]
    command = [sys.executable, "-c", KILLED.format(step=step), *words, *OPTIONS]
    process = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert process.returncode == -signal.SIGKILL, process.stderr
    saved = torch.load(out / CHECKPOINT, weights_only=True)["step"]
    assert step - 4 <= saved <= step and max(losses(out), default=0) <= step, f"killed at step {step}"
    pretrain("melp", store, recipe, out, progress=False)
    resumed = losses(out)
    assert sorted(resumed) == sorted(uninterrupted) == list(range(1, 31))
    for number, loss in uninterrupted.items():
        assert resumed[number] == pytest.approx(loss, rel=1e-6), f"step {number}, killed at step {step}"
    first, second = (load_file(tmp_path / name / WEIGHTS) for name in ("whole", "killed"))
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=1e-5, atol=1e-6)


def test_a_finished_training_is_not_repeated(tiny_run: Path, synthetic_store: Path) -> None:
    before = (tiny_run / WEIGHTS).stat().st_mtime_ns
    recipe = load_recipe("melp", "melp/tiny", ["training.epochs=1", "stage1.training.max_steps=5"])
    pretrain("melp", Store(synthetic_store), recipe, tiny_run, progress=False)
    assert (tiny_run / WEIGHTS).stat().st_mtime_ns == before


def test_other_settings_are_refused(tiny_run: Path, synthetic_store: Path) -> None:
    recipe = load_recipe("melp", "melp/tiny", ["training.epochs=2", "stage1.training.max_steps=5"])
    with pytest.raises(MelpError, match=r"another training\.epochs"):
        pretrain("melp", Store(synthetic_store), recipe, tiny_run, progress=False)


def test_a_folder_with_other_files_is_refused(synthetic_store: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(MelpError, match="not empty"):
        pretrain("melp", Store(synthetic_store), load_recipe("melp", "melp/tiny"), tmp_path, progress=False)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
