"""What happens around the steps: log, choice of weights, checkpoint for resuming, progress bar."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning
import torch
from rich.progress import TimeElapsedColumn
from torch import Tensor

from melp.errors import MelpError
from melp.hub.folder import write_text
from melp.progress import progress_bar

LOG = "log.jsonl"
CHECKPOINT = "last.ckpt"


def is_finished(folder: Path) -> bool:
    """Whether the training whose checkpoint lies in a folder is done.

    Raises:
        MelpError: the checkpoint is damaged.
    """
    try:
        return bool(torch.load(folder / CHECKPOINT, weights_only=True, mmap=True).get("finished"))
    except (RuntimeError, ValueError, EOFError, UnpicklingError) as error:
        raise MelpError(f"{folder / CHECKPOINT}: cannot be read; remove it to begin anew") from error


class Log(lightning.Callback):
    """Writes a line a step to `log.jsonl`, and one for each look at the validation data."""

    def __init__(self, folder: Path, flush_every: int = 50) -> None:
        self.file, self.flush_every = folder / LOG, flush_every
        self._waiting: list[dict[str, Any]] = []

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Cuts off lines of steps that a killed training did after its last checkpoint."""
        if trainer.is_global_zero:
            lines = self.file.read_text().splitlines(keepends=True) if self.file.exists() else []
            kept = [
                line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= pl_module.step
            ]
            write_text(self.file, "".join(kept))

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keeps the step's scalars."""
        self._waiting.append(
            {"step": pl_module.step, **{name: value.detach() for name, value in outputs.items()}}
        )
        if len(self._waiting) >= self.flush_every:
            self._flush(trainer)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Writes the validation means."""
        self._waiting.append({"step": pl_module.step, **trainer.callback_metrics})
        self._flush(trainer)

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Writes the lines of all steps that the checkpoint holds."""
        self._flush(trainer)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Writes what is left."""
        self._flush(trainer)

    def _flush(self, trainer: Any) -> None:
        lines = [
            {name: value.item() if isinstance(value, Tensor) else value for name, value in line.items()}
            for line in self._waiting
        ]
        self._waiting = []
        if trainer.is_global_zero and lines:
            with self.file.open("a") as stream:
                stream.writelines(json.dumps(line) + "\n" for line in lines)


class Select(lightning.Callback):
    """Saves the model with the least validation scalar, or the last; stops when it no longer falls.

    Args:
        scalar: a name under `validation/`, or `last`.
        patience: looks without improvement before stopping; 0 is never.
        save: writes the model folder.
    """

    def __init__(self, scalar: str, patience: int, save: Callable[[], None]) -> None:
        self.scalar, self.patience, self.save = scalar, patience, save
        self.best, self.waited, self.step = math.inf, 0, 0

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training must know."""
        return {"best": self.best, "waited": self.waited, "step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes it up again."""
        self.best, self.waited, self.step = state_dict["best"], state_dict["waited"], state_dict["step"]

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Ends at the first step where there will be nothing to select by."""
        if self.scalar != "last" and self.scalar not in outputs:
            raise MelpError(f"training.select: {self.scalar!r} found, wanted last, {', '.join(outputs)}")

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Compares with the best so far."""
        if self.scalar == "last":
            return
        value = float(trainer.callback_metrics[f"validation/{self.scalar}"])
        if value < self.best:
            self.best, self.waited, self.step = value, 0, pl_module.step
            if trainer.is_global_zero:
                self.save()
            return
        self.waited += 1
        if self.patience and self.waited >= self.patience:
            trainer.should_stop = True

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Saves the last weights where they are wanted, or where nothing else was ever saved."""
        if (self.scalar == "last" or not self.step) and trainer.is_global_zero:
            self.save()


class Resume(lightning.Callback):
    """Writes `last.ckpt` after each look at the validation data and at the end.

    Args:
        folder: where to.
        every: steps between two checkpoints where there is no validation data.
    """

    def __init__(self, folder: Path, every: int = 0) -> None:
        self.file, self.every = folder / CHECKPOINT, every

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Saves what the step before left: at its own end, the method has not yet followed it."""
        if self.every and pl_module.global_step and pl_module.step % self.every == 0:
            self._save(trainer)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Saves."""
        self._save(trainer)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Saves."""
        self._save(trainer)

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Notes whether there is anything left to do."""
        checkpoint["finished"] = trainer.should_stop or pl_module.step >= pl_module.steps

    def _save(self, trainer: Any) -> None:
        partial = self.file.with_suffix(".partial")
        trainer.save_checkpoint(partial)
        if trainer.is_global_zero:
            partial.replace(self.file)


class ProgressBar(lightning.Callback):
    """One line on stderr: step, loss, time left."""

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total = title, total
        self.bar = progress_bar("loss {task.fields[loss]}", TimeElapsedColumn())

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Shows the bar."""
        if trainer.is_global_zero:
            self.task = self.bar.add_task(self.title, total=self.total, completed=pl_module.step, loss="-")
            self.bar.start()

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Moves it."""
        if trainer.is_global_zero and pl_module.step % 10 == 0:
            self.bar.update(self.task, completed=pl_module.step, loss=f"{outputs['loss'].item():.3f}")

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Ends it."""
        if trainer.is_global_zero:
            self.bar.update(self.task, completed=pl_module.step)
            self.bar.stop()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Gives the terminal back."""
        self.bar.stop()
