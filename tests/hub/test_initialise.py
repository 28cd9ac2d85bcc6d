"""Beginning with another run's encoder: what fits is taken, and said; what follows it begins anew."""

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
    """A SimCLR run whose batch norms have seen data."""
    folder = tmp_path_factory.mktemp("runs") / "simclr"
    method = workshop.method("simclr", seed=7).train()
    method(workshop.batch("simclr"))
    save(folder, method, "simclr", workshop.preprocessing("simclr"))
    return folder


@pytest.mark.parametrize("name", ["byol", "moco_v3", "melp", "merl", "simclr"])
def test_any_method_takes_the_encoder_of_any_other(workshop: Workshop, run: Path, name: str) -> None:
    method: Any = workshop.method(name).eval()
    said = initialise_encoder(method, run, workshop.preprocessing("simclr"))
    wanted = load(run).method.encoder.state_dict()
    found = method.encoder.state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], value) for key, value in wanted.items())
    assert said == f"{run}: {len(wanted)} of {len(wanted)} tensors of the encoder loaded from a simclr run"


def test_networks_that_follow_the_encoder_begin_where_it_does(workshop: Workshop, run: Path) -> None:
    method: Any = workshop.method("byol")
    ecg = workshop.batch("byol")["ecg"]
    initialise_encoder(method, run, workshop.preprocessing("simclr"))
    method.eval()
    torch.testing.assert_close(method.target_encoder.embed(ecg), method.encoder.embed(ecg))
    torch.testing.assert_close(method.target_encoder.embed(ecg), load(run).method.encoder.embed(ecg))


def test_what_does_not_fit_is_named_and_left_as_it_was(workshop: Workshop, run: Path) -> None:
    sizes = "encoder_options={widths: [8, 16, 24], blocks: [1, 1, 1], strides: [2, 4, 2]}"
    method = workshop.method("simclr", (sizes,))
    before = {key: value.clone() for key, value in method.encoder.state_dict().items()}
    said = initialise_encoder(method, run, workshop.preprocessing("simclr"))
    theirs = load(run).method.encoder.state_dict()
    assert f"{len(theirs)} of {len(before)} tensors" in said and "not loaded: residual_stages.2." in said
    assert "(not in the run)" in said and f"and {len(before) - len(theirs) - 6} more" in said
    for key, value in method.encoder.state_dict().items():
        assert torch.equal(value, theirs.get(key, before[key]))


def test_other_leads_and_scaling_are_told(workshop: Workshop, run: Path) -> None:
    theirs = workshop.preprocessing("simclr")
    mine = replace(theirs, scaling="zscore", leads=(*theirs.leads[1::-1], *theirs.leads[2:]))
    said = initialise_encoder(workshop.method("simclr"), run, mine)
    assert "from a simclr run; its preprocessing differs: leads I II III " in said
    assert "(here II I III " in said and said.endswith(f", scaling {theirs.scaling} (here zscore)")


def test_another_encoder_altogether_is_refused(workshop: Workshop, run: Path, tmp_path: Path) -> None:
    method = workshop.method("simclr", ("encoder=wav2vec2_tiny", "encoder_options={}"))
    with pytest.raises(
        MelpError, match=r"init_from: .*simclr found, a simclr run whose encoder does not fit, .*Wav2Vec2"
    ):
        initialise_encoder(method, run, workshop.preprocessing("simclr"))
    with pytest.raises(MelpError, match="wanted the folder of a model"):
        initialise_encoder(method, tmp_path, workshop.preprocessing("simclr"))


@pytest.mark.parametrize("key", ["method.init_from", "init_from"])
def test_a_training_begins_with_it_and_says_so(
    synthetic_store: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    options = [f"{key}={run}", "training.max_steps=1", "optimiser.lr=1e-12", "optimiser.weight_decay=0"]
    out = pretrain(
        "simclr", Store(synthetic_store), load_recipe("simclr", "simclr/tiny", options), tmp_path, False
    )
    assert f"{run}: " in capsys.readouterr().err
    found, wanted = (load(folder).method.encoder.stem[0].weight for folder in (out, run))
    torch.testing.assert_close(found, wanted)
