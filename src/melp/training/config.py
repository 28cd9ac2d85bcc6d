"""Options of a training run; the defaults are MELP's published values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from melp.errors import MelpError, check_choices, check_ranges

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed"}


@dataclass
class OptimiserConfig:
    """AdamW with linear warm-up, then a cosine or linear decay."""

    lr: float = 2e-4
    """Peak learning rate (MELP)."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Betas of AdamW (MELP)."""
    weight_decay: float = 0.2
    """Weight decay of the matrices of layers; nothing else is decayed, as embeddings (MELP decays all)."""
    warmup: float = 0.04
    """Share of all steps in which the rate rises from 0 (the published code has none, and MELP collapses)."""
    final: float = 0.0
    """Rate at the last step, as a share of the peak rate."""
    schedule: str = "cosine"
    """Decay after warm-up: cosine or linear."""
    clip: float = 0.0
    """Largest gradient norm; 0 disables clipping."""

    def __post_init__(self) -> None:
        check_choices("optimiser", self, {"schedule": ("cosine", "linear")})
        limits = {"weight_decay": (0, math.inf), "warmup": (0, 1), "final": (0, 1), "clip": (0, math.inf)}
        check_ranges("optimiser", self, limits, above=["lr"])
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise MelpError(f"optimiser.betas: {self.betas} found, wanted two numbers from 0 to below 1")


@dataclass
class TrainingConfig:
    """Length, batches, precision, validation and devices."""

    epochs: int = 100
    """Passes over the training records (MELP)."""
    max_steps: int = 0
    """Number of steps; 0 means that `epochs` decides."""
    batch_size: int = 64
    """Records of a batch in each process (MELP: 64 on each of 4)."""
    precision: str = "bf16"
    """bf16 (mixed precision) or fp32 (MELP: bf16)."""
    seed: int = 42
    """Seed of weights, order, augmentation and dropout (MELP)."""
    workers: int = 0
    """Number of processes that load data; 0 loads in the training process."""
    validate_every: int = 0
    """Steps between validation runs, each of which writes a checkpoint; 0 means once per epoch."""
    select: str = "loss"
    """Which weights are kept: those with the lowest validation `loss` (or other logged scalar), or `last`."""
    patience: int = 0
    """Validation runs without improvement after which training stops; 0 means never."""
    devices: int = 1
    """Number of processes (and accelerators) on each machine."""
    nodes: int = 1
    """Number of machines; torchrun or SLURM starts the same command on each."""
    accelerator: str = "auto"
    """Lightning's name of the accelerator."""

    def __post_init__(self) -> None:
        check_choices("training", self, {"precision": list(PRECISIONS)})
        non_negative = ("max_steps", "workers", "validate_every", "patience", "seed")
        positive = ("epochs", "batch_size", "devices", "nodes")
        check_ranges("training", self, dict.fromkeys(non_negative, (0, math.inf)), above=positive)

    @property
    def ranks(self) -> int:
        """Number of processes that train together."""
        return self.devices * self.nodes


@dataclass
class DataConfig:
    """Folds, and how much of a report the model reads in training."""

    train_folds: list[int] = field(default_factory=lambda: [1, 2, 3, 4, 5, 6, 7])
    """Folds for training; the default leaves folds 9 and 10 for evaluation."""
    validation_folds: list[int] = field(default_factory=lambda: [8])
    """Folds whose loss selects the weights; labels are not used."""
    statement_sampling: float = 0.0
    """Probability that the model reads only some of a report's statements."""
    statement_shuffle: bool = False
    """Whether the model reads the statements in random order."""
    exclude_duplicates: bool = True
    """Whether to leave out recordings that equal one in another fold or an earlier one, sample by sample."""

    def __post_init__(self) -> None:
        check_ranges("data", self, {"statement_sampling": (0, 1)})
