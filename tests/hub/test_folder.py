"""Saving and loading a model folder, and errors for damaged ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from melp import __version__
from melp.errors import MelpError
from melp.hub import Model, find_device, load, save
from melp.hub.card import model_card
from melp.hub.folder import write_text, write_weights
from melp.methods._base import Method
from small_methods import Workshop

FORM = ("text_attention=statement", "text_pooling=statements", "decoder_tied=true")
SETTINGS = {"store": {"corpus": "synthetic", "records": 120}, "data": {"train_folds": [1, 2]}}


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


@pytest.fixture(scope="module")
def method(workshop: Workshop) -> Method:
    return workshop.method("melp", FORM).eval()


@pytest.fixture(scope="module")
def folder(method: Method, workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub") / "new" / "model"
    save(folder, method, "melp", workshop.preprocessing("melp"), SETTINGS)
    return folder


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """Return a copy that may be damaged."""
    return Path(shutil.copytree(folder, tmp_path / "model"))


@torch.no_grad()
def test_a_loaded_model_gives_the_same_numbers(workshop: Workshop, method: Any, folder: Path) -> None:
    model = load(folder)
    ecg = workshop.batch("melp")["ecg"]
    assert not model.method.training
    texts = ["sinus rhythm", "atrial fibrillation with rapid response", "left bundle branch block"]
    for name, argument in (
        ("embed", ecg), ("project_ecg", ecg), ("beat_vectors", ecg), ("embed_text", texts),
        ("embed_statements", texts),
    ):  # fmt: skip
        assert torch.equal(getattr(model.method, name)(argument), getattr(method, name)(argument)), name
    for beams in (1, 2):
        written = method.generate(ecg[:3], beams=beams, max_length=12)
        assert model.method.generate(ecg[:3], beams=beams, max_length=12) == written


def test_config_round_trip(workshop: Workshop, method: Method, folder: Path, tmp_path: Path) -> None:
    model = load(folder)
    config = json.loads((folder / "config.json").read_text())
    assert config == model.config and config["name"] == model.name == "melp"
    assert config["version"] == __version__ and config["format"] == 1
    assert model.method.config == method.config and config["method"] == asdict(method.config)
    assert model.preprocessing == workshop.preprocessing("melp")
    assert {key: config[key] for key in SETTINGS} == SETTINGS
    save(tmp_path, model.method, model.name, model.preprocessing, SETTINGS)
    for name in ("config.json", "README.md", "model.safetensors", "tokenizer.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_one_recording_and_a_store_give_the_same_embedding(workshop: Workshop, folder: Path) -> None:
    model, store = load(folder), workshop.store
    several = model.embed(store.signals(np.array([4, 9])), rate=store.rate, unit="uV").to_numpy()
    for row, number in enumerate((4, 9)):
        alone = model.embed(store.ecg(store.index["id"][number])).to_numpy()
        np.testing.assert_allclose(alone[0], several[row], rtol=1e-4, atol=1e-5)


def test_card_describes_the_model(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    for line in ("# melp, pretrained on synthetic", "12 leads at 100 Hz for 10 s", "scaling millivolt",
                 "ICML 2025", "| text_attention | statement |", "Not a medical device"):  # fmt: skip
        assert line in card


def test_card_names_the_corpora_their_licences_and_the_calibration(folder: Path) -> None:
    model = load(folder)
    calibration = {"ptbxl-super": {"folds": [8], "records": 300, "prompts": "", "classes": {}}}
    store = {"corpus": "ptb-xl + simulated ptb-xl + own", "records": 9}
    card = model_card(type(model.method), {**model.config, "store": store, "calibration": calibration})
    corpora = (
        "ptb-xl (licence: CC BY 4.0) and simulated ptb-xl (by `melp simulate`) and own (licence: that of "
    )
    assert f"Corpora: {corpora}your data); 9 records" in card
    assert "Wagner et al., Scientific Data 7, 154 (2020)" in card
    assert "Calibrated for ptbxl-super on 300 records of fold 8." in card


def test_files_are_written_atomically(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {file.name for file in folder.iterdir()} == {
        "README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    file = tmp_path / "weights"
    write_weights(file, {"a": torch.ones(3)})
    before = file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            write_weights(file, {"a": torch.zeros(3)})
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            write_text(file, "other")
    assert file.read_bytes() == before


def test_weights_can_be_read_by_others_as_the_config_can(folder: Path) -> None:
    weights, config = ((folder / name).stat().st_mode for name in ("model.safetensors", "config.json"))
    assert weights == config


def test_weights_of_any_layout_are_written(tmp_path: Path) -> None:
    shared = torch.arange(12.0).view(3, 4)
    write_weights(tmp_path / "w", {"a": shared.t(), "b": shared, "c": shared[1:]})
    result = load_file(tmp_path / "w")
    assert torch.equal(result["a"], shared.t()) and torch.equal(result["c"], shared[1:])


def change_config(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        change(config)
        (folder / "config.json").write_text(json.dumps(config))

    return damage


def change_weights(change: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        state = load_file(folder / "model.safetensors")
        change(state)
        save_file(state, folder / "model.safetensors")

    return damage


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "nothing there": (shutil.rmtree, r"no config\.json and model\.safetensors found"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), r"no config\.json and model\.safetensors"),
    "no json": (lambda f: (f / "config.json").write_text("{"), r"config\.json: not JSON"),
    "a list": (lambda f: (f / "config.json").write_text("[]"), "the config of something else found"),
    "stage 1": (
        lambda f: (f / "config.json").write_text('{"model_type": "bert"}'),
        r"the config of a language model \(stage 1\) found",
    ),
    "other format": (change_config(lambda c: c.update(format=2)), "format 2 found, this"),
    "other method": (change_config(lambda c: c.update(name="clip")), "method: 'clip' found, wanted one of"),
    "no text": (change_config(lambda c: c.pop("text")), "not the options of melp"),
    "no method": (change_config(lambda c: c.pop("method")), "not the options of melp"),
    "null text": (change_config(lambda c: c.update(text=None)), "no language model found"),
    "unknown size": (change_config(lambda c: c["text"].update(depth=3)), "not the options of melp"),
    "wrong size": (change_config(lambda c: c["text"].update(dim="wide")), "not the options of melp"),
    "unknown option": (change_config(lambda c: c["method"].update(nope=3)), "not the options of melp"),
    "wrong option": (change_config(lambda c: c["method"].update(beats="ten")), "not the options of melp"),
    "wrong rate": (change_config(lambda c: c["preprocessing"].update(rate="x")), "preprocessing"),
    "another size": (change_config(lambda c: c["method"].update(beats=7)), r"beat_pooler\.query of shape"),
    "another form": (
        change_config(lambda c: c["method"].update(decoder_tied=False)),
        r"no decoder\.output found, wanted decoder\.output of shape \(32, \d+\)",
    ),
    "a weight less": (
        change_weights(lambda s: s.pop("beat_projection")),
        "no beat_projection found, wanted beat_projection of shape .*; the weights are not those of MELP as",
    ),
    "a weight more": (
        change_weights(lambda s: s.update(x=torch.ones(1))),
        r"x of shape \(1,\) found, wanted no x",
    ),
    "a renamed weight": (
        change_weights(lambda s: s.update(old_projection=s.pop("beat_projection"))),
        r"model/model\.safetensors: old_projection of shape \(32, 32\) found, "
        r"wanted beat_projection of shape \(32, 32\); the weights are not those of MELP as configured, "
        r"or come from another version of melp$",
    ),
    "other weights": (
        lambda f: save_file({"projector.weight": torch.ones(2, 2)}, f / "model.safetensors"),
        "the weights are not those of MELP as configured",
    ),
    "cut weights": (
        lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:5000]),
        r"model\.safetensors: cannot be read as safetensors",
    ),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer could be read"),
    "cut tokenizer": (lambda f: (f / "tokenizer.json").write_text("{"), "no tokenizer could be read"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_folders_are_named(copy: Path, damage: str) -> None:
    change, message = DAMAGES[damage]
    change(copy)
    with pytest.raises(MelpError, match=message) as caught:
        load(copy)
    assert "\n" not in str(caught.value)


def test_a_pickle_is_never_opened(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    torch.save({"x": torch.ones(1)}, copy / "model.bin")
    torch.save({"x": torch.ones(1)}, copy / "last.ckpt")
    with pytest.raises(MelpError, match="no config"):
        load(copy)


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_device("cpu") == torch.device("cpu")
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    for name in ("tpu", "cuda:first", "cuda:", ""):
        with pytest.raises(MelpError, match=f"device: found '{name}', wanted auto, cpu or cuda"):
            find_device(name)
    count = torch.cuda.device_count()
    with pytest.raises(MelpError, match=f"device: found 'cuda:{count}', but torch finds {count} GPUs"):
        find_device(f"cuda:{count}")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert find_device("cuda:1") == torch.device("cuda", 1) and find_device("cuda") == torch.device("cuda")


def test_model_is_public(folder: Path) -> None:
    import melp

    assert isinstance(melp.load(folder), Model)
