"""A model that knows every label, evaluated by both protocols on the published records of PTB-XL."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from melp.data.store import Store
from melp.evaluation.paper_probe import PaperProbe, paper_probe
from melp.evaluation.probe import probe
from melp.tasks import get_task
from melp.tasks.published_labels import SPLITS, read_label_files
from small_judging import RATE, SECONDS, HashingMethod, small_model, write_records

TASK = "ptbxl-sub"
FOLDS = {"train": 1, "val": 9, "test": 10}


class PerfectMethod(HashingMethod):
    """Reads a class from the mean of a lead over the first or the second half of a record."""

    def embed(self, ecg: Tensor) -> Tensor:
        return ecg.unflatten(-1, (2, -1)).mean(-1).flatten(1)


@pytest.fixture(scope="module")
def labelled_store(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """All records of the published files; the samples of each are its labels, in mV."""
    rows, halves = [], []
    files = read_label_files(recordings / "published-splits", get_task(TASK))
    for split in SPLITS:
        labels = files[split].labels[list(get_task(TASK).classes)]
        for name, classes in labels.iterrows():
            codes = list(labels.columns[classes])
            rows.append(
                {"id": name, "patient": name, "fold": FOLDS[split], "labels": codes, "statements": []}
            )
            halves.append(np.append(classes, False).reshape(12, 2))
    signals = np.repeat(np.array(halves, dtype=np.int16) * 1000, RATE * SECONDS // 2, axis=2)
    return write_records(tmp_path_factory.mktemp("labelled"), rows, signals)


def perfect_probe(features: np.ndarray, labels: np.ndarray, *held_out: np.ndarray) -> PaperProbe:
    """A probe of `PerfectMethod` that makes no mistake in training; its softmax of a negative class is 0."""
    layer = nn.Linear(features.shape[1], labels.shape[1], bias=False)
    layer.weight = nn.Parameter(200 * torch.eye(*layer.weight.shape))
    assert ((layer(torch.tensor(features, dtype=torch.float32)) > 100).numpy() == labels).all()
    return PaperProbe(layer, 0, 1)


@pytest.mark.slow
@pytest.mark.data
def test_a_perfect_model_reaches_the_published_ceiling_and_one(
    recordings: Path, labelled_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The published probe is trained on one class and evaluated on another in three columns."""
    model, task = small_model(PerfectMethod(), "perfect"), get_task(TASK)
    monkeypatch.setattr("melp.evaluation.paper_probe.fit_paper_probe", perfect_probe)
    (paper,) = paper_probe(model, labelled_store, [task], recordings / "published-splits")
    assert paper.metric()["value"] == pytest.approx(0.9337, abs=1e-4)
    (corrected,) = probe(model, labelled_store, [task], folds=[10], train_folds=[1])
    assert corrected.metric()["value"] == pytest.approx(1, abs=1e-9)
