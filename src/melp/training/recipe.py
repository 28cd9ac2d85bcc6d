"""Recipes as merged from defaults, YAML file and command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from melp.text.pretraining import MaskedLanguageModelConfig
from melp.training.config import DataConfig, OptimiserConfig, TrainingConfig


@dataclass
class StageRecipe:
    """How one stage of a method is trained."""

    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@dataclass
class TextRecipe:
    """Recipe of stage 1, the language model."""

    model: MaskedLanguageModelConfig = field(default_factory=MaskedLanguageModelConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    data: DataConfig = field(default_factory=DataConfig)


@dataclass
class Recipe:
    """Recipe of stage 2, a method."""

    method: Any = None
    """Options of the method: its `Config`."""
    text: str = ""
    """Folder or hub name of the language model; if empty, stage 1 is run first on the store's reports."""
    stage1: TextRecipe = field(default_factory=TextRecipe)
    """Recipe of stage 1, used if `text` is empty."""
    init_from: str = ""
    """Run whose encoder initialises this one; if empty, the encoder is initialised at random."""
    stages: dict[str, StageRecipe] = field(default_factory=dict)
    """Recipes of the method's earlier stages by name; a stage that is not listed is trained like the last."""
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    data: DataConfig = field(default_factory=DataConfig)
    preprocessing: dict[str, Any] = field(default_factory=dict)
    """Fields of `melp.signal.preprocessing.Preprocessing`."""
