"""A run's whole encoder trained with labels; and the same network untrained, to compare with."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from melp.data.batches import Sample, StoreBatches
from melp.data.store import Store
from melp.errors import MelpError, check_ranges
from melp.evaluation.embed import map_rows, rows_of
from melp.evaluation.judging import Judged, Split, check_sides, divide, in_folds, judge_cell
from melp.evaluation.subsets import stratified_subset
from melp.hub import Model, load
from melp.hub.folder import save_classifier
from melp.hub.records import write_training_records
from melp.nn.classifier import Classifier
from melp.tasks import Task
from melp.training.config import OptimiserConfig, TrainingConfig
from melp.training.fit import fit, step_counts
from melp.training.module import PretrainingModule
from melp.training.run_folder import is_finished, start_run

__all__ = ["SCRATCH", "FineTuneRecipe", "finetune", "untrained"]

SCRATCH = "supervised"
"""Name of a classifier whose encoder was not pretrained."""


@dataclass
class FineTuneRecipe:
    """How a classifier is trained, as merged from defaults and command line."""

    encoder_rate: float = 0.3
    """Learning rate of a pretrained encoder as a share of the head's; one from scratch has the head's."""
    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(
            lr=1e-3, betas=(0.9, 0.999), weight_decay=0.05, warmup=0.1, clip=3.0
        )
    )
    training: TrainingConfig = field(default_factory=lambda: TrainingConfig(epochs=30, precision="fp32"))

    def __post_init__(self) -> None:
        check_ranges("finetune", self, {}, above=["encoder_rate"])


class LabelledBatches(StoreBatches):
    """Records of a store with the labels of a task, as 0 and 1, under `labels`.

    Args:
        store: the store.
        labels: as from `Task.labels`; its records are taken.
    """

    def __init__(self, store: Store, labels: pd.DataFrame) -> None:
        super().__init__(store)
        self.rows = rows_of(store, labels.index)
        self.labels = torch.tensor(labels.to_numpy(dtype=np.float32))

    def __getitems__(self, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """The batch of these samples."""
        return {**super().__getitems__(samples), "labels": self.labels[[row for row, _ in samples]]}


def untrained(model: Model, folder: Path, seed: int = 0) -> Model:
    """The same architecture and preprocessing with new random weights; results name it by `folder`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        method = type(model.method)(model.method.config, copy.deepcopy(model.method.inputs))
    return Model(method.eval(), model.preprocessing, model.config, folder)


def finetune(
    model: Model,
    store: Store,
    task: Task,
    out: Path,
    recipe: FineTuneRecipe | None = None,
    *,
    scratch: bool = False,
    fraction: float = 100,
    seed: int = 0,
    folds: Sequence[int] | None = None,
    train_folds: Sequence[int] | None = None,
    validation_folds: Sequence[int] | None = None,
    min_positives: int = 1,
    progress: bool = True,
) -> Judged:
    """Trains the encoder of a run and a linear head with the labels of a task, and judges them.

    The weights with the least loss on the validation folds are kept in `out`, a model folder of its own. A
    killed training goes on where it was last saved.

    Args:
        model: a loaded model folder.
        store: where the records lie.
        task: classes and labels.
        out: folder of the training.
        recipe: how it is trained.
        scratch: begin with random weights: the upper line of what labels alone give this encoder.
        fraction: share of the training records, in per cent, in stratified subsets.
        seed: of the subset.
        folds: folds to judge instead of the task's test folds; then all others are trained on.
        train_folds: folds to train on instead.
        validation_folds: folds that select the weights: the task's own where they are neither judged nor
            asked for otherwise, else the last of the training folds.
        min_positives: classes with fewer positives do not count in the macro mean.
        progress: whether to show a progress bar.

    Raises:
        MelpError: `out` contains another training, or nothing is left to train on or to judge.
    """
    recipe = recipe or FineTuneRecipe()
    part = divide(task, store, folds, train_folds)
    training, held_out = _sides(part, task, store, validation_folds)
    check_sides(store, training.index.append(held_out.index), part.judged)
    training = training.iloc[stratified_subset(training.to_numpy(), fraction, seed)]
    settings = {
        "task": task.name,
        "classes": list(task.classes),
        "pretrained": None if scratch else str(model.folder),
        "fraction": fraction,
        "subset": seed,
        **asdict(recipe),
    }
    start_run(out, settings, "finetune.json")
    if not is_finished(out):
        classifier = _classifier(model, task, recipe, scratch)
        _train(classifier, model, store, training, held_out, recipe, settings, out, progress)
    return _judge(load(out), store, task, part, fraction, seed, min_positives)


def _sides(
    part: Split, task: Task, store: Store, validation_folds: Sequence[int] | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labels of the records that are learned from, and of those that select the weights."""
    if validation_folds is None:
        free = [fold for fold in task.validation_folds if fold not in part.folds]
        there = free and not set(free) <= set(part.train_folds)
        validation_folds = (
            free if there and len(in_folds(part.labels, store, free)) else part.train_folds[-1:]
        )
    if both := sorted(set(validation_folds) & set(part.folds)):
        raise MelpError(f"folds: {', '.join(map(str, both))} both judged and selected by")
    held_out = in_folds(part.labels, store, validation_folds)
    training = part.training.drop(held_out.index, errors="ignore")
    for labels, kind in ((training, "train on"), (held_out, "select weights by")):
        if labels.empty:
            raise MelpError(f"{store.path}: no record with a label of {task.name} to {kind}")
    return training, held_out


def _classifier(model: Model, task: Task, recipe: FineTuneRecipe, scratch: bool) -> Classifier:
    seed = recipe.training.seed
    source = untrained(model, model.folder, seed) if scratch else model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = copy.deepcopy(source.method.encoder).requires_grad_(True)
        # A loaded model is in evaluation mode, in which Lightning would leave its parts.
        return Classifier(encoder, len(task.classes), 1.0 if scratch else recipe.encoder_rate).train()


def _train(
    classifier: Classifier,
    model: Model,
    store: Store,
    training: pd.DataFrame,
    held_out: pd.DataFrame,
    recipe: FineTuneRecipe,
    settings: Mapping[str, Any],
    out: Path,
    progress: bool,
) -> None:
    train, validation = LabelledBatches(store, training), LabelledBatches(store, held_out)
    steps, _ = step_counts(len(train), recipe.training)
    module = PretrainingModule(
        classifier, recipe.optimiser, steps, recipe.training.seed, model.preprocessing, store.rate
    )
    begun_with = [Path(settings["pretrained"])] if settings["pretrained"] else []
    name = f"{model.name}-finetuned" if begun_with else SCRATCH

    def write() -> None:
        save_classifier(out, classifier, name, model, settings)
        write_training_records(out, store, train.rows, begun_with)

    fit(module, train, validation, recipe.training, out, write, "with labels", progress)


def _judge(
    model: Model, store: Store, task: Task, part: Split, fraction: float, seed: int, min_positives: int
) -> Judged:
    rows = rows_of(store, part.judged)
    parts = map_rows(model, store, rows, model.method.logits, title="judging")
    scores = pd.DataFrame(
        torch.cat(parts).float().cpu().numpy(), index=part.judged, columns=list(task.classes)
    )
    return judge_cell(
        model, store, task, part, scores, fraction=fraction, seed=seed, min_positives=min_positives
    )
