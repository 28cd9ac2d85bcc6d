"""ECG encoders by name."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import torch

from melp.errors import MelpError, one_of
from melp.nn.base import Encoder
from melp.nn.beat_resnet import BEAT_RESNET_PRESETS, BeatResNet
from melp.nn.clocs import SMALL_CNN_PRESETS, SmallCNN
from melp.nn.crt import CRT_PRESETS, CrossReconstructionTransformer
from melp.nn.heartlang import HEARTLANG_PRESETS, HeartLangEncoder
from melp.nn.resnet import RESNET_PRESETS, ResNet1d
from melp.nn.st_mem import ST_MEM_PRESETS, SpatioTemporalViT
from melp.nn.state_space import STATE_SPACE_PRESETS, StateSpaceEncoder
from melp.nn.vit import VIT_PRESETS, ViT1d
from melp.nn.wav2vec2 import WAV2VEC2_PRESETS, Wav2Vec2Encoder


class Preset(NamedTuple):
    """An encoder of a certain size."""

    build: type[Encoder]
    """Its class, called with a config."""
    config: Any
    """Its sizes, a frozen dataclass."""
    rate: float
    """Hz that the sizes are designed for; others work as well."""


def _family(
    build: type[Encoder], presets: dict[str, Any], prefix: str, rate: float, smallest: str
) -> dict[str, Preset]:
    """Return presets by name; the smallest of each family is designed for 100 Hz."""
    return {
        prefix + size: Preset(build, config, 100 if size == smallest else rate)
        for size, config in presets.items()
    }


ENCODERS: dict[str, Preset] = {
    **_family(BeatResNet, BEAT_RESNET_PRESETS, "beat_resnet_", 500, "narrow"),
    **_family(CrossReconstructionTransformer, CRT_PRESETS, "crt_", 500, "narrow"),
    **_family(HeartLangEncoder, HEARTLANG_PRESETS, "heartlang_", 100, "narrow"),
    **_family(SmallCNN, SMALL_CNN_PRESETS, "", 500, ""),
    **_family(ResNet1d, RESNET_PRESETS, "", 500, "resnet18_narrow"),
    **_family(SpatioTemporalViT, ST_MEM_PRESETS, "st_mem_", 250, "narrow"),
    **_family(StateSpaceEncoder, STATE_SPACE_PRESETS, "s4d_", 100, "narrow"),
    **_family(ViT1d, VIT_PRESETS, "vit_", 500, "narrow"),
    **_family(Wav2Vec2Encoder, WAV2VEC2_PRESETS, "wav2vec2_", 500, "tiny"),
}


def list_encoders(kind: type[Encoder] = Encoder) -> list[str]:
    """Return the names of all encoders of a class, which `build_encoder` accepts."""
    return sorted(name for name, preset in ENCODERS.items() if issubclass(preset.build, kind))


def get_preset(name: str) -> Preset:
    """Return the preset of an encoder.

    Raises:
        MelpError: unknown name.
    """
    if name not in ENCODERS:
        raise MelpError(f"encoder: {name!r} found, wanted {one_of(name, list_encoders())}")
    return ENCODERS[name]


def describe_encoder(name: str) -> tuple[str, str, int, str, str, str]:
    """Return name, millions of parameters, width, Hz, frames per second and needs, for a table."""
    rate = get_preset(name).rate
    # The meta device allocates no memory for the weights; the largest encoders have a gigabyte.
    with torch.device("meta"):
        encoder = build_encoder(name)
    parameters = sum(weight.numel() for weight in encoder.parameters())
    frames = encoder.frame_count(round(10 * rate)) / 10
    return name, f"{parameters / 1e6:.1f} M", encoder.dim, f"{rate:g}", f"{frames:g}", encoder.needs


def build_encoder(
    name: str,
    leads: int = 12,
    ecg_samples: int | None = None,
    ecg_rate: float | None = None,
    **overrides: Any,
) -> Encoder:
    """Build an untrained ECG encoder.

    Args:
        name: one of `list_encoders()`.
        leads: number of input leads.
        ecg_samples: samples of the longest recording, for encoders with an option `samples`.
        ecg_rate: Hz of the recordings, for encoders with an option `rate`.
        overrides: changed fields of the preset's config (such as `ResNet1dConfig`).

    Raises:
        MelpError: unknown name, unknown field, or invalid sizes.
    """
    preset = get_preset(name)
    fields = {field.name for field in dataclasses.fields(preset.config)}
    if unknown := sorted(set(overrides) - fields):
        raise MelpError(
            f"encoder {name}: option {unknown[0]!r} found, wanted {one_of(unknown[0], sorted(fields))}"
        )
    ecg = {"samples": ecg_samples, "rate": ecg_rate}
    ecg_sizes = {key: value for key, value in ecg.items() if key in fields and value is not None}
    sequences = {key: tuple(value) if isinstance(value, list) else value for key, value in overrides.items()}
    try:
        return preset.build(dataclasses.replace(preset.config, **{"leads": leads, **ecg_sizes, **sequences}))
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise MelpError(f"encoder {name}: {overrides} found, not sizes of one ({error})") from error
