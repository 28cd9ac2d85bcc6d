"""A method with several stages, each a training that starts with the weights of the previous one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from melp.data.store import Store
from melp.errors import MelpError
from melp.hub import load
from melp.hub.folder import WEIGHTS
from melp.methods._base import Batch, EncoderConfig, Inputs, Method, progress
from melp.recipes import load_recipe
from melp.training.callbacks import LOG
from melp.training.pretrain import pretrain
from melp.training.recipe import Recipe
from melp.training.run_folder import RECIPE

SMALL = ["method.encoder=resnet18_narrow", "method.encoder_options={widths: [4], blocks: [1], strides: [4]}"]
OPTIONS = [
    *SMALL,
    "preprocessing={rate: 100, scaling: millivolt}",
    "training={batch_size: 16, precision: fp32, max_steps: 4, validate_every: 2}",
    "stages.codes.training={batch_size: 32, precision: fp32, max_steps: 3}",
    "stages.codes.optimiser.lr=0.01",
]
seen: list[tuple[str, float]] = []
fail: list[float] = []


@dataclass(frozen=True)
class StagedConfig(EncoderConfig):
    """Options of the method."""

    stage: str = "frames"
    """codes, or frames."""


class Staged(Method):
    """Learns codes, then frames that resemble them."""

    paper: ClassVar[str] = "none"
    needs: ClassVar[tuple[str, ...]] = ("ecg",)
    Config: ClassVar[type] = StagedConfig
    stages: ClassVar[tuple[str, ...]] = ("codes", "frames")

    def __init__(self, config: StagedConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        self.codes = nn.Parameter(torch.randn(self.encoder.dim))
        first = config.stage == "codes"
        self.encoder.requires_grad_(not first)
        self.codes.requires_grad_(first)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        if self.training:
            seen.append((self.config.stage, progress(batch)))
            if self.config.stage == "frames" and progress(batch) in fail:
                raise RuntimeError("power cut")
        return {"loss": (self.encoder.embed(batch["ecg"]).mean(0) - self.codes).square().sum()}


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("melp.methods._outside", lambda: {"staged": f"{__name__}:Staged"})
    seen.clear()
    fail.clear()


def recipe() -> Recipe:
    return load_recipe("staged", None, OPTIONS)


def test_each_stage_has_its_own_run(synthetic_store: Path, tmp_path: Path) -> None:
    out = pretrain("staged", Store(synthetic_store), recipe(), tmp_path / "run", progress=False)
    assert seen == [*(("codes", step / 3) for step in range(3)), *(("frames", step / 4) for step in range(4))]
    last, first = load(out), load(out / "codes")
    assert (last.method.config.stage, first.method.config.stage) == ("frames", "codes")
    assert torch.equal(last.method.codes, first.method.codes), "the second stage does not change them"
    settings = json.loads((out / "codes" / RECIPE).read_text())
    assert settings["optimiser"]["lr"] == 0.01 and settings["training"]["batch_size"] == 32
    assert json.loads((out / RECIPE).read_text())["training"]["batch_size"] == 16


@pytest.mark.parametrize("moment", [0.0, 0.75])
def test_an_interrupted_training_resumes_in_its_stage(
    synthetic_store: Path, tmp_path: Path, moment: float
) -> None:
    store = Store(synthetic_store)
    uninterrupted = pretrain("staged", store, recipe(), tmp_path / "whole", progress=False)
    fail.append(moment)
    with pytest.raises(RuntimeError, match="power cut"):
        pretrain("staged", store, recipe(), tmp_path / "cut", progress=False)
    done = (tmp_path / "cut" / "codes" / WEIGHTS).stat().st_mtime_ns
    fail.clear()
    seen.clear()
    interrupted = pretrain("staged", store, recipe(), tmp_path / "cut", progress=False)
    assert (interrupted / "codes" / WEIGHTS).stat().st_mtime_ns == done
    assert seen == [("frames", step / 4) for step in range(2 if moment else 0, 4)]
    losses = [
        [line for line in map(json.loads, (run / LOG).read_text().splitlines()) if "loss" in line]
        for run in (uninterrupted, interrupted)
    ]
    assert losses[0] == losses[1]


def test_one_stage_can_be_trained_alone(synthetic_store: Path, tmp_path: Path) -> None:
    alone = load_recipe("staged", None, [*OPTIONS, "method.stage=codes"])
    out = pretrain("staged", Store(synthetic_store), alone, tmp_path / "run", progress=False)
    assert not (out / "codes").exists() and {stage for stage, _ in seen} == {"codes"}


@pytest.mark.parametrize(
    ("name", "expected"), [("staged", "codes"), ("simclr", "none, simclr has one stage only")]
)
def test_unknown_stages_are_named(synthetic_store: Path, tmp_path: Path, name: str, expected: str) -> None:
    wrong = load_recipe(name, None, [*SMALL, "stages.frames.training.epochs=1"])
    wrong.preprocessing = {"rate": 100}
    with pytest.raises(MelpError, match=f"stages: 'frames' found, wanted {expected}"):
        pretrain(name, Store(synthetic_store), wrong, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
