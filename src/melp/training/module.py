"""The LightningModule that trains every method, and the language model of stage 1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from melp.augment.random import combine
from melp.errors import MelpError
from melp.losses.gather import mean_over_ranks
from melp.signal.preprocessing import Preprocessing
from melp.training.config import OptimiserConfig


class PretrainingModule(lightning.LightningModule):
    """Train a method with AdamW.

    Args:
        method: maps a batch to `loss` and further scalars; see `melp.methods._base.Method`.
        optimiser: rates and schedule.
        steps: length of the training in optimiser steps.
        seed: seed of dropout.
        preprocessing: turns `signal` (microvolt) into `ecg` on the device; None for batches without ECGs.
        rate: sampling rate of `signal`, in Hz.
    """

    def __init__(
        self,
        method: nn.Module,
        optimiser: OptimiserConfig,
        steps: int,
        seed: int,
        preprocessing: Preprocessing | None = None,
        rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.method, self.optimiser_config, self.steps, self.seed = method, optimiser, steps, seed
        self.preprocessing, self.rate = preprocessing, rate
        self.first_step = 0

    @property
    def step(self) -> int:
        """Optimiser steps done, including those before a resumption."""
        return self.first_step + self.global_step

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the step, and drop Lightning's loop counters, which cannot resume within an epoch."""
        checkpoint["step"] = self.step
        checkpoint.pop("loops", None)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the step."""
        self.first_step = checkpoint["step"]

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor | int]:
        """Return what the method reads: the batch with `ecg`, and the numbers `step` and `steps`."""
        if self.preprocessing is None:
            return batch
        ecg = self.preprocessing(batch["signal"], self.rate)
        return {**batch, "ecg": ecg, "step": self.step, "steps": self.steps}

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed dropout with (seed, step, rank), so that a resumed step draws the same numbers."""
        torch.manual_seed(int(combine(self.seed, self.step, self.global_rank)))

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Return the loss and further scalars of the joined batch of all processes."""
        scalars = mean_over_ranks(self.method(self.prepare(batch)))
        if not torch.isfinite(scalars["loss"]):
            raise MelpError(
                f"training: the loss is {scalars['loss'].item()} at step {self.step}, wanted a finite one"
            )
        return scalars

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log the mean of every scalar over the validation batches."""
        scalars = mean_over_ranks(self.method(self.prepare(batch)))
        size = len(batch["key"])
        for name, value in scalars.items():
            self.log(f"validation/{name}", value, batch_size=size, sync_dist=True)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Call the `after_step` of the method."""
        after_step = getattr(self.method, "after_step", None)
        if after_step is not None:
            after_step(self.step, self.steps)

    def configure_optimizers(self) -> Any:
        """Return AdamW and its schedule, which changes the rate at every step."""
        config = self.optimiser_config
        groups = getattr(self.method, "param_groups", self._all_parameters)()
        for group in groups:
            group["lr"] = config.lr * group.pop("lr_factor", 1.0)
        first, second = config.betas
        optimiser = torch.optim.AdamW(
            groups, lr=config.lr, betas=(first, second), weight_decay=config.weight_decay
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: rate_factor(step, self.steps, config)
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _all_parameters(self) -> list[dict[str, Any]]:
        return [{"params": [parameter for parameter in self.method.parameters() if parameter.requires_grad]}]


def rate_factor(step: int, steps: int, config: OptimiserConfig) -> float:
    """Return the learning rate at a step, as a share of the peak: linear warm-up, then decay to `final`."""
    warmup = config.warmup * steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = min((step - warmup) / max(steps - warmup, 1), 1.0)
    falling = 1 - done if config.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
    return config.final + (1 - config.final) * falling
