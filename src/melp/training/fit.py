"""One training of one module over one dataset, resumable at any step."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from melp.data.batches import Sample, Steps
from melp.errors import MelpError
from melp.training.callbacks import CHECKPOINT, Log, ProgressBar, Resume, Select
from melp.training.config import PRECISIONS, TrainingConfig
from melp.training.module import PretrainingModule

Batches = Dataset[dict[str, Tensor]]


def least_for_validation(ranks: int) -> int:
    """Records of a validation batch, at the least: a contrast needs something to contrast with."""
    return max(2, ranks)


class InTurn:
    """Every record once, in a fixed order, for validation; the ranks share each batch, as their losses do.

    A last batch with fewer records than a contrast needs, or than ranks, is left out.
    """

    def __init__(self, count: int, batch_size: int, rank: int, ranks: int) -> None:
        order = torch.randperm(count, generator=torch.Generator().manual_seed(0)).tolist()
        size = batch_size * ranks
        whole = [order[start : start + size] for start in range(0, count, size)]
        self.batches = [batch[rank::ranks] for batch in whole if len(batch) >= least_for_validation(ranks)]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[Sample]]:
        return ([(row, row) for row in batch] for batch in self.batches)


class PretrainingData(lightning.LightningDataModule):
    """Training batches from the step at which the training stands, and validation batches."""

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
        """Batches of the steps that are still to be done."""
        assert self.trainer is not None
        steps = Steps(
            len(self.train),  # type: ignore[arg-type]
            self.config.batch_size,
            self.config.seed,
            last=self.steps,
            first=self.trainer.lightning_module.first_step,
            rank=self.trainer.global_rank,
            ranks=self.trainer.world_size,
        )
        return self._loader(self.train, steps)

    def val_dataloader(self) -> Any:
        """Every validation record once."""
        assert self.trainer is not None
        if self.validation is None:
            return []
        sampler = InTurn(
            len(self.validation),  # type: ignore[arg-type]
            self.config.batch_size,
            self.trainer.global_rank,
            self.trainer.world_size,
        )
        return self._loader(self.validation, sampler)


def loader(
    dataset: Batches, sampler: Iterable[list[Sample]], workers: int, pinned: bool = False
) -> DataLoader[dict[str, Tensor]]:
    """The batches of a sampler, made by a dataset in `workers` processes, each two batches ahead.

    What is in them depends on the samples alone, so they are the same for any number of workers, and a
    resumed training need not know which were made ahead of the step at which it ended.

    Args:
        dataset: has `__getitems__`, which makes a whole batch.
        sampler: the samples of each batch.
        workers: processes, which stay from one pass to the next; 0 is this one.
        pinned: whether batches come in memory from which a GPU takes them while it works.
    """
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        collate_fn=_as_it_is,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=pinned,
    )


def _as_it_is(batch: Any) -> Any:
    return batch


def step_counts(count: int, config: TrainingConfig) -> tuple[int, int]:
    """Steps of the whole training and of an epoch, for `count` records."""
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
    """Train, from the last checkpoint in `folder` if there is one.

    Args:
        module: what is trained; `module.steps` is the length.
        train: training batches.
        validation: validation batches; without them, or with too few records, the last weights are kept.
        config: length, batches, precision.
        folder: where the log and the checkpoint go.
        save: writes the model folder; called for the weights that are to be kept.
        title: of the progress bar.
        progress: whether to show one.

    Raises:
        MelpError: no such accelerator here, or no such scalar to select by.
        KeyboardInterrupt: stopped by the user.
    """
    _quiet()
    interval = config.validate_every or step_counts(len(train), config)[1]  # type: ignore[arg-type]
    if validation is not None and len(validation) < least_for_validation(config.ranks):  # type: ignore[arg-type]
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
    checkpoint = folder / CHECKPOINT
    try:
        trainer.fit(
            module, data, ckpt_path=str(checkpoint) if checkpoint.exists() else None, weights_only=True
        )
    except SystemExit as stopped:
        # Lightning makes exit code 1 of Ctrl-C, and leaves the process deaf to it.
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
        )
    except (ValueError, MisconfigurationException) as error:
        why = " ".join(str(error).split())
        raise MelpError(f"training.accelerator: {config.accelerator!r} found; {why}") from error


def _quiet() -> None:
    """Lightning's advice is for people who write loops."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
