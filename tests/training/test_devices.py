"""A training of two processes through the command line gives the results of one with the joined batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from melp.data.store import Store
from melp.hub import load
from melp.training.callbacks import LOG

STEPS = 6
# Without dropout, whose random numbers belong to a process.
OPTIONS = [
    "training.accelerator=cpu",
    f"training.max_steps={STEPS}",
    "training.validate_every=3",
    "stage1.training.accelerator=cpu",
    "stage1.training.max_steps=3",
    "stage1.model.dropout=0",
]
ONE, TWO = ["training.batch_size=16"], ["training.batch_size=8", "training.devices=2"]
# torch's launcher, which numbers the processes in RANK.
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def train(store: Path, out: Path, options: list[str], launcher: list[str], script: Path, method: str) -> str:
    """Pretrain `method` and return what is printed."""
    script.write_text("from melp.cli import main\nmain()\n")
    words = ["pretrain", method, "--data", str(store), "--out", str(out), "--recipe", f"{method}/tiny"]
    process = subprocess.run(
        [*(launcher or [sys.executable]), str(script), *words, *OPTIONS, *options],
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def scalars(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / LOG).read_text().splitlines()]


@pytest.fixture(scope="module")
def one(synthetic_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    train(synthetic_store, folder / "run", ONE, [], folder / "script.py", "melp")
    return folder / "run"


def assert_same_results(run: Path, expected: Path, store: Path) -> None:
    lines, wanted = scalars(run), scalars(expected)
    assert [line["step"] for line in lines] == [line["step"] for line in wanted]
    for line, other in zip(lines, wanted, strict=True):
        assert line == pytest.approx(other, rel=2e-4), f"step {line['step']}"
    records, others = (pd.read_parquet(each / "records.parquet") for each in (run, expected))
    pd.testing.assert_frame_equal(records, others)
    models, signals = [load(each) for each in (run, expected)], Store(store).signals(range(20))
    with torch.no_grad():
        embeddings = [model.method.embed(model.inputs(signals, 100)) for model in models]
    torch.testing.assert_close(*embeddings, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "launcher", [[], pytest.param(TORCHRUN, marks=pytest.mark.slow)], ids=["devices", "torchrun"]
)
def test_two_processes_give_the_results_of_one(
    synthetic_store: Path, one: Path, tmp_path: Path, launcher: list[str]
) -> None:
    out = tmp_path / "run"
    printed = train(synthetic_store, out, TWO, launcher, tmp_path / "script.py", "melp")
    assert printed.count("melp pretrained") == 1
    assert_same_results(out, one, synthetic_store)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "script.py"]
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in one.iterdir())


@pytest.mark.slow
def test_both_stages_in_two_processes(synthetic_store: Path, tmp_path: Path) -> None:
    training = "{batch_size: 8, devices: 2, max_steps: 3, precision: fp32, accelerator: cpu}"
    out, options = tmp_path / "run", [*TWO, f"stages.codebook.training={training}"]
    train(synthetic_store, out, options, [], tmp_path / "script.py", "heartlang")
    assert [max(line["step"] for line in scalars(run)) for run in (out / "codebook", out)] == [3, STEPS]
