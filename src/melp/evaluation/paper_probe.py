"""Protocol "paper": the published linear probe, trained by AdamW and stopped on the validation file."""

from __future__ import annotations

import copy
from collections.abc import Sequence
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
from melp.evaluation.judging import Judged, union
from melp.evaluation.metrics import auroc
from melp.evaluation.paper_judging import paper_cell
from melp.evaluation.paper_split import (
    SEED,
    PaperSplit,
    divide_as_published,
    embed_together,
    sample_as_published,
)
from melp.evaluation.probe import probe_features
from melp.hub import Model
from melp.tasks import Task

__all__ = ["PaperProbe", "fit_paper_probe", "paper_probe"]

EPOCHS, PATIENCE, BATCH = 100, 5, 128
RATE, LAST_RATE, DECAY = 1e-3, 1e-5, 1e-4


@dataclass(frozen=True)
class PaperProbe:
    """A linear layer, as it was after `epoch` (from 0) of the `epochs` that it was trained for."""

    layer: nn.Linear
    epoch: int
    epochs: int

    def __call__(self, features: Float[np.ndarray, "record feature"]) -> Float[np.ndarray, "record class"]:
        """Softmax over the classes, although they occur together: what the published areas are taken of."""
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
    """Trains the layer; the epoch with the largest macro area on the held-out records is kept.

    AdamW, cosine from 1e-3 to 1e-5 by epoch, binary cross entropy on bfloat16 logits. It ends after 100
    epochs, or five without a larger area; a class without positives counts 0 in it, as common metric
    libraries have it.
    """
    x, y = torch.tensor(features, dtype=torch.float32), torch.tensor(labels, dtype=torch.float32)
    best, kept, epoch = -1.0, PaperProbe(nn.Linear(1, 1), -1, 0), 0
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
            now = PaperProbe(layer, epoch, epoch + 1)
            area = float(np.nan_to_num(auroc(now(held_out), held_out_labels)).mean())
            if area > best:
                best, kept = area, PaperProbe(copy.deepcopy(layer), epoch, epoch + 1)
            elif epoch - kept.epoch >= PATIENCE:
                break
    return PaperProbe(kept.layer, kept.epoch, epoch + 1)


def paper_probe(
    model: Model,
    store: Store,
    tasks: Sequence[Task],
    folder: Path,
    *,
    fractions: Sequence[float] = (100,),
    file: str = "test",
) -> list[Judged]:
    """Judges a frozen model on tasks by linear probes as published, one a fraction of the training file.

    Args:
        model: a loaded model folder.
        store: where the records lie.
        tasks: such with published label files.
        folder: holds the files.
        fractions: shares of the training file, in per cent.
        file: which is judged, "test" or "val".

    Differences: the published features come from an encoder in bfloat16 too, one batch at a time in training;
    here they are computed once, in float32. The layer's first weights and the order of batches are those of
    seed 42, but not the published ones.

    Raises:
        MelpError: the files cannot be read, or the store holds nothing to train on, to select on or to judge.
    """
    parts = [divide_as_published(task, store, folder, file) for task in tasks]
    subsets = [_subsets(task, part, fractions, store) for task, part in zip(tasks, parts, strict=True)]
    embedded = embed_together(
        tasks,
        [union([part.training.index, part.validation.index, part.judged.index]) for part in parts],
        lambda ids, keep: probe_features(model, store, ids, keep),
    )
    judged = []
    for task, part, chosen, features in zip(tasks, parts, subsets, embedded, strict=True):
        for percent, ids in chosen.items():
            scores = _scores(features, part, ids)
            judged.append(paper_cell(model, store, task, part, scores, part.by_position, fraction=percent))
    return judged


def _scores(features: pd.DataFrame, part: PaperSplit, trained: pd.Index) -> pd.DataFrame:
    """Scores of the judged records by a probe trained on the records `trained`."""
    fitted = fit_paper_probe(
        features.loc[trained].to_numpy(),
        part.training.loc[trained].to_numpy(),
        features.loc[part.validation.index].to_numpy(),
        part.validation.to_numpy(),
    )
    ids = part.judged.index
    return pd.DataFrame(fitted(features.loc[ids].to_numpy()), index=ids, columns=part.training.columns)


def _subsets(task: Task, part: PaperSplit, fractions: Sequence[float], store: Store) -> dict[float, pd.Index]:
    """The records of each published subset that the store holds."""
    if not len(part.validation):
        raise MelpError(
            f"{store.path}: no record of the validation file of {task.name}, by which the probe is chosen"
        )
    chosen = {}
    for percent in fractions:
        ids = sample_as_published(part.training_file, percent) if percent < 100 else part.training_file
        chosen[percent] = ids[ids.isin(part.training.index)]
        if not len(chosen[percent]):
            raise MelpError(
                f"{store.path}: no record of the published {percent:g} % of the training file of {task.name}"
            )
    return chosen
