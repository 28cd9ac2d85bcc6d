"""What a step of the training does beside the gradient: seeds of dropout, clipping, precision."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from melp.training.config import OptimiserConfig, TrainingConfig
from melp.training.fit import fit
from melp.training.module import PretrainingModule

STEPS = 3


class Ones(Dataset[dict[str, Tensor]]):
    """Sixteen equal records."""

    def __len__(self) -> int:
        return 16

    def __getitems__(self, samples: list[tuple[int, int]]) -> dict[str, Tensor]:
        return {"x": torch.ones(len(samples), 2), "key": torch.tensor([key for _, key in samples])}


class Watched(nn.Module):
    """Notes random numbers, dtypes and gradients; the gradient of its weights is (30, 40) / 2."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
        self.linear = nn.Linear(2, 2)
        self.linear.requires_grad_(False)
        self.drawn: list[float] = []
        self.dtypes: list[torch.dtype] = []
        self.gradients: list[list[float]] = []

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        self.drawn.append(float(torch.rand(1)))
        self.dtypes.append(self.linear(batch["x"]).dtype)
        return {"loss": 15 * self.left.sum() + 20 * self.right.sum()}

    def after_step(self, step: int, steps: int) -> None:
        self.gradients.append([float(weight.grad) for weight in (self.left, self.right)])


def trained(folder: Path, clip: float = 0.0, seed: int = 3, precision: str = "fp32") -> Watched:
    method = Watched()
    config = TrainingConfig(batch_size=4, max_steps=STEPS, precision=precision, seed=seed, accelerator="cpu")
    module = PretrainingModule(method, OptimiserConfig(clip=clip), STEPS, seed)
    folder.mkdir()
    fit(module, Ones(), None, config, folder, lambda: None, "watched", progress=False)
    return method


def test_random_numbers_differ_between_steps_and_seeds(tmp_path: Path) -> None:
    first, again, other = (trained(tmp_path / str(i), seed=seed).drawn for i, seed in enumerate((3, 3, 4)))
    assert first == again and len(first) == STEPS
    assert len({*first, *other}) == 2 * STEPS


def test_random_numbers_are_a_function_of_seed_step_and_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = {}
    for seed, step, rank in [*product((0, 1, 2), repeat=3), (1, 2, 1)]:
        module = PretrainingModule(Watched(), OptimiserConfig(), 10, seed)
        module.first_step = step
        monkeypatch.setattr(PretrainingModule, "global_rank", rank)
        torch.rand(seed + 1)  # earlier draws do not matter
        module.on_train_batch_start({}, 0)
        number = float(torch.rand(1))
        assert drawn.setdefault((seed, step, rank), number) == number
    assert len(set(drawn.values())) == 27


@pytest.mark.parametrize("clip", [0.0, 0.5, 100.0])
def test_the_norm_of_all_gradients_is_clipped(tmp_path: Path, clip: float) -> None:
    factor = clip / 25 if clip == 0.5 else 1
    for gradient in trained(tmp_path / "run", clip=clip).gradients:
        assert gradient == pytest.approx([15 * factor, 20 * factor], rel=1e-4)


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_precision_is_that_of_the_option(tmp_path: Path, precision: str, dtype: torch.dtype) -> None:
    method: Any = trained(tmp_path / "run", precision=precision)
    assert method.dtypes == [dtype] * STEPS
    assert {weight.dtype for weight in method.parameters()} == {torch.float32}, "weights stay in float32"
