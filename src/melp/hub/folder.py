"""Saving and loading a model folder: `model.safetensors`, `config.json`, tokenizer files, model card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int16
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from melp import __version__
from melp.ecg import ECG, LEADS
from melp.errors import MelpError
from melp.hub.card import classifier_card, model_card
from melp.methods import get_method
from melp.methods._base import Inputs, Method
from melp.nn.bert import Bert, BertConfig
from melp.nn.classifier import Classifier
from melp.signal.preprocessing import Preprocessing
from melp.text.model import LanguageModel
from melp.text.tokenizer import load_tokenizer

if TYPE_CHECKING:
    import numpy as np

FORMAT = 1
CONFIG, WEIGHTS = "config.json", "model.safetensors"


@dataclass
class Model:
    """A trained method, ready to be used: in evaluation mode, with the preprocessing of its training."""

    method: Any
    preprocessing: Preprocessing
    config: dict[str, Any]
    folder: Path

    @property
    def name(self) -> str:
        """Name of the method."""
        return str(self.config["name"])

    def inputs(
        self, signals: Int16[np.ndarray, "record lead time"] | ECG, rate: float = 0.0
    ) -> Float[Tensor, "record model_lead samples"]:
        """What the method reads: of an ECG, or of a store's signals (microvolt) at `rate` Hz."""
        if isinstance(signals, ECG):
            return self.preprocessing.from_ecg(signals)[None]
        return self.preprocessing(torch.from_numpy(signals), rate, LEADS)

    @torch.no_grad()
    def embed(
        self, signals: Int16[np.ndarray, "record lead time"] | ECG, rate: float = 0.0
    ) -> Float[Tensor, "record dim"]:
        """What a linear probe sees; arguments as for `inputs`."""
        embeddings: Tensor = self.method.embed(self.inputs(signals, rate))
        return embeddings


def save(
    folder: Path,
    method: Method,
    name: str,
    preprocessing: Preprocessing,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write a model folder; weights are replaced last, in one move.

    Args:
        folder: where to; made if need be.
        method: the module.
        name: of the method.
        preprocessing: what its input went through.
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
    """Write the folder of a classifier that was built around the encoder of a run.

    Args:
        folder: where to; made if need be.
        classifier: the module.
        name: by which results call it.
        model: whose encoder's sizes and preprocessing it has.
        settings: further entries of `config.json`, `classes` and `task` among them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = ("format", "version", "method", "inputs", "preprocessing")
    config = {**{key: model.config[key] for key in kept}, "name": name, "text": None, **settings}
    config["encoder_of"] = model.config.get("encoder_of", model.name)
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")
    write_text(folder / "README.md", classifier_card(config))
    write_weights(folder / WEIGHTS, classifier.state_dict())


def write_text(file: Path, text: str) -> None:
    """Write a file in one move."""
    partial = file.with_name(file.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


def write_weights(file: Path, state: Mapping[str, Tensor]) -> None:
    """Write a safetensors file in one move."""
    partial = file.with_name(file.name + ".partial")
    try:
        save_file({name: value.detach().cpu().clone().contiguous() for name, value in state.items()}, partial)
    except SafetensorError as error:
        partial.unlink(missing_ok=True)
        raise MelpError(f"{file}: cannot be written ({error})") from error
    partial.replace(file)


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` of a model folder.

    Raises:
        MelpError: the folder is none.
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


def load(folder: str | Path, device: str | torch.device = "cpu") -> Model:
    """Read a model folder.

    Args:
        folder: as written by a training.
        device: where to.

    Raises:
        MelpError: the folder is no model's, or its weights are not those of its config.
    """
    folder = Path(folder)
    config = read_config(folder)
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


def read_weights(file: Path) -> dict[str, Tensor]:
    """A safetensors file.

    Raises:
        MelpError: it is none.
    """
    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise MelpError(f"{file}: cannot be read as safetensors ({error})") from error


def load_weights(method: nn.Module, file: Path) -> None:
    """Give a method the weights of a file, which must be all of its own.

    Raises:
        MelpError: they are not, or the file cannot be read.
    """
    state = read_weights(file)
    wanted = {name: tuple(value.shape) for name, value in method.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in state.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise MelpError(
                f"{file}: {name} {_shape(found.get(name))} found, wanted {_shape(wanted.get(name))}; "
                f"the weights are not those of {type(method).__name__} as configured"
            )
    method.load_state_dict(state)


def _shape(shape: Sequence[int] | None) -> str:
    return "absent" if shape is None else f"of shape {tuple(shape)}"
