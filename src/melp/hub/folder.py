"""Saving and loading a model folder: `model.safetensors`, `config.json`, tokenizer files, model card."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialise
from torch import Tensor, nn

from melp import __version__
from melp.atomic import replacing
from melp.errors import MelpError
from melp.hub.card import classifier_card, model_card
from melp.hub.model import INSIDE, Model, find_inside
from melp.hub.records import RECORDS
from melp.hub.remote import fetch, is_hub_name
from melp.methods import get_method
from melp.methods._base import Inputs, Method
from melp.nn.bert import Bert, BertConfig
from melp.nn.classifier import Classifier
from melp.signal.preprocessing import Preprocessing
from melp.text.model import LanguageModel
from melp.text.tokenizer import load_tokenizer

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
CONFIG, WEIGHTS = "config.json", "model.safetensors"


def save(
    folder: Path,
    method: Method,
    name: str,
    preprocessing: Preprocessing,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write a model folder; the weights are replaced last and atomically.

    Args:
        folder: the folder; created if it does not exist.
        method: the method.
        name: name of the method.
        preprocessing: preprocessing of its input.
        settings: further entries of `config.json` (optimiser, data, store).
    """
    folder.mkdir(parents=True, exist_ok=True)
    language = method.inputs.language
    config = {
        "format": FORMAT,
        "name": name,
        "version": __version__,
        "method": asdict(method.config),
        "inputs": {
            "leads": method.inputs.leads,
            "samples": method.inputs.samples,
            "rate": method.inputs.rate,
            "statements": list(method.inputs.statements),
        },
        "preprocessing": preprocessing.to_dict(),
        "text": asdict(language.bert.config) if language else None,
        **(settings or {}),
    }
    if language:
        language.tokenizer.save_pretrained(folder)
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")
    write_text(folder / "README.md", model_card(type(method), config))
    write_weights(folder / WEIGHTS, method.state_dict())


def save_classifier(
    folder: Path, classifier: Classifier, name: str, model: Model, settings: Mapping[str, Any]
) -> None:
    """Write the folder of a classifier that was built on the encoder of a run.

    Args:
        folder: the folder; created if it does not exist.
        classifier: the classifier.
        name: name of the classifier in results.
        model: the run; the classifier has its encoder's sizes and its preprocessing.
        settings: further entries of `config.json`, including `classes` and `task`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = ("format", "version", "method", "inputs", "preprocessing")
    config = {**{key: model.config[key] for key in kept}, "name": name, "text": None, **settings}
    config["encoder_of"] = model.config.get("encoder_of", model.name)
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")
    write_text(folder / "README.md", classifier_card(config))
    write_weights(folder / WEIGHTS, classifier.state_dict())


def write_model(model: Model, folder: Path, scores: pd.DataFrame | None = None) -> None:
    """Write a loaded model as a model folder, with the list of its training records if it has one.

    Args:
        model: the model.
        folder: the folder; created if it does not exist.
        scores: for the card, as `melp.evaluation.cells.read_cells` returns them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    language = getattr(getattr(model.method, "inputs", None), "language", None)
    if language:
        language.tokenizer.save_pretrained(folder)
    if "classes" in model.config:
        card = classifier_card(model.config, scores)
    else:
        card = model_card(type(model.method), model.config, scores)
    if (model.folder / RECORDS).is_file() and model.folder.resolve() != folder.resolve():
        shutil.copyfile(model.folder / RECORDS, folder / RECORDS)
    write_text(folder / CONFIG, json.dumps(model.config, indent=2) + "\n")
    write_text(folder / "README.md", card)
    write_weights(folder / WEIGHTS, model.method.state_dict())


def write_text(file: Path, text: str) -> None:
    """Write a text file atomically."""
    with replacing(file) as partial:
        partial.write_text(text, encoding="utf-8")


def write_weights(file: Path, state: Mapping[str, Tensor]) -> None:
    """Write a safetensors file atomically."""
    tensors = {name: value.detach().cpu().clone().contiguous() for name, value in state.items()}
    # `save_file` would make a file that only its owner can read.
    with replacing(file) as partial:
        partial.write_bytes(serialise(tensors))


def read_config(folder: Path) -> dict[str, Any]:
    """Return `config.json` of a model folder.

    Raises:
        MelpError: the folder is not a model folder.
    """
    file = folder / CONFIG
    if not file.is_file() or not (folder / WEIGHTS).is_file():
        raise MelpError(f"{folder}: no {CONFIG} and {WEIGHTS} found, wanted the folder of a model")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise MelpError(f"{file}: not JSON ({error})") from error
    if not isinstance(config, dict) or "name" not in config:
        kind = (
            "a language model (stage 1)"
            if isinstance(config, dict) and "model_type" in config
            else "something else"
        )
        raise MelpError(f"{file}: the config of {kind} found, wanted that of a melp model")
    if config.get("format") != FORMAT:
        raise MelpError(f"{file}: format {config.get('format')} found, this version of melp reads {FORMAT}")
    return config


def load(
    folder: str | Path | None = None, device: str | torch.device = "cpu", revision: str | None = None
) -> Model:
    """Read a model folder, or a model of the Hugging Face Hub.

    Args:
        folder: a folder that `save` or a training wrote, or `user/name` on the hub; a folder comes first.
            Default, or `mini`: the model that is part of the package.
        device: device of the weights.
        revision: branch, tag or commit on the hub. The config records the commit.

    Raises:
        MelpError: the folder is not a model folder, or its weights do not fit its config; or see `fetch`.
    """
    if folder is None or (str(folder) == INSIDE.name and not Path(folder).is_dir()):
        folder = find_inside()
    name, folder = str(folder), Path(folder)
    on_hub = is_hub_name(name)
    if revision is not None and not on_hub:
        raise MelpError(f"revision: {revision!r} found with {name}, wanted a model of the hub")
    if on_hub:
        folder = fetch(name, revision)
    config = read_config(folder)
    if on_hub:
        config["hub"] = {"name": name, "revision": folder.name}
    kind = get_method(config.get("encoder_of", config["name"]))
    try:
        language = None
        if config["text"]:
            language = LanguageModel(Bert(BertConfig(**config["text"])), load_tokenizer(folder))
        options = kind.Config(**config["method"])
        preprocessing = Preprocessing.from_dict(config["preprocessing"])
        inputs = Inputs(**config["inputs"], language=language, names=preprocessing.leads)
        method: nn.Module
        if "classes" in config:
            method = Classifier(kind.new_encoder(options, inputs), len(config["classes"]))
        else:
            method = kind(options, inputs)
    except (TypeError, KeyError, ValueError, AttributeError, RuntimeError) as error:
        raise MelpError(f"{folder / CONFIG}: not the options of {config['name']} ({error!r})") from error
    load_weights(method, folder / WEIGHTS)
    return Model(method.to(device).eval(), preprocessing, config, folder)


def find_device(name: str) -> torch.device:
    """Return the device "cpu", "cuda", "cuda:1" ...; "auto" is a GPU if there is one, otherwise the CPU.

    Raises:
        MelpError: another name, or there is no such GPU.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise MelpError(f"device: found {name!r}, wanted auto, cpu or cuda")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= (count := torch.cuda.device_count()):
        raise MelpError(f"device: found {name!r}, but torch finds {count} GPUs; wanted cpu or another one")
    return device


def read_weights(file: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file.

    Raises:
        MelpError: the file cannot be read.
    """
    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise MelpError(f"{file}: cannot be read as safetensors ({error})") from error


def load_weights(method: nn.Module, file: Path) -> None:
    """Load the weights of a file into a method.

    Raises:
        MelpError: names or shapes of the tensors differ, or the file cannot be read.
    """
    state: Mapping[str, Tensor] = read_weights(file)
    if isinstance(method, Method):
        state = method.renamed(state)
    check_tensors(file, state, method)
    method.load_state_dict(state)


def check_tensors(file: Path, state: Mapping[str, Tensor], method: nn.Module) -> None:
    """Check that the tensors of a file have the names and shapes of a method's.

    Raises:
        MelpError: they do not.
    """
    found, wanted = (
        {name: tuple(value.shape) for name, value in tensors.items()}
        for tensors in (state, method.state_dict())
    )
    if found == wanted:
        return
    names = [name for name in sorted(found | wanted) if found.get(name) != wanted.get(name)]
    found_tensors, wanted_tensors = (
        shorten([f"{name} of shape {shapes[name]}" for name in names if name in shapes]) or f"no {names[0]}"
        for shapes in (found, wanted)
    )
    raise MelpError(
        f"{file}: {found_tensors} found, wanted {wanted_tensors}; the weights are not those of "
        f"{type(method).__name__} as configured, or come from another version of melp"
    )


def shorten(items: Sequence[str], most: int = 6) -> str:
    """Return the first items and the number of the others, as one line."""
    more = len(items) - most
    return ", ".join(items[:most]) + (f" and {more} more" if more > 0 else "")
