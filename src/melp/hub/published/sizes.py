"""The options of a method, read from the shapes of the tensors of a published checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from melp.nn.bert import BertConfig
from melp.nn.encoders import get_preset

# Width of a head of all published encoders and of BERT; no tensor has this size.
_HEAD = 64


@dataclass(frozen=True)
class Shapes:
    """The shapes of tensors that have melp's names."""

    tensors: Mapping[str, Tensor]

    def of(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor; KeyError if there is none."""
        return tuple(self.tensors[name].shape)

    def count(self, prefix: str) -> int:
        """Return the number of layers, whose tensors have the names `prefix` + number + "." + more."""
        rest = (name.removeprefix(prefix) for name in self.tensors if name.startswith(prefix))
        return len({name.partition(".")[0] for name in rest})


def bert_config(shapes: Shapes) -> BertConfig:
    """Return the sizes of the language model."""
    vocabulary, dim = shapes.of("text.bert.word_embeddings.weight")
    return BertConfig(
        vocabulary=vocabulary,
        dim=dim,
        layers=shapes.count("text.bert.layers."),
        heads=dim // _HEAD,
        feedforward=shapes.of("text.bert.layers.0.fc1.weight")[0],
        positions=shapes.of("text.bert.position_embeddings.weight")[0],
    )


def melp_options(shapes: Shapes, whole: bool) -> dict[str, Any]:
    """Return the options of MELP; without texts, those of a decoder that takes no memory."""
    beats, dim = shapes.of("beat_pooler.query")
    captions = (
        {
            "caption_tokens": shapes.of("token_pooler.query")[0],
            "decoder_layers": shapes.count("decoder.layers.") // 2,
        }
        if whole
        else {"caption_tokens": 1, "decoder_layers": 1}
    )
    return {**_wav2vec2(shapes), "dim": dim, "beats": beats, **captions}


def merl_options(shapes: Shapes, whole: bool) -> dict[str, Any]:
    """Return the options of MERL, with ResNet or ViT."""
    vit = "encoder.patch_embedding.weight" in shapes.tensors
    options = {**(_vit(shapes) if vit else _resnet(shapes)), "pooling": "mean" if vit else "attention"}
    if whole:
        options |= {"dim": shapes.of("copies.0.0.weight")[0], "text_pooling": "pooler"}
    return options


def _wav2vec2(shapes: Shapes) -> dict[str, Any]:
    dim, channels = shapes.of("encoder.projection.weight")
    _, group, kernel = shapes.of("encoder.positions.conv.parametrizations.weight.original1")
    return _encoder(
        "wav2vec2_small",
        dim=dim,
        heads=dim // _HEAD,
        layers=shapes.count("encoder.layers."),
        feedforward=shapes.of("encoder.layers.0.fc1.weight")[0],
        conv_channels=channels,
        position_kernel=kernel,
        position_groups=dim // group,
    )


def _resnet(shapes: Shapes) -> dict[str, Any]:
    stages = [
        f"encoder.residual_stages.{stage}." for stage in range(shapes.count("encoder.residual_stages."))
    ]
    return _encoder(
        "resnet18",
        widths=tuple(shapes.of(f"{stage}0.conv1.weight")[0] for stage in stages),
        blocks=tuple(shapes.count(stage) for stage in stages),
        bottleneck=f"{stages[0]}0.conv3.weight" in shapes.tensors,
    )


def _vit(shapes: Shapes) -> dict[str, Any]:
    dim, _, patch = shapes.of("encoder.patch_embedding.weight")
    return _encoder(
        "vit_tiny",
        dim=dim,
        patch=patch,
        layers=shapes.count("encoder.layers."),
        heads=shapes.of("encoder.layers.0.attention.query.weight")[0] // _HEAD,
        feedforward=shapes.of("encoder.layers.0.fc1.weight")[0],
    )


def _encoder(name: str, **found: Any) -> dict[str, Any]:
    """Return `encoder` and its options: the sizes that differ from those of its name."""
    usual = asdict(get_preset(name).config)
    return {
        "encoder": name,
        "encoder_options": {key: value for key, value in found.items() if value != usual[key]},
    }
