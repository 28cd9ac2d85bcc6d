"""What a plan says: stores, models to train, evaluations of each, and tables."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

__all__ = ["EvaluationPlan", "ModelPlan", "Plan", "StorePlan", "TablePlan"]


@dataclass
class StorePlan:
    """A store of a plan: a folder, or how it is made in the folder of the experiment.

    The first of `folder`, `raw`, `simulate` and `join` that is given counts.
    """

    folder: str = ""
    """Folder of the store; stores.NAME=DIR is short for it."""
    raw: str = ""
    """Folder of the published corpus, from which the store is built."""
    simulate: int = 0
    """Number of records to simulate, from which the store is built."""
    join: list[str] = field(default_factory=list)
    """Names of other stores of the plan, which are joined."""
    seed: int = 0
    """Seed of the simulation."""
    corpus: str = ""
    """Corpus; if empty, the name of the store."""
    rate: float = 500
    """Sampling rate of a store that is built, in Hz."""
    seconds: float = 10
    """Length of its records."""
    allow_missing: bool = False
    """Whether recordings may be missing; of a simulated corpus, some are."""

    @property
    def is_joined(self) -> bool:
        """Whether the store is made of others."""
        return bool(self.join) and not (self.folder or self.raw or self.simulate)


@dataclass
class ModelPlan:
    """A model of a plan; its name in the plan is that in tables."""

    method: str = MISSING
    """Method, such as melp."""
    recipe: str = MISSING
    """Recipe: a name such as melp/laptop, or a YAML file."""
    options: list[str] = field(default_factory=list)
    """Settings of the recipe, key=value."""
    store: str = MISSING
    """Name of the store that it is pretrained on."""
    seeds: list[int] = field(default_factory=lambda: [0])
    """Seeds of the pretraining, each a model of its own."""
    begin: str = ""
    """Name of the model whose encoder, of the same seed, initialises this one's; if empty, at random."""
    untrained: bool = False
    """Whether it is the network of a trained model of the plan, with new random weights."""
    evaluated: bool = True
    """Whether it is evaluated; false if other models only begin with it."""


@dataclass
class EvaluationPlan:
    """An evaluation of models of a plan."""

    kind: str = MISSING
    """One of `melp.plans.kinds.KINDS`, such as zero-shot, probe or retrieval."""
    store: str = MISSING
    """Name of the store with the evaluated records."""
    tasks: list[str] = field(default_factory=list)
    """Tasks: names or YAML files; none for generation, retrieval and identification."""
    models: list[str] = field(default_factory=list)
    """Names of the models; empty for all that can be evaluated so."""
    protocol: str = "corrected"
    """corrected, or paper, which needs the plan's published_splits."""
    folds: str = ""
    """Evaluated folds, such as 9,10; empty for those of the task."""
    train_folds: str = ""
    """Folds to train on, such as 1-7."""
    train_store: str = ""
    """Name of the store to train on, for transfer, or if the tasks' corpus has test records only."""
    fractions: list[float] = field(default_factory=lambda: [100.0])
    """Shares of the training labels, in per cent."""
    seeds: list[int] = field(default_factory=lambda: [0])
    """Seeds of the subsets of fractions below 100."""
    min_positives: int = 1
    """Classes with fewer positives do not count in means."""
    beams: int = 1
    """Width of the beam search of generation."""
    conditions: list[str] = field(default_factory=list)
    """Conditions of robustness, such as 12, limb or noise-0.05; empty for all."""
    options: list[str] = field(default_factory=list)
    """Settings of fine-tuning, key=value."""


@dataclass
class TablePlan:
    """A table of a plan; its name is that of a folder in OUT/tables."""

    layout: str = MISSING
    """Layout of `melp table`."""
    protocol: str = ""
    """Protocol of the cells, if the plan has several."""
    rename: dict[str, str] = field(default_factory=dict)
    """Names in the table of models with another name in the plan."""
    published: bool = False
    """Whether the published figures follow."""
    conditions: list[str] = field(default_factory=list)
    """Conditions on cells, such as protocol=paper."""


@dataclass
class Plan:
    """A whole experiment."""

    stores: dict[str, StorePlan] = field(default_factory=dict)
    models: dict[str, ModelPlan] = field(default_factory=dict)
    evaluations: dict[str, EvaluationPlan] = field(default_factory=dict)
    tables: dict[str, TablePlan] = field(default_factory=dict)
    published_splits: str = ""
    """Folder that contains the label files published by MERL and MELP, for protocol paper; if empty, those of
    the simulated stores."""
