"""Protocol "paper": the published linear probe, trained by AdamW with early stopping."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import Evaluation
from melp.evaluation.evaluate import evaluate_missing
from melp.evaluation.metrics import auroc
from melp.evaluation.paper_split import (
    SEED,
    PaperSplit,
    embed_together,
    evaluate_as_published,
    paper_cell,
    sample_as_published,
    split_as_published,
)
from melp.evaluation.probe import probe_features
from melp.evaluation.split import union
from melp.hub import Model
from melp.tasks import Task

__all__ = ["PaperProbe", "fit_paper_probe", "paper_probe"]

EPOCHS, PATIENCE, BATCH = 100, 5, 128
RATE, LAST_RATE, DECAY = 1e-3, 1e-5, 1e-4


@dataclass(frozen=True)
class PaperProbe:
    """A linear layer with its weights after `epoch` (from 0) of `epochs` epochs of training."""

    layer: nn.Linear
    epoch: int
    epochs: int

    def __call__(self, features: Float[np.ndarray, "record feature"]) -> Float[np.ndarray, "record class"]:
        """Return the softmax over the classes, as published, although classes occur together."""
        with torch.no_grad():
            logits = _logits(self.layer, torch.tensor(features, dtype=torch.float32))
        return logits.float().softmax(-1).numpy()


def _logits(layer: nn.Linear, features: Float[Tensor, "record feature"]) -> Float[Tensor, "record class"]:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits: Tensor = layer(features)
    return logits


def fit_paper_probe(
    features: Float[np.ndarray, "record feature"],
    labels: Bool[np.ndarray, "record class"],
    held_out: Float[np.ndarray, "other feature"],
    held_out_labels: Bool[np.ndarray, "other class"],
    seed: int = SEED,
) -> PaperProbe:
    """Train the layer; return the epoch with the largest macro area on the held-out records.

    AdamW, cosine from 1e-3 to 1e-5 by epoch, binary cross entropy on bfloat16 logits. Training ends after 100
    epochs, or five without a larger area; a class without positives counts 0 in the macro area, as in common
    metric libraries.
    """
    x, y = torch.tensor(features, dtype=torch.float32), torch.tensor(labels, dtype=torch.float32)
    largest, best, epoch = -1.0, PaperProbe(nn.Linear(1, 1), -1, 0), 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = nn.Linear(x.shape[1], y.shape[1])
        optimiser = AdamW(layer.parameters(), lr=RATE, weight_decay=DECAY)
        schedule = CosineAnnealingLR(optimiser, T_max=EPOCHS, eta_min=LAST_RATE)
        for epoch in range(EPOCHS):
            for rows in torch.randperm(len(x)).split(BATCH):
                optimiser.zero_grad()
                binary_cross_entropy_with_logits(_logits(layer, x[rows]).float(), y[rows]).backward()
                optimiser.step()
            schedule.step()
            current = PaperProbe(layer, epoch, epoch + 1)
            area = float(np.nan_to_num(auroc(current(held_out), held_out_labels)).mean())
            if area > largest:
                largest, best = area, PaperProbe(copy.deepcopy(layer), epoch, epoch + 1)
            elif epoch - best.epoch >= PATIENCE:
                break
    return PaperProbe(best.layer, best.epoch, epoch + 1)


def paper_probe(
    model: Model,
    store: Store,
    tasks: Sequence[Task],
    folder: Path,
    *,
    fractions: Sequence[float] = (100,),
    file: str = "test",
    out: Path | None = None,
) -> list[Evaluation]:
    """Evaluate a frozen model on tasks by linear probes as published, one per fraction of the training file.

    Args:
        model: a loaded model folder.
        store: the records.
        tasks: tasks with published label files.
        folder: the folder of the files.
        fractions: shares of the training file, in per cent.
        file: the file to evaluate, "test" or "val".
        out: folder of cells; those in it are not computed again, and the others are written to it.

    Differences: the published features also come from an encoder in bfloat16, one batch at a time during
    training; here they are computed once, in float32. The layer's initial weights and the order of batches
    are those of seed 42, but not the published ones.

    Raises:
        MelpError: the files cannot be read, or the store has no record to train on, select by or evaluate.
    """
    splits = [split_as_published(task, store, folder, file) for task in tasks]
    subsets = [_subsets(task, split, fractions, store) for task, split in zip(tasks, splits, strict=True)]
    jobs = [
        (
            place,
            ids,
            paper_cell("probe", model, store, task, split, fraction=percent, n_train=len(ids)),
        )
        for place, (task, split) in enumerate(zip(tasks, splits, strict=True))
        for percent, ids in subsets[place].items()
    ]

    def evaluate(missing: list[int]) -> Iterator[Evaluation]:
        embedded = embed_together(
            tasks,
            [union([split.training.index, split.validation.index, split.test.index]) for split in splits],
            lambda ids, keep: probe_features(model, store, ids, keep),
        )
        for number in missing:
            place, ids, cell = jobs[number]
            features, split = embedded[place], splits[place]
            fitted = _fit(features, split, ids)
            scores = pd.DataFrame(
                fitted(features.loc[split.test.index].to_numpy()), split.test.index, split.training.columns
            )
            selected, labels = {"epoch": fitted.epoch}, split.by_position
            yield evaluate_as_published(cell, model, store, split, scores, labels, selected=selected)

    return evaluate_missing([cell for _, _, cell in jobs], out, evaluate)


def _fit(features: pd.DataFrame, split: PaperSplit, training: pd.Index) -> PaperProbe:
    """Return a probe trained on the records `training`."""
    return fit_paper_probe(
        features.loc[training].to_numpy(),
        split.training.loc[training].to_numpy(),
        features.loc[split.validation.index].to_numpy(),
        split.validation.to_numpy(),
    )


def _subsets(
    task: Task, split: PaperSplit, fractions: Sequence[float], store: Store
) -> dict[float, pd.Index]:
    """Return the records of each published subset that the store contains."""
    if not len(split.validation):
        raise MelpError(
            f"{store.path}: no record of the validation file of {task.name}, which selects the probe"
        )
    chosen = {}
    for percent in fractions:
        ids = sample_as_published(split.training_file, percent) if percent < 100 else split.training_file
        chosen[percent] = ids[ids.isin(split.training.index)]
        if not len(chosen[percent]):
            raise MelpError(
                f"{store.path}: no record of the published {percent:g} % of the training file of {task.name}"
            )
    return chosen
