"""What a training run is told; the defaults are MELP's published values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from melp.errors import MelpError, check_choices, check_ranges

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed"}


@dataclass
class OptimiserConfig:
    """AdamW with linear warm-up and one cosine down to `final` of the rate."""

    lr: float = 2e-4
    """Peak learning rate (MELP)."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Of AdamW (MELP)."""
    weight_decay: float = 0.2
    """Of matrices; vectors and scalars are not decayed (MELP decays all)."""
    warmup: float = 0.04
    """Share of all steps in which the rate rises from 0 (as published there is none, and MELP collapses)."""
    final: float = 0.0
    """Share of the peak rate at the last step."""
    schedule: str = "cosine"
    """cosine or linear."""
    clip: float = 0.0
    """Largest gradient norm; 0 is none."""

    def __post_init__(self) -> None:
        check_choices("optimiser", self, {"schedule": ("cosine", "linear")})
        limits = {"weight_decay": (0, math.inf), "warmup": (0, 1), "final": (0, 1), "clip": (0, math.inf)}
        check_ranges("optimiser", self, limits, above=["lr"])
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise MelpError(f"optimiser.betas: {self.betas} found, wanted two below 1")


@dataclass
class TrainingConfig:
    """Length, batches, precision, and when to look and save."""

    epochs: int = 100
    """Passes over the training records (MELP)."""
    max_steps: int = 0
    """Stop after so many steps; 0 is after `epochs`."""
    batch_size: int = 64
    """Of each process (MELP: 64 on each of 4)."""
    precision: str = "bf16"
    """bf16 (mixed) or fp32 (MELP: bf16)."""
    seed: int = 42
    """Of weights, order, augmentation and dropout (MELP)."""
    workers: int = 0
    """Processes that load data."""
    validate_every: int = 0
    """Steps between looks at the validation loss, each of which saves for resuming; 0 is once an epoch."""
    select: str = "loss"
    """Which weights are kept: those of the least validation `loss` (or other logged scalar), or `last`."""
    patience: int = 0
    """Looks without improvement after which training stops; 0 is never."""
    devices: int = 1
    """Processes (and accelerators) of each machine."""
    nodes: int = 1
    """Machines, on each of which torchrun or SLURM starts the same command."""
    accelerator: str = "auto"
    """As Lightning names it."""

    def __post_init__(self) -> None:
        check_choices("training", self, {"precision": list(PRECISIONS)})
        some, none = (
            ("epochs", "batch_size", "devices", "nodes"),
            ("max_steps", "workers", "validate_every", "patience"),
        )
        check_ranges("training", self, dict.fromkeys((*none, "seed"), (0, math.inf)), above=some)

    @property
    def ranks(self) -> int:
        """Processes that train together."""
        return self.devices * self.nodes


@dataclass
class DataConfig:
    """Which records are trained on, and how their reports are shown."""

    train_folds: list[int] = field(default_factory=lambda: [1, 2, 3, 4, 5, 6, 7])
    """Folds trained on."""
    validation_folds: list[int] = field(default_factory=lambda: [8])
    """Folds whose loss selects the weights; no labels are used."""
    statement_sampling: float = 0.0
    """Probability that only some of a report's statements are shown."""
    statement_shuffle: bool = False
    """Whether statements are shown in random order."""

    def __post_init__(self) -> None:
        check_ranges("data", self, {"statement_sampling": (0, 1)})
