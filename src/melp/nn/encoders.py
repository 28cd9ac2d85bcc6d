"""ECG encoders by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from melp.errors import MelpError
from melp.nn.base import Encoder
from melp.nn.heartlang import HEARTLANG_PRESETS, HeartLangEncoder
from melp.nn.resnet import RESNET_PRESETS, ResNet1d
from melp.nn.st_mem import ST_MEM_PRESETS, SpatioTemporalViT
from melp.nn.vit import VIT_PRESETS, ViT1d
from melp.nn.wav2vec2 import WAV2VEC2_PRESETS, Wav2Vec2Encoder

ENCODERS: dict[str, tuple[Callable[[Any], Encoder], Any]] = {
    **{f"heartlang_{size}": (HeartLangEncoder, config) for size, config in HEARTLANG_PRESETS.items()},
    **{name: (ResNet1d, config) for name, config in RESNET_PRESETS.items()},
    **{f"st_mem_{size}": (SpatioTemporalViT, config) for size, config in ST_MEM_PRESETS.items()},
    **{f"vit_{size}": (ViT1d, config) for size, config in VIT_PRESETS.items()},
    **{f"wav2vec2_{size}": (Wav2Vec2Encoder, config) for size, config in WAV2VEC2_PRESETS.items()},
}
"""Name -> (class, frozen config): the preset sizes."""


def list_encoders() -> list[str]:
    """Names that `build_encoder` takes."""
    return sorted(ENCODERS)


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
        ecg_samples: samples of the longest recording, for encoders that must know (option `samples`).
        ecg_rate: Hz of the recordings, for encoders that must know (option `rate`).
        overrides: fields of the preset's config (such as `ResNet1dConfig`) to change.

    Raises:
        MelpError: unknown name, unknown field, or values that are not sizes of an encoder.
    """
    if name not in ENCODERS:
        raise MelpError(f"encoder: {name!r} found, wanted one of {', '.join(list_encoders())}")
    build, preset = ENCODERS[name]
    fields = {field.name for field in dataclasses.fields(preset)}
    if unknown := sorted(set(overrides) - fields):
        raise MelpError(
            f"encoder {name}: option {unknown[0]!r} found, wanted one of {', '.join(sorted(fields))}"
        )
    said = {"samples": ecg_samples, "rate": ecg_rate}
    known = {key: value for key, value in said.items() if key in fields and value is not None}
    sequences = {key: tuple(value) if isinstance(value, list) else value for key, value in overrides.items()}
    try:
        return build(dataclasses.replace(preset, **{"leads": leads, **known, **sequences}))
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise MelpError(f"encoder {name}: {overrides} found, not sizes of one ({error})") from error
