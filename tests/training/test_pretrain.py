"""What `pretrain` gives to the training loop: folds, texts, seed, preprocessing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import melp.training.pretrain
from melp.data.batches import StoreBatches, TextAugmentation
from melp.data.store import Store
from melp.recipes import load_recipe
from melp.signal.preprocessing import Preprocessing
from melp.training.fit import step_counts
from melp.training.module import PretrainingModule


@dataclass
class Given:
    """The arguments of `fit`."""

    module: Any = None
    train: Any = None
    validation: Any = None
    config: Any = None
    weights: torch.Tensor = field(default_factory=lambda: torch.empty(0))


def fit_arguments(monkeypatch: pytest.MonkeyPatch, store: Path, out: Path, name: str, *options: str) -> Given:
    given = Given()

    def fit(module: PretrainingModule, train: Any, validation: Any, config: Any, *others: Any) -> None:
        given.module, given.train, given.validation, given.config = module, train, validation, config
        weights = [weight.detach().flatten() for weight in module.method.parameters()]
        given.weights = torch.cat(weights)
        others[1]()  # save

    monkeypatch.setattr(melp.training.pretrain, "fit", fit)
    recipe = load_recipe(name, f"{name}/tiny", ["stage1.training.max_steps=1", *options])
    melp.training.pretrain.pretrain(name, Store(store), recipe, out, progress=False)
    return given


def folds(batches: StoreBatches) -> set[int]:
    return set(batches.store.column("fold")[batches.rows].tolist())


def test_training_and_validation_have_their_own_folds(
    synthetic_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("data.train_folds=[2,3,5]", "data.validation_folds=[7,8]")
    given = fit_arguments(monkeypatch, synthetic_store, tmp_path / "run", "simclr", *options)
    assert folds(given.train) == {2, 3, 5} and folds(given.validation) == {7, 8}
    index = Store(synthetic_store).index
    assert len(given.train) == int(index["fold"].isin([2, 3, 5]).sum())
    assert given.train.encode is None and given.module.steps == step_counts(len(given.train), given.config)[0]
    none = fit_arguments(
        monkeypatch, synthetic_store, tmp_path / "none", "simclr", "data.validation_folds=[]"
    )
    assert none.validation is None


def test_texts_are_augmented_in_training_only(
    synthetic_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("data.statement_sampling=0.25", "data.statement_shuffle=true")
    given = fit_arguments(monkeypatch, synthetic_store, tmp_path / "run", "merl", *options)
    assert given.train.augmentation == TextAugmentation(0.25, True)
    assert not given.validation.augmentation.active
    assert given.train.encode is not None and given.validation.encode is not None


def test_weights_and_dropout_depend_on_the_seed(
    synthetic_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, again, other = (
        fit_arguments(monkeypatch, synthetic_store, tmp_path / str(i), "simclr", f"training.seed={seed}")
        for i, seed in enumerate((3, 3, 4))
    )
    assert first.weights.equal(again.weights) and not first.weights.equal(other.weights)
    assert (first.module.seed, other.module.seed, other.config.seed) == (3, 4, 4)


def test_ecgs_are_preprocessed_as_the_recipe_says(
    synthetic_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("preprocessing.rate=50", "preprocessing.scaling=zscore")
    given = fit_arguments(monkeypatch, synthetic_store, tmp_path / "run", "simclr", *options)
    batch = given.train.__getitems__([(0, 5), (3, 6)])
    signal = Store(synthetic_store).signals(given.train.rows[[0, 3]]).astype(np.float32) / 1000
    expected = Preprocessing(rate=50, seconds=10, scaling="zscore")(torch.from_numpy(signal), 100)
    torch.testing.assert_close(given.module.prepare(batch)["ecg"], expected)
    assert given.module.method.inputs.rate == 50 and given.module.method.inputs.samples == 500
