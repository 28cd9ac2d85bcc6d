"""The training loop with a tiny method: saved weights, log, resuming and errors."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from melp.errors import MelpError
from melp.training.callbacks import LOG
from melp.training.config import OptimiserConfig, TrainingConfig
from melp.training.fit import fit, loader
from melp.training.module import PretrainingModule
from melp.training.run_folder import CHECKPOINT

RECORDS, STEPS = 20, 15
OPTIMISER = OptimiserConfig(lr=0.05, warmup=0.2)


class Points(Dataset[dict[str, Tensor]]):
    """Points on a line, with noise that is a function of the key."""

    def __init__(self, slope: float, records: int = RECORDS) -> None:
        self.slope, self.records = slope, records

    def __len__(self) -> int:
        return self.records

    def __getitems__(self, samples: list[tuple[int, int]]) -> dict[str, Tensor]:
        x = torch.tensor([float(row) / RECORDS for row, _ in samples])
        noise = torch.tensor([key % 1000 / 5000 for _, key in samples])
        return {"x": x, "y": self.slope * x + noise, "key": torch.tensor([key for _, key in samples])}


class Line(nn.Module):
    """Learns a slope after dropout; `at` is called at each training step."""

    def __init__(self, at: Callable[[int], None] | None = None) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.zeros(1))
        self.register_buffer("average", torch.zeros(1))
        self.at, self.step = at, 0
        self.done: list[tuple[int, int]] = []

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.training and self.at is not None:
            self.at(self.step)
        self.step += self.training
        x = nn.functional.dropout(batch["x"], 0.3, self.training)
        error = (self.slope * x - batch["y"]).square().mean()
        return {"loss": error + (self.slope - self.average).square().sum(), "error": error}

    def after_step(self, step: int, steps: int) -> None:
        self.done.append((step, steps))
        with torch.no_grad():
            self.average.lerp_(self.slope, 0.5)


def run(
    folder: Path, method: Line, validation: Dataset | None = None, **options: Any
) -> list[dict[str, Any]]:
    """Train and return the log; each call of `save` writes a file `saved`."""
    folder.mkdir(exist_ok=True)
    config = TrainingConfig(batch_size=4, precision="fp32", seed=3, accelerator="cpu", **options)
    module = PretrainingModule(method, OPTIMISER, STEPS, config.seed)

    def save() -> None:
        torch.save((module.step, float(method.slope.detach())), folder / "saved")

    fit(module, Points(2.0), validation, config, folder, save, "line", progress=False)
    return log(folder)


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


def losses(lines: list[dict[str, Any]]) -> dict[int, float]:
    return {line["step"]: line["loss"] for line in lines if "loss" in line}


@pytest.mark.parametrize("validation", [None, Points(2.0, 9)], ids=["without", "with"])
@pytest.mark.parametrize("end", [4, 5, 9, 14])
def test_a_training_resumed_at_any_step_has_the_same_losses(
    tmp_path: Path, validation: Dataset | None, end: int
) -> None:
    uninterrupted = run(tmp_path / "whole", Line(), validation, validate_every=4)
    assert len(losses(uninterrupted)) == STEPS

    def fail(step: int) -> None:
        if step == end:
            raise RuntimeError("power cut")

    folder = tmp_path / "cut"
    with pytest.raises(RuntimeError, match="power cut"):
        run(folder, Line(fail), validation, validate_every=4)
    assert torch.load(folder / CHECKPOINT, weights_only=True)["step"] == end // 4 * 4
    seen: list[int] = []
    again = Line(seen.append)
    resumed = run(folder, again, validation, validate_every=4)
    assert again.done == [(step, STEPS) for step in range(end // 4 * 4 + 1, STEPS + 1)]
    assert len(seen) == STEPS - end // 4 * 4, "only the lost steps are repeated"
    assert losses(resumed) == pytest.approx(losses(uninterrupted), rel=1e-6)
    assert [line["step"] for line in resumed] == [line["step"] for line in uninterrupted]
    assert torch.load(folder / "saved") == pytest.approx(torch.load(tmp_path / "whole" / "saved"))


def test_workers_give_the_same_losses_also_after_resuming(tmp_path: Path) -> None:
    uninterrupted = run(tmp_path / "whole", Line(), Points(2.0, 9), validate_every=4)

    def fail(step: int) -> None:
        if step == 9:
            raise RuntimeError("power cut")

    folder = tmp_path / "cut"
    with pytest.raises(RuntimeError, match="power cut"):
        # The batches that were prepared ahead of the failing step are prepared again.
        run(folder, Line(fail), Points(2.0, 9), validate_every=4, workers=2)
    assert torch.load(folder / CHECKPOINT, weights_only=True)["step"] == 8
    resumed = run(folder, Line(), Points(2.0, 9), validate_every=4, workers=1)
    assert losses(resumed) == pytest.approx(losses(uninterrupted), rel=1e-6)
    validations = [
        [line["validation/loss"] for line in lines if "loss" not in line]
        for lines in (uninterrupted, resumed)
    ]
    assert validations[1] == pytest.approx(validations[0], rel=1e-6) and len(validations[0]) == 3


def test_workers_persist_and_batches_are_pinned_on_request() -> None:
    samples = [[(0, 5), (3, 6)], [(1, 7)]]
    for workers in (0, 2):
        batches = loader(Points(2.0), samples, workers)
        assert batches.persistent_workers == (workers > 0) and not batches.pin_memory
        for _ in range(2):
            assert [batch["key"].tolist() for batch in batches] == [[5, 6], [7]]
    assert loader(Points(2.0), samples, 0, pinned=True).pin_memory


def test_every_step_is_logged_with_all_scalars(tmp_path: Path) -> None:
    lines = run(tmp_path, Line(), Points(2.0, 9))
    steps = [line for line in lines if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, STEPS + 1))
    assert all(set(line) == {"step", "loss", "error"} for line in steps)
    validations = [line for line in lines if "loss" not in line]
    assert [line["step"] for line in validations] == [5, 10, 15]
    assert all({"validation/loss", "validation/error"} <= set(line) for line in validations)


def test_the_best_weights_by_the_selected_scalar_are_kept(tmp_path: Path) -> None:
    # The slope rises towards 2 and passes 0.2, where this validation error is least.
    lines = run(tmp_path, Line(), Points(0.2), validate_every=1, select="error")
    errors = {line["step"]: line["validation/error"] for line in lines if "validation/error" in line}
    best = min(errors, key=lambda step: errors[step])
    assert 1 < best < STEPS
    assert torch.load(tmp_path / "saved")[0] == best


def test_patience_ends_the_training_for_good(tmp_path: Path) -> None:
    lines = run(tmp_path, Line(), Points(0.2), validate_every=1, select="error", patience=3)
    errors = {line["step"]: line["validation/error"] for line in lines if "validation/error" in line}
    best = min(errors, key=lambda step: errors[step])
    assert max(errors) == best + 3 < STEPS
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["finished"] is True


@pytest.mark.parametrize("validation", [None, Points(0.2, 1), Points(0.2)])
def test_the_last_weights_are_kept_if_there_is_nothing_to_select_by(
    tmp_path: Path, validation: Points | None
) -> None:
    too_few = validation is None or len(validation) == 1
    run(tmp_path, Line(), validation, select="loss" if too_few else "last")
    assert torch.load(tmp_path / "saved")[0] == STEPS
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["finished"] is True


def test_an_unknown_scalar_is_refused_at_the_first_step(tmp_path: Path) -> None:
    method = Line()
    with pytest.raises(MelpError, match=r"training\.select: 'accuracy' found, wanted last, loss, error"):
        run(tmp_path, method, Points(2.0), select="accuracy")
    assert method.step == 1


def test_an_unavailable_accelerator_is_refused(tmp_path: Path) -> None:
    config = TrainingConfig(batch_size=4, accelerator="abacus")
    module = PretrainingModule(Line(), OPTIMISER, STEPS, 0)
    with pytest.raises(MelpError, match=r"training\.accelerator: 'abacus' found"):
        fit(module, Points(2.0), None, config, tmp_path, lambda: None, "line", progress=False)


def test_ctrl_c_interrupts_the_training(tmp_path: Path) -> None:
    def interrupt(step: int) -> None:
        if step == 6:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Line(interrupt), None, validate_every=4)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 4
    assert len(losses(run(tmp_path, Line(), None, validate_every=4))) == STEPS


def test_an_incomplete_log_line_is_removed(tmp_path: Path) -> None:
    run(tmp_path, Line(), None)
    uninterrupted = losses(log(tmp_path))
    (tmp_path / CHECKPOINT).unlink()
    with (tmp_path / LOG).open("a") as stream:
        stream.write('{"step": 3, "lo')
    assert losses(run(tmp_path, Line(), None)) == uninterrupted


def test_a_checkpoint_with_a_renamed_tensor_is_refused_in_one_line(tmp_path: Path) -> None:
    def fail(step: int) -> None:
        if step == 6:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path, Line(fail), None, validate_every=4)
    checkpoint = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    checkpoint["state_dict"]["method.gradient"] = checkpoint["state_dict"].pop("method.slope")
    torch.save(checkpoint, tmp_path / CHECKPOINT)
    message = r"last\.ckpt: gradient of shape \(1,\) found, wanted slope of shape \(1,\); the weights [^\n]*$"
    with pytest.raises(MelpError, match=message):
        run(tmp_path, Line(), None, validate_every=4)
