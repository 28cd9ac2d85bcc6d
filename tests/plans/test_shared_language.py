"""Runs with the same stage 1 share it, and have the weights that each would have alone."""

from __future__ import annotations

from pathlib import Path

import yaml

from melp.data.store import Store
from melp.plans import bench, read_plan
from melp.recipes import load_recipe
from melp.training.pretrain import pretrain

OPTIONS = ["training.max_steps=1", "stage1.training.max_steps=2"]


def test_stage_1_is_trained_once_for_each_seed(synthetic_store: Path, tmp_path: Path) -> None:
    plan = {
        "stores": {"s": str(synthetic_store)},
        "model": {"method": "melp", "recipe": "tiny", "store": "s", "seeds": [0, 1], "options": OPTIONS},
        "models": {"all": {}, "global": {"options": ["method.caption_weight=0"]}},
        "evaluations": {"knn": {"kind": "knn", "store": "s", "tasks": ["synthetic"]}},
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    out = tmp_path / "out"
    bench(read_plan(tmp_path / "plan.yaml"), out)
    assert len(list((out / "language").glob("*/model.safetensors"))) == 2
    assert not list(out.glob("runs/*/text"))
    alone = load_recipe("melp", "melp/tiny", [*OPTIONS, "training.seed=1", "stage1.training.seed=1"])
    pretrain("melp", Store(synthetic_store), alone, tmp_path / "alone", progress=False)
    shared = (out / "runs/all-1/model.safetensors").read_bytes()
    assert shared == (tmp_path / "alone/model.safetensors").read_bytes()
