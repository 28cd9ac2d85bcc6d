"""A method trained in mixed precision sees the ECGs that its model sees when it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from melp.augment.electrodes import add_to_electrodes
from melp.augment.views import AUGMENTATIONS, make_view
from melp.data.store import Store
from melp.hub import load
from melp.methods import get_method, list_methods
from melp.recipes import load_recipe
from melp.signal.filters import band_pass
from melp.signal.resampling import resample
from melp.signal.sentences import make_sentences
from melp.training.pretrain import pretrain

# Resampled and filtered, to as many samples as in the recipes.
OPTIONS = (
    "preprocessing.rate=125",
    "preprocessing.seconds=8",
    "preprocessing.filter=bandpass",
    "training.precision=bf16",
    "training.max_steps=2",
    "training.batch_size=8",
    "data.validation_folds=[]",
)


@pytest.mark.parametrize("name", list_methods())
def test_the_ecg_of_training_is_that_of_inputs(
    synthetic_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    kind, store, seen = get_method(name), Store(synthetic_store), list[tuple[Tensor, Tensor]]()
    forward = kind.forward

    def watched(self: Any, batch: Any) -> Any:
        assert torch.is_autocast_enabled("cpu")
        seen.append((batch["signal"], batch["ecg"]))
        return forward(self, batch)

    monkeypatch.setattr(kind, "forward", watched)
    text = ["stage1.training.max_steps=1"] if "text" in kind.needs else []
    recipe = load_recipe(name, f"{name}/tiny", [*OPTIONS, *text])
    model = load(pretrain(name, store, recipe, tmp_path / "run", progress=False))
    assert len(seen) == 2 * max(len(kind.stages), 1)
    for signal, ecg in seen:
        assert ecg.shape == (8, 12, 1000) and ecg.dtype == torch.float32
        assert torch.equal(ecg, model.inputs(signal.numpy(), store.rate))


def test_leads_stay_consistent_under_autocast() -> None:
    generator = torch.Generator().manual_seed(0)
    ecg = add_to_electrodes(torch.zeros(3, 12, 5000), torch.randn(3, 9, 5000, generator=generator))
    keys = torch.tensor([3, 4, 5])
    with torch.autocast("cpu", torch.bfloat16):
        view = make_view(ecg, keys, AUGMENTATIONS["fairseq_noise"], 500)
    assert torch.equal(view, make_view(ecg, keys, AUGMENTATIONS["fairseq_noise"], 500))
    first, second, third = view[:, 0], view[:, 1], view[:, 2]
    assert float((second - first - third).abs().max()) < 2e-6
    assert float((view - ecg).abs().max()) > 0.1


def test_signals_are_the_same_under_autocast() -> None:
    ecg = torch.randn(2, 12, 2000, generator=torch.Generator().manual_seed(1)).cumsum(-1) / 20
    functions = {
        "resample": lambda: resample(ecg, 500, 250),
        "band_pass": lambda: band_pass(resample(ecg, 500, 250), 250, 0.67, 40.0),
        "sentences": lambda: make_sentences(ecg, 500).beats,
    }
    for name, function in functions.items():
        with torch.autocast("cpu", torch.bfloat16):
            mixed = function()
        assert mixed.dtype == torch.float32 and torch.equal(mixed, function()), name
