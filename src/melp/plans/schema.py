"""What a plan says: models to train, evaluations of each, and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from melp.errors import MelpError, one_of
from melp.recipes import merge_file

__all__ = ["EvaluationPlan", "ModelPlan", "Plan", "TablePlan", "list_plans", "read_plan"]


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
    published: bool = False
    """Whether the published figures follow."""
    conditions: list[str] = field(default_factory=list)
    """Conditions on cells, such as protocol=paper."""


@dataclass
class Plan:
    """A whole experiment."""

    stores: dict[str, str] = field(default_factory=dict)
    """Folders of stores by name."""
    models: dict[str, ModelPlan] = field(default_factory=dict)
    evaluations: dict[str, EvaluationPlan] = field(default_factory=dict)
    tables: dict[str, TablePlan] = field(default_factory=dict)
    published_splits: str = ""
    """Folder that contains the label files published by MERL and MELP, for protocol paper."""


def list_plans() -> list[str]:
    """Return the names of the plans of the package, such as laptop/linear-probe."""
    return sorted(_files())


def _files() -> dict[str, Path]:
    home = Path(str(files("melp.recipes"))) / "plans"
    return {file.relative_to(home).with_suffix("").as_posix(): file for file in home.rglob("*.yaml")}


def read_plan(name: str | Path, settings: Sequence[str] = ()) -> Plan:
    """Return a plan of the package, or of a YAML file, merged with settings.

    Args:
        name: one of `list_plans()`, or a file.
        settings: key=value, such as stores.ptb-xl=DIR.

    Raises:
        MelpError: an unknown plan, an unknown key, or a value of the wrong type.
    """
    plans = _files()
    file = plans.get(str(name), Path(name))
    if not file.is_file():
        raise MelpError(f"plan: found {str(name)!r}, wanted a YAML file or {one_of(name, sorted(plans))}")
    plan: Any = merge_file(Plan(), file, settings)
    assert isinstance(plan, Plan)
    return plan
