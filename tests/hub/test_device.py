"""Models on another device than the CPU; the meta device stands for any of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from melp.errors import MelpError
from melp.evaluation import finetune as finetuning
from melp.evaluation.cells import Cell, Evaluation
from melp.evaluation.embed import map_rows
from melp.evaluation.finetune import FineTuneRecipe, find_training_device, finetune
from melp.hub import load, save
from melp.methods import list_methods
from melp.tasks import get_task
from melp.training.config import TrainingConfig
from small_methods import Workshop

META = torch.device("meta")


class Devices(TorchDispatchMode):
    """Record operations that read tensors of two devices; numbers (tensors without axes) have none."""

    def __init__(self) -> None:
        super().__init__()
        self.mixed: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor) and leaf.ndim]
        if len({tensor.device.type for tensor in tensors}) > 1:
            self.mixed.append(str(function))
        return function(*args, **(kwargs or {}))


@contextmanager
def one_device() -> Iterator[None]:
    """Check that no operation reads tensors of two devices."""
    with Devices() as devices:
        yield
    assert devices.mixed == []


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


@pytest.fixture(scope="module")
def folders(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model folder of each method whose recordings are resampled and filtered."""
    folder, names = tmp_path_factory.mktemp("models"), list_methods()
    for name in names:
        preprocessing = replace(workshop.preprocessing(name), rate=125, seconds=8, filter="bandpass")
        save(folder / name, workshop.method(name), name, preprocessing)
    return {name: folder / name for name in names}


@pytest.mark.parametrize("name", list_methods())
def test_inputs_and_embeddings_are_on_the_device_of_the_model(
    workshop: Workshop, folders: dict[str, Path], name: str
) -> None:
    model, store = load(folders[name], device="meta"), workshop.store
    here, signals = load(folders[name]), store.signals(np.array([4, 9]))
    assert model.device == META and here.device == torch.device("cpu")
    with one_device():
        for given in ((store.ecg(store.index["id"][4]), 0.0), (signals, store.rate)):
            inputs = model.inputs(*given)
            assert inputs.device == META and inputs.shape == here.inputs(*given).shape
            embeddings = model.method.embed(inputs)
            assert embeddings.device == META
            assert embeddings.shape == here.method.embed(here.inputs(*given)).shape


def test_records_of_a_store_are_preprocessed_on_the_device(
    workshop: Workshop, folders: dict[str, Path]
) -> None:
    model, devices = load(folders["simclr"], device="meta"), list[torch.device]()
    with one_device():
        parts = map_rows(
            model, workshop.store, np.arange(70), lambda ecg: devices.append(ecg.device) or len(ecg)
        )
    assert parts == [64, 6] and devices == [META, META]
    prepared = list[torch.device]()
    model.preprocessing = type(
        "Watched", (), {"__call__": lambda self, signal, *_: prepared.append(signal.device) or signal.float()}
    )()
    map_rows(model, workshop.store, np.arange(3), len)
    assert prepared == [META]


def test_finetuning_trains_and_evaluates_on_the_device_of_the_model(
    workshop: Workshop, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: dict[str, object] = {}

    def fit(
        module: Any, train: Any, validation: Any, config: TrainingConfig, out: Path, write: Any, *_: Any
    ) -> None:
        used["accelerator"] = config.accelerator
        used["encoder"] = next(module.method.encoder.parameters()).device

    monkeypatch.setattr(finetuning, "fit", fit)
    loaded = SimpleNamespace(method=SimpleNamespace(logits=None))
    monkeypatch.setattr(finetuning, "load", lambda out, device="cpu": used.update(loaded=device) or loaded)

    def logits(model: object, _: object, rows: np.ndarray, *__: object, **___: object) -> list[Tensor]:
        used["evaluated"] = model
        return [torch.zeros(len(rows), len(task.classes))]

    monkeypatch.setattr(finetuning, "map_rows", logits)
    monkeypatch.setattr(finetuning, "evaluate_split", lambda cell, *_: Evaluation(cell, pd.DataFrame()))
    # Weights on "meta" have no values, and so no digest.
    monkeypatch.setattr(finetuning, "_cell", lambda *_: Cell("finetune", "simclr", "", "synthetic"))
    model, task = load(folders["simclr"], device="meta"), get_task("synthetic")
    for scratch in (False, True):
        finetune(model, workshop.store, task, tmp_path / str(scratch), scratch=scratch, progress=False)
        assert used == {"accelerator": "meta", "encoder": META, "loaded": META, "evaluated": loaded}
    elsewhere = FineTuneRecipe(training=TrainingConfig(accelerator="gpu"))
    with pytest.raises(MelpError, match="accelerator: 'gpu' found for a model on 'meta', wanted"):
        finetune(model, workshop.store, task, tmp_path / "refused", elsewhere, progress=False)
    assert not (tmp_path / "refused").exists()


def test_device_of_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def device(name: str, accelerator: str = "auto") -> str:
        return str(
            find_training_device(name, FineTuneRecipe(training=TrainingConfig(accelerator=accelerator)))
        )

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device("auto") == device("cpu") == device("auto", "cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device("auto") == device("cuda") == device("auto", "gpu") == "cuda"
    assert device("auto", "cpu") == device("cpu", "gpu") == "cpu"
    with pytest.raises(MelpError, match="device: found 'cuda:1', wanted cuda; choose a GPU by CUDA_VISIBLE"):
        device("cuda:1")
    with pytest.raises(MelpError, match="device: found 'abacus', wanted auto, cpu or cuda"):
        device("abacus")
