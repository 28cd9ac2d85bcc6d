"""Fine-tune a run's encoder with labels; and draw the same network untrained, as a baseline."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from melp.data.batches import Sample, StoreBatches
from melp.data.duplicates import without_duplicates
from melp.data.store import Store
from melp.errors import MelpError, check_ranges
from melp.evaluation.cells import Cell, Evaluation
from melp.evaluation.digests import digest
from melp.evaluation.embed import map_rows, rows_of
from melp.evaluation.evaluate import about, cell_of, evaluate_missing, evaluate_split, split_cell
from melp.evaluation.split import Split, check_patients, in_folds, join_folds, split_records
from melp.evaluation.subsets import stratified_subset
from melp.hub import Model, find_device, load
from melp.hub.folder import save_classifier
from melp.hub.records import write_training_records
from melp.nn.classifier import Classifier
from melp.tasks import Task
from melp.training.config import OptimiserConfig, TrainingConfig
from melp.training.fit import fit, step_counts
from melp.training.module import PretrainingModule
from melp.training.processes import check_processes
from melp.training.run_folder import train_once

__all__ = ["SCRATCH", "FineTuneRecipe", "finetune", "untrained"]

SCRATCH = "supervised"
"""Name of a classifier whose encoder is not pretrained."""


@dataclass
class FineTuneRecipe:
    """The training of a classifier, merged from defaults and command line."""

    encoder_rate: float = 0.3
    """Learning rate of a pretrained encoder as a share of the head's; from scratch it is the head's."""
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
        labels: labels as returned by `Task.labels`; its records form the dataset.
    """

    def __init__(self, store: Store, labels: pd.DataFrame) -> None:
        super().__init__(store)
        self.rows = rows_of(store, labels.index)
        self.labels = torch.tensor(labels.to_numpy(dtype=np.float32))

    def __getitems__(self, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """Return the batch of these samples."""
        return {**super().__getitems__(samples), "labels": self.labels[[row for row, _ in samples]]}


def untrained(model: Model, folder: Path, seed: int = 0) -> Model:
    """Return the same architecture and preprocessing with new random weights; results name it by `folder`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        method = type(model.method)(model.method.config, copy.deepcopy(model.method.inputs))
    return Model(method.to(model.device).eval(), model.preprocessing, model.config, folder)


_DEVICES = {"cpu": "cpu", "gpu": "cuda", "cuda": "cuda"}
"""The device of each of Lightning's accelerators."""


def find_training_device(name: str, recipe: FineTuneRecipe) -> torch.device:
    """Return the device `name` ("auto", "cpu" or "cuda"); auto is that of `training.accelerator`, if given.

    Raises:
        MelpError: another name, or one GPU of several, which Lightning does not take by its number.
    """
    device = find_device(_DEVICES.get(recipe.training.accelerator, name) if name == "auto" else name)
    if device.index:
        raise MelpError(f"device: found {name!r}, wanted cuda; choose a GPU by CUDA_VISIBLE_DEVICES")
    return device


def _on_device(training: TrainingConfig, device: torch.device) -> TrainingConfig:
    """Return the settings of a training on a device.

    Raises:
        MelpError: the settings name the accelerator of another device.
    """
    if training.accelerator == "auto":
        return replace(training, accelerator=device.type)
    if _DEVICES.get(training.accelerator, device.type) != device.type:
        raise MelpError(
            f"training.accelerator: {training.accelerator!r} found for a model on {device.type!r}, "
            "wanted auto or the accelerator of that device"
        )
    return training


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
    exclude_duplicates: bool = True,
    progress: bool = True,
    cells: Path | None = None,
) -> Evaluation:
    """Train the encoder of a run and a linear head with the labels of a task, and evaluate the classifier.

    The weights with the smallest loss on the validation folds are saved in `out`, a model folder. A killed
    training resumes from its last checkpoint. Training and evaluation take place on the model's device.

    Args:
        model: a loaded model folder.
        store: the records.
        task: classes and labels.
        out: folder of the training.
        recipe: the settings of the training.
        scratch: start from random weights: what labels alone give this encoder.
        fraction: share of the training records, in per cent, in stratified subsets.
        seed: seed of the subset.
        folds: folds to evaluate instead of the task's test folds; then all others are trained on.
        train_folds: folds to train on instead.
        validation_folds: folds that select the weights. Default: the task's, unless they are evaluated or all
            of them trained on; else the last training fold.
        min_positives: classes with fewer positives do not count in the macro mean.
        exclude_duplicates: see `split_records`.
        progress: whether to show a progress bar.
        cells: folder of cells; if the cell is in it, nothing is trained.

    Raises:
        MelpError: `out` contains another training, or nothing is left to train on or to evaluate.
    """
    recipe = recipe or FineTuneRecipe()
    split = split_records(task, store, folds, train_folds, exclude_duplicates=exclude_duplicates)
    split, held_out = _sides(split, task, store, validation_folds)
    training = split.training.iloc[stratified_subset(split.training.to_numpy(), fraction, seed)]
    settings = {**_about(model, task, scratch, fraction, seed, exclude_duplicates), **asdict(recipe)}
    _on_device(recipe.training, model.device)
    check_processes(recipe.training.ranks)
    source = untrained(model, model.folder, recipe.training.seed) if scratch else model
    shown: dict[str, Any] = {"fraction": fraction, "seed": seed, "n_train": len(training)}
    cell = _cell(source, store, task, held_out, settings)
    cell = split_cell(cell, split, min_positives=min_positives, **shown)

    def train() -> None:
        classifier = _classifier(source, task, recipe, 1.0 if scratch else recipe.encoder_rate)
        _train(classifier, model, store, training, held_out, recipe, settings, out, progress)

    def evaluate(missing: list[int]) -> Iterator[Evaluation]:
        train_once(out, settings, recipe.training.ranks, train, "finetune.json")
        yield _evaluate(cell, model, out, store, split)

    return evaluate_missing([cell], cells, evaluate)[0]


def _about(
    model: Model, task: Task, scratch: bool, fraction: float, seed: int, exclude_duplicates: bool
) -> dict[str, Any]:
    """Return the settings of a training besides its recipe."""
    return {
        "task": task.name,
        "classes": list(task.classes),
        "pretrained": None if scratch else str(model.folder),
        "fraction": fraction,
        "subset": seed,
        **({} if exclude_duplicates else {"duplicates": "kept"}),
    }


def _cell(
    source: Model, store: Store, task: Task, held_out: pd.DataFrame, settings: Mapping[str, Any]
) -> Cell:
    """Return the cell of a classifier, without its folds; no path is in it."""
    cell = cell_of("finetune", source, store, task)
    options = {name: value for name, value in settings.items() if name not in ("task", "pretrained")}
    options["selected_by"] = digest(held_out.index.tolist())
    method = _name(source, scratch=settings["pretrained"] is None)
    return replace(cell, method=method, options={**options, **cell.options})


def _name(model: Model, scratch: bool) -> str:
    return SCRATCH if scratch else f"{model.name}-finetuned"


def _sides(
    split: Split, task: Task, store: Store, validation_folds: Sequence[int] | None
) -> tuple[Split, pd.DataFrame]:
    """Return the split without the records that select the weights, and their labels."""
    if validation_folds is None:
        free = [fold for fold in task.validation_folds if fold not in split.folds]
        usable = not set(free) <= set(split.train_folds) and len(in_folds(split.labels, store, free))
        validation_folds = free if usable else split.train_folds[-1:]
    if both := sorted(set(validation_folds) & set(split.folds)):
        raise MelpError(f"folds: {join_folds(both)} both evaluated and selected by")
    held_out = in_folds(split.labels, store, validation_folds)
    training = split.training.drop(held_out.index, errors="ignore")
    for labels, kind in ((training, "train on"), (held_out, "select weights by")):
        if labels.empty:
            raise MelpError(f"{store.path}: no record with a label of {task.name} to {kind}")
    split = _without_held_out(replace(split, training=training), held_out, store)
    check_patients(store, split.training.index.append(held_out.index), split.test)
    return split, held_out


def _without_held_out(split: Split, held_out: pd.DataFrame, store: Store) -> Split:
    """Leave out training records that equal a record that selects the weights, and count them."""
    if split.duplicates is None:
        return split
    rows = rows_of(store, split.training.index)
    kept = np.isin(rows, without_duplicates(store, rows, rows_of(store, held_out.index)))
    return replace(split, training=split.training[kept], duplicates=split.duplicates + int((~kept).sum()))


def _classifier(source: Model, task: Task, recipe: FineTuneRecipe, encoder_rate: float) -> Classifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.training.seed)
        encoder = copy.deepcopy(source.method.encoder).requires_grad_(True)
        # A loaded model is in evaluation mode, and Lightning keeps the mode of each module.
        return Classifier(encoder, len(task.classes), encoder_rate).train()


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
    pretrained = [Path(settings["pretrained"])] if settings["pretrained"] else []

    def write() -> None:
        save_classifier(out, classifier, _name(model, not pretrained), model, settings)
        write_training_records(out, store, train.rows, pretrained)

    training_config = _on_device(recipe.training, model.device)
    fit(module, train, validation, training_config, out, write, "with labels", progress)


def _evaluate(cell: Cell, source: Model, out: Path, store: Store, split: Split) -> Evaluation:
    model = load(out, source.device)
    model.about = {**about(source), "folder": str(out)}
    parts = map_rows(model, store, rows_of(store, split.test), model.method.logits, title="evaluating")
    logits = torch.cat(parts).float().cpu().numpy()
    scores = pd.DataFrame(logits, index=split.test, columns=split.labels.columns)
    return evaluate_split(cell, model, store, split, scores)
