"""The same network untrained, and trained with labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from melp.data.store import Store
from melp.data.tasks import get_task
from melp.errors import MelpError
from melp.evaluation.supervised import Classifier, LabelledBatches, supervised, untrained
from melp.hub import load


def test_untrained_differs_in_weights_alone(tiny_run: Path) -> None:
    model = load(tiny_run)
    fresh, again, other = (untrained(model, Path("fresh"), seed) for seed in (0, 0, 1))
    trained, first = model.method.encoder.state_dict(), fresh.method.encoder.state_dict()
    assert {name: value.shape for name, value in first.items()} == {
        name: value.shape for name, value in trained.items()
    }
    kernel = "stem.0.weight"
    assert torch.equal(first[kernel], again.method.encoder.state_dict()[kernel])
    assert not torch.allclose(first[kernel], other.method.encoder.state_dict()[kernel])
    assert not torch.allclose(first[kernel], trained[kernel])
    assert fresh.preprocessing == model.preprocessing and not fresh.method.training


def test_batches_hold_the_labels_of_their_records(synthetic_store: Path) -> None:
    store, task = Store(synthetic_store), get_task("synthetic")
    labels = task.labels(store.index).iloc[::-3]
    batch = LabelledBatches(store, labels).__getitems__([(4, 40), (0, 1), (7, 5)])
    for row, place in enumerate((4, 0, 7)):
        ecg = store.ecg(labels.index[place])
        assert np.allclose(batch["signal"][row].numpy() / 1000, ecg.signal)
        assert set(np.array(task.classes)[batch["labels"][row].numpy() == 1]) == set(
            ecg.meta["labels"]
        ) & set(task.classes)


def test_loss_is_the_cross_entropy_of_each_class(tiny_run: Path) -> None:
    classifier = Classifier(load(tiny_run).method.encoder, 2).eval()
    ecg, labels = torch.randn(3, 12, 1000), torch.tensor([[0.0, 1], [1, 1], [0, 0]])
    chance = classifier.logits(ecg).sigmoid()
    slow = -(labels * chance.log() + (1 - labels) * (1 - chance).log()).mean()
    torch.testing.assert_close(classifier({"ecg": ecg, "labels": labels})["loss"], slow)


def test_training_with_labels_learns_and_is_not_done_twice(
    tiny_run: Path, synthetic_store: Path, tmp_path: Path
) -> None:
    model, store, task = load(tiny_run), Store(synthetic_store), get_task("synthetic")
    model.config["training"]["epochs"] = 12
    model.config["optimiser"]["lr"] = 1e-2
    judged = supervised(model, store, task, tmp_path / "run", progress=False)
    losses = pd.read_json(tmp_path / "run" / "log.jsonl", lines=True)["validation/loss"].dropna()
    assert losses.min() < 0.6 * np.log(2)
    weights = load_file(tmp_path / "run" / "model.safetensors")
    assert weights["encoder.stem.1.running_mean"].abs().max() > 1e-3, "trained as in training, not as in use"
    assert judged.cell.method == "supervised" and judged.cell.fraction == 100
    assert list(judged.scores.columns) == list(task.classes)
    assert set(judged.scores.index) == set(store.index.loc[store.index["fold"].isin((9, 10)), "id"]) & set(
        task.labels(store.index).index
    )
    written = (tmp_path / "run" / "log.jsonl").stat().st_mtime_ns
    again = supervised(model, store, task, tmp_path / "run", progress=False)
    assert (tmp_path / "run" / "log.jsonl").stat().st_mtime_ns == written
    assert np.array_equal(again.scores, judged.scores)
    model.config["training"]["epochs"] = 13
    with pytest.raises(MelpError, match="another training"):
        supervised(model, store, task, tmp_path / "run", progress=False)
