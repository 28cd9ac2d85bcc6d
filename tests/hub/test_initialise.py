"""Initialising a method with the encoder of another run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from melp.data.store import Store
from melp.errors import MelpError
from melp.hub import load, save
from melp.hub.initialise import initialise_encoder
from melp.recipes import load_recipe
from melp.training.pretrain import pretrain
from small_methods import Workshop


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


@pytest.fixture(scope="module")
def run(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SimCLR run with updated batch norm statistics."""
    folder = tmp_path_factory.mktemp("runs") / "simclr"
    method = workshop.method("simclr", seed=7).train()
    method(workshop.batch("simclr"))
    save(folder, method, "simclr", workshop.preprocessing("simclr"))
    return folder


@pytest.mark.parametrize("name", ["byol", "moco_v3", "melp", "merl", "simclr"])
def test_any_method_loads_the_encoder_of_any_other(workshop: Workshop, run: Path, name: str) -> None:
    method: Any = workshop.method(name).eval()
    summary = initialise_encoder(method, run, workshop.preprocessing("simclr"))
    expected = load(run).method.encoder.state_dict()
    result = method.encoder.state_dict()
    assert result.keys() == expected.keys()
    assert all(torch.equal(result[key], value) for key, value in expected.items())
    count = len(expected)
    assert summary == f"{run}: {count} of {count} tensors of the encoder loaded from a simclr run"


def test_moving_averages_are_reset_to_the_loaded_encoder(workshop: Workshop, run: Path) -> None:
    method: Any = workshop.method("byol")
    ecg = workshop.batch("byol")["ecg"]
    initialise_encoder(method, run, workshop.preprocessing("simclr"))
    method.eval()
    torch.testing.assert_close(method.target_encoder.embed(ecg), method.encoder.embed(ecg))
    torch.testing.assert_close(method.target_encoder.embed(ecg), load(run).method.encoder.embed(ecg))


def test_tensors_that_do_not_fit_are_named_and_unchanged(workshop: Workshop, run: Path) -> None:
    sizes = "encoder_options={widths: [8, 16, 24], blocks: [1, 1, 1], strides: [2, 4, 2]}"
    method = workshop.method("simclr", (sizes,))
    before = {key: value.clone() for key, value in method.encoder.state_dict().items()}
    summary = initialise_encoder(method, run, workshop.preprocessing("simclr"))
    loaded = load(run).method.encoder.state_dict()
    assert f"{len(loaded)} of {len(before)} tensors" in summary
    assert "not loaded: residual_stages.2." in summary
    assert "(not in the run)" in summary and f"and {len(before) - len(loaded) - 6} more" in summary
    for key, value in method.encoder.state_dict().items():
        assert torch.equal(value, loaded.get(key, before[key]))


def test_other_preprocessing_is_named(workshop: Workshop, run: Path) -> None:
    loaded = workshop.preprocessing("simclr")
    changed = replace(loaded, scaling="zscore", leads=(*loaded.leads[1::-1], *loaded.leads[2:]))
    summary = initialise_encoder(workshop.method("simclr"), run, changed)
    assert "from a simclr run; its preprocessing differs: leads I II III " in summary
    assert "(here II I III " in summary and summary.endswith(f", scaling {loaded.scaling} (here zscore)")


def test_an_encoder_that_does_not_fit_is_refused(workshop: Workshop, run: Path, tmp_path: Path) -> None:
    method = workshop.method("simclr", ("encoder=wav2vec2_tiny", "encoder_options={}"))
    with pytest.raises(
        MelpError, match=r"init_from: .*simclr found, a simclr run whose encoder does not fit, .*Wav2Vec2"
    ):
        initialise_encoder(method, run, workshop.preprocessing("simclr"))
    with pytest.raises(MelpError, match="wanted the folder of a model"):
        initialise_encoder(method, tmp_path, workshop.preprocessing("simclr"))


@pytest.mark.parametrize("key", ["method.init_from", "init_from"])
def test_a_training_starts_from_it_and_reports_it(
    synthetic_store: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    options = [f"{key}={run}", "training.max_steps=1", "optimiser.lr=1e-12", "optimiser.weight_decay=0"]
    out = pretrain(
        "simclr", Store(synthetic_store), load_recipe("simclr", "simclr/tiny", options), tmp_path, False
    )
    assert f"{run}: " in capsys.readouterr().err
    result, expected = (load(folder).method.encoder.stem[0].weight for folder in (out, run))
    torch.testing.assert_close(result, expected)
