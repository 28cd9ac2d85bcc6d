"""Learning rates, parameter groups and preprocessing of the LightningModule."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from melp.errors import MelpError
from melp.signal.preprocessing import Preprocessing
from melp.training.config import DataConfig, OptimiserConfig, TrainingConfig
from melp.training.fit import ValidationSampler
from melp.training.module import PretrainingModule, rate_factor


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
@pytest.mark.parametrize(
    ("steps", "warmup", "final"), [(100, 0.1, 0.0), (37, 0.25, 0.1), (5, 0.0, 0.5), (1, 0, 0)]
)
def test_rate_factor(schedule: str, steps: int, warmup: float, final: float) -> None:
    config = OptimiserConfig(schedule=schedule, warmup=warmup, final=final)
    rates = [rate_factor(step, steps, config) for step in range(steps + 3)]
    rising = warmup * steps
    for step, rate in enumerate(rates):
        if step < rising:
            expected = (step + 1) / (rising + 1)
        else:
            share = min((step - rising) / (steps - rising), 1)
            fall = 0.5 * (1 + math.cos(math.pi * share)) if schedule == "cosine" else 1 - share
            expected = final + (1 - final) * fall
        assert rate == pytest.approx(expected, abs=1e-12)
    peak = math.ceil(rising)
    assert all(a < b for a, b in pairwise(rates[: peak + 1]))
    assert all(a >= b for a, b in pairwise(rates[peak:]))
    assert 0 < rates[0] <= max(rates) <= 1 and rates[-1] == pytest.approx(final)


class Grouped(nn.Module):
    """Two parameters with different learning rates."""

    def __init__(self) -> None:
        super().__init__()
        self.slow, self.fast = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))
        self.followed = 0

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"loss": batch["ecg"].mean() * self.slow.sum() * self.fast.sum()}

    def param_groups(self) -> list[dict[str, Any]]:
        return [{"params": [self.slow], "lr_factor": 0.1}, {"params": [self.fast], "weight_decay": 0.0}]

    def after_step(self, step: int, steps: int) -> None:
        self.followed = step


def test_parameter_groups_keep_their_rates_and_decay() -> None:
    config = OptimiserConfig(lr=0.2, weight_decay=0.3, betas=(0.8, 0.9), warmup=0.5)
    module = PretrainingModule(Grouped(), config, 10, 0)
    configured = module.configure_optimizers()
    groups = configured["optimizer"].param_groups
    first = rate_factor(0, 10, config)
    assert [group["lr"] for group in groups] == pytest.approx([0.02 * first, 0.2 * first])
    assert [group["weight_decay"] for group in groups] == [0.3, 0.0]
    assert all(tuple(group["betas"]) == (0.8, 0.9) for group in groups)
    assert configured["lr_scheduler"]["interval"] == "step"


def test_without_param_groups_all_parameters_decay() -> None:
    plain = nn.Linear(2, 2)
    plain.bias.requires_grad_(False)
    (group,) = (
        PretrainingModule(plain, OptimiserConfig(), 10, 0).configure_optimizers()["optimizer"].param_groups
    )
    assert group["params"] == [plain.weight] and group["weight_decay"] == 0.2


def test_signal_becomes_preprocessed_millivolt() -> None:
    preprocessing = Preprocessing(rate=50, seconds=2, scaling="zscore")
    module = PretrainingModule(Grouped(), OptimiserConfig(), 10, 0, preprocessing, rate=100)
    signal = torch.randint(-2000, 2000, (3, 12, 300), dtype=torch.int16)
    batch = module.prepare({"signal": signal, "key": torch.arange(3)})
    torch.testing.assert_close(batch["ecg"], preprocessing(signal.float() / 1000, 100))
    assert batch["ecg"].shape == (3, 12, 100)
    assert (batch["step"], batch["steps"]) == (0, 10)
    text_only = {"tokens": torch.ones(1, 2)}
    assert PretrainingModule(Grouped(), OptimiserConfig(), 10, 0).prepare(text_only) is text_only


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    module = PretrainingModule(Grouped(), OptimiserConfig(), 10, 0)
    with pytest.raises(MelpError, match="the loss is nan at step 0, wanted a finite one"):
        module.training_step({"ecg": torch.tensor([math.nan])}, 0)


@pytest.mark.parametrize("count", [2, 9, 16, 17, 40])
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_validation_samples_every_record_once_in_equally_many_batches(count: int, ranks: int) -> None:
    parts = [list(ValidationSampler(count, 4, rank, ranks, max(2, ranks))) for rank in range(ranks)]
    assert len({len(part) for part in parts}) == 1, "a rank that waits for a missing batch hangs"
    rows = [row for part in parts for batch in part for row, _ in batch]
    assert len(rows) == len(set(rows)) >= count - max(1, ranks - 1)
    assert all(batch for part in parts for batch in part)
    for step in zip(*parts, strict=True):
        assert sum(len(batch) for batch in step) >= 2, "a contrast needs two records"
    if ranks == 1:
        again = ValidationSampler(count, 4, 0, 1, 2)
        assert list(again) == parts[0] and len(again) == len(parts[0])


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (
            OptimiserConfig,
            {"schedule": "step"},
            r"optimiser\.schedule: 'step' found, wanted one of cosine, linear",
        ),
        (OptimiserConfig, {"lr": 0.0}, r"optimiser\.lr: 0\.0 found, wanted more than 0"),
        (OptimiserConfig, {"lr": math.nan}, r"optimiser\.lr: nan found"),
        (OptimiserConfig, {"warmup": 1.5}, r"optimiser\.warmup: 1\.5 found, wanted 0 to 1"),
        (OptimiserConfig, {"betas": (0.9, 1.0)}, r"optimiser\.betas"),
        (
            TrainingConfig,
            {"precision": "fp16"},
            r"training\.precision: 'fp16' found, wanted one of fp32, bf16",
        ),
        (TrainingConfig, {"epochs": 0}, r"training\.epochs: 0 found, wanted more than 0"),
        (TrainingConfig, {"seed": -1}, r"training\.seed: -1 found, wanted 0 or more"),
        (TrainingConfig, {"max_steps": -1}, r"training\.max_steps: -1 found, wanted 0 or more"),
        (DataConfig, {"statement_sampling": 2.0}, r"data\.statement_sampling: 2\.0 found, wanted 0 to 1"),
    ],
)
def test_options_out_of_range_are_refused(kind: type, options: dict[str, Any], message: str) -> None:
    with pytest.raises(MelpError, match=message):
        kind(**options)
