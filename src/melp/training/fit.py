"""The training loop: Lightning's Trainer, resumable at any step."""

from __future__ import annotations

import logging
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import lightning
import torch
import torch.distributed as dist
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import Tensor, nn
from torch.utils.data import DataLoader

from melp.data.batches import Sample, Steps
from melp.errors import MelpError
from melp.hub.folder import check_tensors
from melp.methods._base import Method
from melp.training.callbacks import Log, ProgressBar, Resume, Select
from melp.training.config import PRECISIONS, TrainingConfig
from melp.training.module import PretrainingModule
from melp.training.processes import is_first
from melp.training.run_folder import CHECKPOINT, read_checkpoint


class Batches(Protocol):
    """A dataset that returns whole batches."""

    def __len__(self) -> int:
        """Return the number of records."""

    def __getitems__(self, samples: list[Sample]) -> dict[str, Tensor]:
        """Return the batch of these samples."""


def smallest_validation_batch(method: nn.Module, config: TrainingConfig) -> int:
    """Return the smallest number of records in a validation batch.

    That is one per rank and as many as the method needs (two, if it does not say), at most a training batch.
    """
    least = method.least_records(method.config, config.ranks) if isinstance(method, Method) else 2
    return min(max(least, config.ranks), config.batch_size * config.ranks)


class ValidationSampler:
    """Sample every validation record once, in a fixed order; the ranks share each batch.

    A last batch of fewer than `smallest` records, too small for a contrast or for the ranks, is left out.
    """

    def __init__(self, count: int, batch_size: int, rank: int, ranks: int, smallest: int) -> None:
        order = torch.randperm(count, generator=torch.Generator().manual_seed(0)).tolist()
        size = batch_size * ranks
        batches = [order[start : start + size] for start in range(0, count, size)]
        self.batches = [batch[rank::ranks] for batch in batches if len(batch) >= smallest]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[Sample]]:
        return ([(row, row) for row in batch] for batch in self.batches)


class PretrainingData(lightning.LightningDataModule):
    """Provide training batches from the current step on, and validation batches."""

    def __init__(
        self, train: Batches, validation: Batches | None, config: TrainingConfig, steps: int
    ) -> None:
        super().__init__()
        self.train, self.validation, self.config, self.steps = train, validation, config, steps

    def _loader(self, dataset: Batches, sampler: Any) -> Any:
        assert self.trainer is not None
        on_gpu = self.trainer.strategy.root_device.type == "cuda"
        return loader(dataset, sampler, self.config.workers, pinned=on_gpu)

    def train_dataloader(self) -> Any:
        """Return the batches of the remaining steps."""
        assert self.trainer is not None
        steps = Steps(
            len(self.train),
            self.config.batch_size,
            self.config.seed,
            last=self.steps,
            first=self.trainer.lightning_module.first_step,
            rank=self.trainer.global_rank,
            ranks=self.trainer.world_size,
        )
        return self._loader(self.train, steps)

    def val_dataloader(self) -> Any:
        """Return batches that contain every validation record once."""
        assert self.trainer is not None
        if self.validation is None:
            return []
        sampler = ValidationSampler(
            len(self.validation),
            self.config.batch_size,
            self.trainer.global_rank,
            self.trainer.world_size,
            smallest_validation_batch(self.trainer.lightning_module.method, self.config),
        )
        return self._loader(self.validation, sampler)


def loader(
    dataset: Batches, sampler: Iterable[list[Sample]], workers: int, pinned: bool = False
) -> DataLoader[dict[str, Tensor]]:
    """Return a loader of the batches of a sampler; each worker prepares two batches ahead.

    A batch depends on its samples only: it is the same for any number of workers and after a resumption.

    Args:
        dataset: returns whole batches.
        sampler: the samples of each batch.
        workers: number of processes, which persist between passes; 0 loads in this process.
        pinned: whether batches are in pinned memory, for asynchronous copies to a GPU.
    """
    return DataLoader(
        dataset,  # type: ignore[arg-type]
        batch_sampler=sampler,
        collate_fn=_identity,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=pinned,
    )


def _identity(batch: Any) -> Any:
    return batch


def step_counts(count: int, config: TrainingConfig) -> tuple[int, int]:
    """Return the number of steps of the training and of an epoch, for `count` records."""
    per_epoch = Steps(count, config.batch_size, config.seed, 0, ranks=config.ranks).per_epoch
    return config.max_steps or config.epochs * per_epoch, per_epoch


def fit(
    module: PretrainingModule,
    train: Batches,
    validation: Batches | None,
    config: TrainingConfig,
    folder: Path,
    save: Callable[[], None],
    title: str,
    progress: bool = True,
) -> None:
    """Train a module, resuming from the checkpoint in `folder` if there is one.

    Args:
        module: the module; `module.steps` is the length of the training.
        train: training data.
        validation: validation data; without them, or with too few records, the last weights are kept.
        config: length, batches, precision.
        folder: where the log and the checkpoint are written.
        save: function that writes the model folder; called for the weights that are to be kept.
        title: title of the progress bar.
        progress: whether to show a progress bar.

    Raises:
        MelpError: the accelerator is not available, the checkpoint does not fit the module, or the method
            does not return the scalar to select by.
        KeyboardInterrupt: stopped by the user.
    """
    _silence_lightning()
    interval = config.validate_every or step_counts(len(train), config)[1]
    smallest = smallest_validation_batch(module.method, config)
    if validation is not None and len(validation) < smallest:
        if is_first():
            found = f"{len(validation)} validation records found, {smallest} needed"
            print(f"{title}: {found}; the last weights are kept", file=sys.stderr)
        validation = None
    callbacks: list[lightning.Callback] = [
        Log(folder),
        Select(config.select if validation is not None else "last", config.patience, save),
        Resume(folder, 0 if validation is not None else interval),
    ]
    if progress:
        callbacks.append(ProgressBar(title, module.steps))
    trainer = _trainer(config, module.optimiser_config.clip, interval, validation is not None, callbacks)
    data = PretrainingData(train, validation, config, module.steps)
    _leave_other_group(config.ranks)
    with _keyboard_interrupt():
        trainer.fit(module, data, ckpt_path=_checkpoint_of(folder, module), weights_only=True)


def _checkpoint_of(folder: Path, module: PretrainingModule) -> str | None:
    """Return the checkpoint to resume from, after checking that it fits the module."""
    file, checkpoint = folder / CHECKPOINT, read_checkpoint(folder)
    if not checkpoint:
        return None
    tensors = checkpoint["state_dict"].items()
    check_tensors(file, {name.removeprefix("method."): value for name, value in tensors}, module.method)
    return str(file)


def _leave_other_group(ranks: int) -> None:
    """Leave the process group of an earlier training with another number of processes."""
    if dist.is_initialized() and dist.get_world_size() != ranks:
        dist.destroy_process_group()


@contextmanager
def _keyboard_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt on Ctrl-C; Lightning exits with code 1 instead, and ignores the next Ctrl-C."""
    try:
        yield
    except SystemExit as stopped:
        if not isinstance(stopped.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt from None


def _trainer(
    config: TrainingConfig, clip: float, interval: int, validate: bool, callbacks: list[lightning.Callback]
) -> lightning.Trainer:
    try:
        return lightning.Trainer(
            max_epochs=1,
            precision=PRECISIONS[config.precision],
            accelerator=config.accelerator,
            devices=config.devices,
            num_nodes=config.nodes,
            gradient_clip_val=clip or None,
            val_check_interval=interval,
            check_val_every_n_epoch=None,
            limit_val_batches=None if validate else 0,
            callbacks=callbacks,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            # A training of one process, such as stage 1, may be part of one that torchrun or SLURM started.
            plugins=LightningEnvironment() if config.ranks == 1 else None,
        )
    except (ValueError, MisconfigurationException) as error:
        why = " ".join(str(error).split())
        raise MelpError(f"training.accelerator: {config.accelerator!r} found; {why}") from error


def _silence_lightning() -> None:
    """Silence Lightning's advice, which is for authors of training loops."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
