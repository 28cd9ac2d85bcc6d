"""Augmented views and halves of recordings, for methods without text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Float
from torch import Tensor

from melp.augment import AUGMENTATIONS, Augmentation, make_view
from melp.errors import check_choices
from melp.methods._base import Batch, EncoderConfig, Inputs


@dataclass(frozen=True)
class ViewsConfig(EncoderConfig):
    """Options of every method that compares two augmented views."""

    augmentation: str = "mehari"
    """Augmentations of both views (Mehari and Strodthoff 2022: random resized crop, time-out)."""
    augmentation_options: dict[str, Any] = field(default_factory=dict)
    """Fields of `melp.augment.Augmentation` that differ from `augmentation`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        augmentation_of(self, "augmentation")


def augmentation_of(config: EncoderConfig, option: str) -> Augmentation:
    """Return the augmentations that an option names, with the changes of `OPTION_options`.

    Raises:
        MelpError: the name or a field is unknown, or a value is out of range.
    """
    check_choices("method", config, {option: sorted(AUGMENTATIONS)})
    fields = vars(AUGMENTATIONS[getattr(config, option)]) | getattr(config, f"{option}_options")
    return Augmentation.from_dict(fields)


def halves_of(ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch*2 lead half"]:
    """Return both halves of each recording in adjacent rows; an odd last sample is left out."""
    half = ecg.shape[-1] // 2
    return ecg[..., : 2 * half].unflatten(-1, (2, half)).transpose(1, 2).flatten(0, 1)


def two_views(
    batch: Batch, config: ViewsConfig, inputs: Inputs
) -> tuple[Float[Tensor, "batch lead time"], Float[Tensor, "batch lead time"]]:
    """Return two views of each recording, a function of its key."""
    first, second = (view_of(batch, config, "augmentation", inputs, stream) for stream in (0, 1))
    return first, second


def view_of(
    batch: Batch, config: EncoderConfig, option: str, inputs: Inputs, stream: int
) -> Float[Tensor, "batch lead time"]:
    """Return a view of each recording.

    Args:
        batch: ECGs and keys.
        config: options of the method.
        option: name of the option with the augmentations.
        inputs: sampling rate and leads.
        stream: number of the view; views with different numbers are drawn independently.
    """
    augmentation = augmentation_of(config, option)
    return make_view(batch["ecg"], batch["key"], augmentation, inputs.rate, stream, inputs.names)
