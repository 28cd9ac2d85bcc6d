"""The one LightningModule that trains every method, stage 1 included."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from melp.augment.random import combine
from melp.errors import MelpError
from melp.signal.preprocessing import Preprocessing
from melp.training.config import OptimiserConfig


class PretrainingModule(lightning.LightningModule):
    """Feeds batches to a method and its loss to AdamW.

    Args:
        method: takes a batch, gives `loss` and further scalars; see `melp.methods._base.Method`.
        optimiser: rates and schedule.
        steps: length of the schedule.
        seed: of dropout.
        preprocessing: applied on the device to `signal` (microvolt), which becomes `ecg`; None without ECGs.
        rate: Hz of `signal`.
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
        """Optimiser steps done since the training began, over all its resumptions."""
        return self.first_step + self.global_step

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the step, in place of Lightning's loops, whose counters know of whole epochs only."""
        checkpoint["step"] = self.step
        checkpoint.pop("loops", None)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes the step up again."""
        self.first_step = checkpoint["step"]

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor | int]:
        """Return what the method reads: the batch with `ecg`, and the numbers `step` and `steps`."""
        if self.preprocessing is None:
            return batch
        ecg = self.preprocessing(batch["signal"], self.rate)
        return {**batch, "ecg": ecg, "step": self.step, "steps": self.steps}

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Makes dropout a function of (seed, step, rank), so that a resumed step is as it would be."""
        torch.manual_seed(int(combine(self.seed, self.step, self.global_rank)))

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Loss and scalars of a batch."""
        scalars: dict[str, Tensor] = self.method(self.prepare(batch))
        if not torch.isfinite(scalars["loss"]):
            raise MelpError(
                f"training: the loss is {scalars['loss'].item()} at step {self.step}, wanted a finite one"
            )
        return scalars

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Logs the mean of every scalar over the validation batches."""
        scalars = self.method(self.prepare(batch))
        size = len(batch["key"])
        for name, value in scalars.items():
            self.log(f"validation/{name}", value, batch_size=size, sync_dist=True)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Lets the method follow the step."""
        after_step = getattr(self.method, "after_step", None)
        if after_step is not None:
            after_step(self.step, self.steps)

    def configure_optimizers(self) -> Any:
        """AdamW, its rate set anew at every step."""
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
    """Learning rate at a step as a share of the peak: linear warm-up, then cosine or line down to `final`."""
    warmup = config.warmup * steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = min((step - warmup) / max(steps - warmup, 1), 1.0)
    falling = 1 - done if config.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
    return config.final + (1 - config.final) * falling
