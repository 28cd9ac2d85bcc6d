"""Models on the Hub: download, cache, pinned commits, upload, errors of one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from huggingface_hub import constants

from melp.errors import MelpError
from melp.hub import Model, load, save
from small_hub import Hub, serving_hub
from small_methods import Workshop

NAME = "clinic/ecg"


@pytest.fixture(scope="module")
def folder(synthetic_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder, with what a training leaves beside the model."""
    workshop = Workshop(synthetic_store)
    folder = tmp_path_factory.mktemp("runs") / "melp"
    settings = {"store": {"corpus": "ptb-xl", "records": 17}, "data": {"train_folds": [1, 2]}}
    save(folder, workshop.method("melp"), "melp", workshop.preprocessing("melp"), settings)
    torch.save({"step": 1}, folder / "last.ckpt")
    (folder / "records.parquet").write_bytes(b"patients")
    (folder / "text").mkdir()
    (folder / "text" / "model.safetensors").write_bytes(b"stage 1")
    return folder


@pytest.fixture
def hub(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one model, every file of its run folder included, and an empty cache."""
    with serving_hub(Hub()) as hub:
        use(hub, monkeypatch)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_TOKEN", "")
        hub.create(NAME)
        content = {
            str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()
        }
        hub.commit(NAME, "main", {**content, "pytorch_model.bin": b"pickle"})
        yield hub


def use(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What HF_ENDPOINT does before huggingface_hub is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    template = f"{hub.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def fetched(hub: Hub) -> set[str]:
    return {
        path.partition("/resolve/")[2].partition("/")[2] for method, path in hub.requests if method == "GET"
    }


def vectors(model: Model) -> np.ndarray:
    signals = np.random.default_rng(0).integers(-900, 900, (2, 12, 1000)).astype(np.int16)
    return model.embed(signals, rate=100, unit="uV").to_numpy()


def test_a_model_is_downloaded_pinned_and_cached(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(NAME)
    first = hub.branches[NAME]["main"]
    np.testing.assert_array_equal(vectors(model), vectors(load(folder)))
    assert model.config["hub"] == {"name": NAME, "revision": first}
    assert f"{NAME} at revision {first}" in repr(model)
    assert fetched(hub) - {""} == {
        "config.json", "model.safetensors", "README.md", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    config = json.loads(hub.files(NAME)["config.json"])
    second = hub.commit(NAME, "main", {"config.json": json.dumps({**config, "seed": 2}).encode()})
    assert Model.from_pretrained(NAME).config["seed"] == 2
    assert "seed" not in load(NAME, revision=first).config
    assert load(NAME, revision="main").config["hub"]["revision"] == second
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.requests.clear()
    assert load(NAME).config["hub"]["revision"] == second
    assert "seed" not in load(NAME, revision=first).config
    assert not hub.requests


def test_without_network_the_cache_is_used(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    load(NAME)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert load(NAME).config["hub"]["name"] == NAME
    with pytest.raises(
        MelpError, match=r"^clinic/other: no such folder, and not in the cache of downloads, and the hub"
    ):
        load("clinic/other")


def test_a_folder_comes_before_a_name(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    load(folder).save(Path(NAME))
    assert "hub" not in load(NAME).config and not hub.requests
    with pytest.raises(MelpError, match="revision: 'main' found with clinic/ecg, wanted a model of the hub"):
        load(NAME, revision="main")


def change(change: Callable[[dict[str, Any]], object]) -> Callable[[Hub], None]:
    """Change the config of the model."""

    def apply(hub: Hub) -> None:
        config = json.loads(hub.files(NAME)["config.json"])
        change(config)
        hub.commit(NAME, "main", {"config.json": json.dumps(config).encode()})

    return apply


PROBLEMS: dict[str, tuple[Callable[[Hub], object], dict[str, Any], str]] = {
    "no repository": (
        lambda hub: hub.commits.clear(), {},
        "^clinic/ecg: no such folder, and no such model found on the hub, or it is private: log in with",
    ),
    "private": (lambda hub: hub.private.add(NAME), {}, "or it is private: log in"),
    "no revision": (lambda hub: None, {"revision": "v2"}, "^clinic/ecg: .* no revision 'v2' found on"),
    "missing file": (
        lambda hub: hub.files(NAME).pop("model.safetensors"), {},
        r"^clinic/ecg: no model\.safetensors found on the hub, wanted a model of melp$",
    ),
    "only a pickle": (
        lambda hub: [hub.files(NAME).pop(name) for name in list(hub.files(NAME)) if "bin" not in name], {},
        r"^clinic/ecg: no config\.json and no model\.safetensors found on the hub",
    ),
    "another model": (
        change(lambda config: config.clear() or config.update(model_type="bert")), {},  # type: ignore[func-returns-value]
        r"the config of a language model \(stage 1\) found, wanted that of a melp model",
    ),
}  # fmt: skip


@pytest.mark.parametrize("problem", PROBLEMS)
def test_problems_are_said_in_a_line(hub: Hub, problem: str) -> None:
    alter, options, message = PROBLEMS[problem]
    alter(hub)
    with pytest.raises(MelpError, match=message) as caught:
        load(NAME, **options)
    assert "\n" not in str(caught.value)


def test_paths_are_no_names(hub: Hub, tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", "./clinic/ecg", "clinic", "a/b/c", "../ecg"):
        with pytest.raises(MelpError, match=r"no config\.json and model\.safetensors found"):
            load(path)
    assert not hub.requests


SCORES = pd.DataFrame({
    "task": "ptbxl-super", "kind": "zero-shot", "folds": "10", "metric": "auroc",
    "class": [None, "MI", "HYP"], "value": [0.8125, 0.75, np.nan], "lo": [0.79, np.nan, np.nan],
    "hi": [0.835, np.nan, np.nan], "n": [300, 300, 300],
})  # fmt: skip


def test_a_model_is_uploaded(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    model = load(folder)
    commit = model.push_to_hub("me/new", private=True, scores=SCORES)
    assert set(hub.files("me/new")) == {
        "config.json", "model.safetensors", "README.md", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    assert "me/new" in hub.private and hub.branches["me/new"]["main"] == commit
    card = hub.files("me/new")["README.md"].decode()
    assert "Corpus: ptb-xl (licence: CC BY 4.0); 17 records; folds 1, 2." in card
    assert "| ptbxl-super | zero-shot | 10 | auroc | all | 0.812 | 0.790 to 0.835 | 300 |" in card
    assert "| ptbxl-super | zero-shot | 10 | auroc | MI | 0.750 | none | 300 |" in card and "HYP" not in card
    assert "It must not be used" in card
    again = load("me/new", revision=commit)
    np.testing.assert_array_equal(vectors(again), vectors(model))
    assert again.push_to_hub("me/new", revision="v2") == hub.branches["me/new"]["v2"]
    assert hub.branches["me/new"]["main"] == commit, "the main branch is as it was"


def test_uploads_that_fail(hub: Hub, folder: Path) -> None:
    with pytest.raises(MelpError, match=r"^me/new: not uploaded, .*log in with `hf auth login`$"):
        load(folder).push_to_hub("me/new")
    with pytest.raises(MelpError, match=r"^no name at all: not uploaded, "):
        load(folder).push_to_hub("no name at all")


def test_a_saved_model_is_the_same(folder: Path, tmp_path: Path) -> None:
    model = load(folder)
    model.save(tmp_path / "copy")
    copy = load(tmp_path / "copy")
    assert copy.config == model.config
    np.testing.assert_array_equal(vectors(copy), vectors(model))
    assert (tmp_path / "copy" / "records.parquet").read_bytes() == b"patients"
    assert not (tmp_path / "copy" / "last.ckpt").exists()
    texts = ["sinus rhythm", "atrial fibrillation"]
    torch.testing.assert_close(copy.method.embed_text(texts), model.method.embed_text(texts))


@pytest.mark.slow
def test_the_endpoint_and_the_cache_are_those_of_the_environment(hub: Hub, tmp_path: Path) -> None:
    program = f"import melp; print(melp.load({NAME!r}).config['hub']['revision'])"
    places = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")}
    printed = []
    for offline in ("0", "1"):
        environment = {**os.environ, **places, "HF_HUB_OFFLINE": offline}
        result = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        printed.append(result.stdout.strip())
        hub.commits.clear()
    assert printed == [hub.branches[NAME]["main"]] * 2
