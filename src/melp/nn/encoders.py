"""ECG encoders by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from melp.errors import MelpError
from melp.nn.base import Encoder
from melp.nn.resnet import RESNET_PRESETS, ResNet1d
from melp.nn.wav2vec2 import WAV2VEC2_PRESETS, Wav2Vec2Encoder

ENCODERS: dict[str, tuple[Callable[[Any], Encoder], Any]] = {
    **{f"wav2vec2_{size}": (Wav2Vec2Encoder, config) for size, config in WAV2VEC2_PRESETS.items()},
    **{name: (ResNet1d, config) for name, config in RESNET_PRESETS.items()},
}
"""Name -> (class, frozen config): the preset sizes."""


def list_encoders() -> list[str]:
    """Names that `build_encoder` takes."""
    return sorted(ENCODERS)


def build_encoder(name: str, leads: int = 12, **overrides: Any) -> Encoder:
    """Build an untrained ECG encoder.

    Args:
        name: one of `list_encoders()`.
        leads: number of input leads.
        overrides: fields of the preset's config (`Wav2Vec2Config` or `ResNet1dConfig`) to change.

    Raises:
        MelpError: unknown name or unknown field.
    """
    if name not in ENCODERS:
        raise MelpError(f"encoder: {name!r} found, wanted one of {', '.join(list_encoders())}")
    build, preset = ENCODERS[name]
    fields = {field.name for field in dataclasses.fields(preset)}
    if unknown := sorted(set(overrides) - fields):
        raise MelpError(
            f"encoder {name}: option {unknown[0]!r} found, wanted one of {', '.join(sorted(fields))}"
        )
    sequences = {key: tuple(value) if isinstance(value, list) else value for key, value in overrides.items()}
    try:
        return build(dataclasses.replace(preset, **{"leads": leads, **sequences}))
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise MelpError(f"encoder {name}: {overrides} found, not sizes of one ({error})") from error
