"""Lightning callbacks: log, choice of the weights that are kept, checkpoint for resuming, progress bar."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
from rich.progress import TimeElapsedColumn
from torch import Tensor

from melp.errors import MelpError
from melp.hub.folder import write_text
from melp.progress import progress_bar
from melp.training.run_folder import CHECKPOINT

LOG = "log.jsonl"


class Log(lightning.Callback):
    """Write one line per step and per validation run to `log.jsonl`."""

    def __init__(self, folder: Path, flush_every: int = 50) -> None:
        self.file, self.flush_every = folder / LOG, flush_every
        self._buffer: list[dict[str, Any]] = []

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Remove the lines of steps that a killed training did after its last checkpoint."""
        if trainer.is_global_zero:
            lines = self.file.read_text().splitlines(keepends=True) if self.file.exists() else []
            kept = [
                line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= pl_module.step
            ]
            write_text(self.file, "".join(kept))

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Buffer the scalars of the step."""
        self._buffer.append(
            {"step": pl_module.step, **{name: value.detach() for name, value in outputs.items()}}
        )
        if len(self._buffer) >= self.flush_every:
            self._flush(trainer)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the means over the validation data."""
        self._buffer.append({"step": pl_module.step, **trainer.callback_metrics})
        self._flush(trainer)

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Write the buffered lines, so that the log has all steps of the checkpoint."""
        self._flush(trainer)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the buffered lines."""
        self._flush(trainer)

    def _flush(self, trainer: Any) -> None:
        lines = [
            {name: value.item() if isinstance(value, Tensor) else value for name, value in line.items()}
            for line in self._buffer
        ]
        self._buffer = []
        if trainer.is_global_zero and lines:
            with self.file.open("a") as stream:
                stream.writelines(json.dumps(line) + "\n" for line in lines)


class Select(lightning.Callback):
    """Save the model with the lowest validation scalar, or the last one; stop when the scalar stops falling.

    Args:
        scalar: a scalar that the method returns, or `last`.
        patience: number of validation runs without improvement before stopping; 0 means never.
        save: function that writes the model folder.
    """

    def __init__(self, scalar: str, patience: int, save: Callable[[], None]) -> None:
        self.scalar, self.patience, self.save = scalar, patience, save
        self.best, self.waited, self.step = math.inf, 0, 0

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a checkpoint needs."""
        return {"best": self.best, "waited": self.waited, "step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.best, self.waited, self.step = state_dict["best"], state_dict["waited"], state_dict["step"]

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Raise at the first step if the method does not return the scalar."""
        if self.scalar != "last" and self.scalar not in outputs:
            raise MelpError(f"training.select: {self.scalar!r} found, wanted last, {', '.join(outputs)}")

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Save the model if the scalar is the lowest so far."""
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
        """Save the last weights if they are to be kept, or if nothing has been saved."""
        if (self.scalar == "last" or not self.step) and trainer.is_global_zero:
            self.save()


class Resume(lightning.Callback):
    """Write `last.ckpt` after each validation run and at the end.

    Args:
        folder: where the checkpoint is written.
        every: steps between two checkpoints if there is no validation data.
    """

    def __init__(self, folder: Path, every: int = 0) -> None:
        self.file, self.every = folder / CHECKPOINT, every

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Save the state after the previous step, whose `after_step` is now done."""
        if self.every and pl_module.global_step and pl_module.step % self.every == 0:
            self._save(trainer)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Save."""
        self._save(trainer)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Save."""
        self._save(trainer)

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Record whether the training is finished."""
        checkpoint["finished"] = trainer.should_stop or pl_module.step >= pl_module.steps

    def _save(self, trainer: Any) -> None:
        partial = self.file.with_suffix(".partial")
        trainer.save_checkpoint(partial)
        if trainer.is_global_zero:
            partial.replace(self.file)


class ProgressBar(lightning.Callback):
    """Show step, loss and remaining time on stderr."""

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total = title, total
        self.bar = progress_bar("loss {task.fields[loss]}", TimeElapsedColumn())

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Show the bar."""
        if trainer.is_global_zero:
            self.task = self.bar.add_task(self.title, total=self.total, completed=pl_module.step, loss="-")
            self.bar.start()

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Advance the bar every ten steps."""
        if trainer.is_global_zero and pl_module.step % 10 == 0:
            self.bar.update(self.task, completed=pl_module.step, loss=f"{outputs['loss'].item():.3f}")

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Complete the bar."""
        if trainer.is_global_zero:
            self.bar.update(self.task, completed=pl_module.step)
            self.bar.stop()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Restore the terminal."""
        self.bar.stop()
