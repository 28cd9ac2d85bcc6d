"""The same network without pretraining: untrained, and trained with labels."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn

from melp.data.batches import Sample, StoreBatches
from melp.data.store import Store
from melp.data.tasks import Task
from melp.errors import MelpError
from melp.evaluation.embed import map_rows, rows_of
from melp.evaluation.judging import Judged, divide, judge_cell
from melp.hub import Model
from melp.hub.folder import CONFIG, WEIGHTS, write_text, write_weights
from melp.nn.base import Encoder
from melp.training.callbacks import CHECKPOINT
from melp.training.config import OptimiserConfig, TrainingConfig
from melp.training.fit import fit, step_counts
from melp.training.module import PretrainingModule

__all__ = ["Classifier", "supervised", "untrained"]

NAME = "supervised"


class Classifier(nn.Module):
    """An encoder and a linear head on its mean frame, trained by binary cross entropy.

    Args:
        encoder: frames of an ECG.
        classes: number of classes, which may occur together.
    """

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.dim, classes)

    def logits(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch class"]:
        """Log-odds of each class."""
        logits: Tensor = self.head(self.encoder(ecg).mean(1))
        return logits

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Float[Tensor, ""]]:
        """The loss of a batch that holds `ecg` and `labels`."""
        return {"loss": F.binary_cross_entropy_with_logits(self.logits(batch["ecg"]), batch["labels"])}


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


def supervised(
    model: Model,
    store: Store,
    task: Task,
    out: Path,
    *,
    folds: Sequence[int] | None = None,
    pretrained: bool = False,
    progress: bool = True,
) -> Judged:
    """Trains the encoder of `model` with the labels of a task, and judges it.

    Optimiser, schedule, batch size, epochs and folds are those that `model` was pretrained with; the weights
    with the least loss on its validation folds are kept. A killed training goes on where it was last saved.

    Args:
        model: a loaded model folder; only its architecture counts unless `pretrained`.
        store: where the records lie.
        task: classes and labels.
        out: folder of the training.
        folds: folds to judge instead of the task's test folds.
        pretrained: begin with the encoder's weights (fine-tuning) instead of random ones.
        progress: whether to show a progress bar.

    Raises:
        MelpError: `out` holds another training, or nothing is left to train on or to judge.
    """
    training = replace(TrainingConfig(**model.config["training"]), select="loss", validate_every=0)
    data = model.config["data"]
    trained_folds = (*data["train_folds"], *data["validation_folds"])
    part = divide(task, store, folds, trained_folds)
    source = model if pretrained else untrained(model, model.folder, training.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        # A loaded model is in evaluation mode, in which Lightning would leave its parts.
        classifier = Classifier(copy.deepcopy(source.method.encoder), len(task.classes)).train()
    config = {
        "name": NAME,
        "task": task.name,
        "classes": list(task.classes),
        "pretrained": str(model.folder) if pretrained else None,
        **{
            key: model.config.get(key) for key in ("method", "preprocessing", "optimiser", "training", "data")
        },
    }
    _begin(out, config)
    if not _finished(out):
        _train(classifier, model, store, part.labels, training, out, progress)
    classifier.load_state_dict(load_file(out / WEIGHTS))
    return _judge(Model(classifier.eval(), model.preprocessing, config, out), store, task, part)


def _train(
    classifier: Classifier,
    model: Model,
    store: Store,
    labels: pd.DataFrame,
    training: TrainingConfig,
    out: Path,
    progress: bool,
) -> None:
    data = model.config["data"]
    fold = store.index.set_index("id")["fold"].loc[labels.index]
    train, held_out = (
        LabelledBatches(store, labels[fold.isin(data[key])]) for key in ("train_folds", "validation_folds")
    )
    steps, _ = step_counts(len(train), training)
    optimiser = OptimiserConfig(**model.config["optimiser"])
    module = PretrainingModule(classifier, optimiser, steps, training.seed, model.preprocessing, store.rate)

    def write() -> None:
        write_weights(out / WEIGHTS, classifier.state_dict())

    fit(module, train, held_out, training, out, write, "with labels", progress)


def _judge(model: Model, store: Store, task: Task, part: Any) -> Judged:
    rows = rows_of(store, part.judged)
    parts = map_rows(model, store, rows, model.method.logits, title="judging")
    scores = pd.DataFrame(
        torch.cat(parts).float().cpu().numpy(), index=part.judged, columns=list(task.classes)
    )
    return judge_cell(model, store, task, part, scores, fraction=100)


def _begin(out: Path, config: Mapping[str, Any]) -> None:
    """Notes what is trained in `out`, or sees that it is what is trained there already."""
    file = out / CONFIG
    text = json.dumps(config, indent=2) + "\n"
    if file.is_file() and file.read_text(encoding="utf-8") != text:
        raise MelpError(f"{out}: holds another training; wanted the same settings or a new folder")
    out.mkdir(parents=True, exist_ok=True)
    write_text(file, text)


def _finished(out: Path) -> bool:
    if not (out / WEIGHTS).is_file() or not (out / CHECKPOINT).is_file():
        return False
    return bool(torch.load(out / CHECKPOINT, weights_only=True, mmap=True).get("finished"))
