"""Conversion between BERT folders of Hugging Face and `melp.nn.bert.Bert`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from melp.errors import MelpError
from melp.nn.bert import Bert, BertConfig

# Our names of sizes -> those of Hugging Face.
_SIZES = {
    "vocabulary": "vocab_size",
    "dim": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "feedforward": "intermediate_size",
    "positions": "max_position_embeddings",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
    "eps": "layer_norm_eps",
}
# Our prefixes of parameters -> those of Hugging Face.
_PARTS = {
    "embedding_norm.": "embeddings.LayerNorm.",
    "word_embeddings.": "embeddings.word_embeddings.",
    "position_embeddings.": "embeddings.position_embeddings.",
    "token_type_embeddings.": "embeddings.token_type_embeddings.",
    "layers.": "encoder.layer.",
}
_LAYER_PARTS = {
    "attention_norm.": "attention.output.LayerNorm.",
    "attention.output.": "attention.output.dense.",
    "attention.query.": "attention.self.query.",
    "attention.key.": "attention.self.key.",
    "attention.value.": "attention.self.value.",
    "fc1.": "intermediate.dense.",
    "fc2.": "output.dense.",
    "feedforward_norm.": "output.LayerNorm.",
}


def hugging_face_name(name: str) -> str:
    """Return the name of a parameter of `Bert` in Hugging Face's BertModel."""
    part = next(part for part in _PARTS if name.startswith(part))
    name = _PARTS[part] + name.removeprefix(part)
    if part != "layers.":
        return name
    prefix, rest = re.fullmatch(r"(encoder\.layer\.\d+\.)(.+)", name).groups()  # type: ignore[union-attr]
    inner = next(inner for inner in _LAYER_PARTS if rest.startswith(inner))
    return prefix + _LAYER_PARTS[inner] + rest.removeprefix(inner)


def to_hugging_face(bert: Bert) -> dict[str, Tensor]:
    """Return the weights with the names of Hugging Face's BertModel."""
    return {hugging_face_name(name): value for name, value in bert.state_dict().items()}


def from_hugging_face(bert: Bert, weights: dict[str, Tensor], source: str | Path = "BERT weights") -> None:
    """Load weights with Hugging Face's names; those of a head are ignored.

    Raises:
        MelpError: a weight is missing or has a wrong shape.
    """
    weights = {_without_prefix(name): value for name, value in weights.items()}
    state = {}
    for name, value in bert.state_dict().items():
        theirs = hugging_face_name(name)
        if theirs not in weights:
            raise MelpError(f"{source}: no {theirs} found, wanted every weight of a BERT")
        if weights[theirs].shape != value.shape:
            shapes = tuple(weights[theirs].shape), tuple(value.shape)
            raise MelpError(f"{source}: {theirs} of shape {shapes[0]} found, wanted {shapes[1]}")
        state[name] = weights[theirs]
    bert.load_state_dict(state)


def _without_prefix(name: str) -> str:
    """Remove the prefix of models with a head, and rename the layer norms of checkpoints from TensorFlow."""
    name = name.removeprefix("bert.")
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


def local_folder(source: str | Path) -> Path:
    """Return the folder of a model, downloaded from the hub if `source` is not a folder (without pickles).

    Raises:
        MelpError: there is neither a folder nor a model on the hub.
    """
    if Path(source).is_dir():
        return Path(source)
    # Imported late, with its HTTP client, because most models are folders.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(str(source), allow_patterns=["*.json", "*.txt", "*.safetensors"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise MelpError(
            f"{source}: no such folder, and no such model could be downloaded from the hub"
        ) from error


def load_bert(source: str | Path, vocabulary: int | None = None) -> Bert:
    """Load a BERT from a folder or from the hub; only safetensors are read.

    Args:
        source: folder with `config.json` and `model.safetensors`, or a hub name.
        vocabulary: size of the tokenizer if words were added to it; their embeddings are drawn at random.

    Raises:
        MelpError: there is no BERT, or it is of an unsupported kind.
    """
    folder = local_folder(source)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        weights = load_file(folder / "model.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise MelpError(f"{source}: no BERT could be read ({str(error).splitlines()[0]})") from error
    for name, expected in (("model_type", "bert"), ("hidden_act", "gelu")):
        if config.get(name) != expected:
            raise MelpError(f"{source}: {name} {config.get(name)!r} found, wanted {expected!r}")
    bert = Bert(BertConfig(**{ours: config[theirs] for ours, theirs in _SIZES.items() if theirs in config}))
    from_hugging_face(bert, weights, source)
    if vocabulary is not None and vocabulary != bert.config.vocabulary:
        bert.resize(vocabulary)
    return bert


def folder_config(config: BertConfig, pad: int) -> dict[str, Any]:
    """Return the content of `config.json` of a folder with a masked language model.

    Args:
        config: sizes.
        pad: id of the padding token.
    """
    sizes = {theirs: getattr(config, ours) for ours, theirs in _SIZES.items()}
    return {
        "architectures": ["BertForMaskedLM"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "pad_token_id": pad,
        **sizes,
    }
