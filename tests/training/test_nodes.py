"""One training on two machines, simulated by two processes: no record is used twice."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from melp.data.batches import Steps

RECORDS, BATCH, STEPS = 22, 4, 5
# The script that torchrun starts on each machine.
SCRIPT = """
import json, os, sys
from pathlib import Path
import torch
from torch import nn
from melp.training.config import OptimiserConfig, TrainingConfig
from melp.training.fit import fit, step_counts
from melp.training.module import PretrainingModule

folder, seen = Path(sys.argv[1]), []

class Records(torch.utils.data.Dataset):
    def __len__(self):
        return {records}
    def __getitems__(self, samples):
        rows, keys = zip(*samples)
        return {{"row": torch.tensor(rows), "key": torch.tensor(keys)}}

class Mean(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(1))
    def forward(self, batch):
        seen.append(batch["row"].tolist())
        return {{"loss": (self.mean - batch["row"].float()).square().mean()}}

config = TrainingConfig(
    max_steps={steps}, batch_size={batch}, nodes=2, seed=3, accelerator="cpu", precision="fp32", workers=1
)
assert step_counts({records}, config) == ({steps}, 2)
method = Mean()
module = PretrainingModule(method, OptimiserConfig(lr=0.1), {steps}, config.seed)
fit(module, Records(), None, config, folder, lambda: None, "nodes", progress=False)
rank = os.environ["RANK"]
(folder / f"seen-{{rank}}").write_text(json.dumps([seen, float(method.mean.detach())]))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_two_machines_share_every_batch(tmp_path: Path) -> None:
    common = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": "2",
        "LOCAL_RANK": "0",
        "LOCAL_WORLD_SIZE": "1",
        "GROUP_WORLD_SIZE": "2",
        "TORCHELASTIC_RUN_ID": "none",
    }
    script = SCRIPT.format(records=RECORDS, steps=STEPS, batch=BATCH)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            env=os.environ | common | {"RANK": str(rank), "GROUP_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    result = [json.loads((tmp_path / f"seen-{rank}").read_text()) for rank in range(2)]
    (first, mean), (second, other) = result
    batches = [[row for row, _ in step] for step in Steps(RECORDS, 2 * BATCH, 3, STEPS)]
    assert [one + two for one, two in zip(first, second, strict=True)] == batches
    assert mean == pytest.approx(other) and mean != 0
