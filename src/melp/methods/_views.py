"""Two views of each recording, which most methods without text compare."""

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
    """Set of transforms that makes both views (Mehari and Strodthoff 2022: random resized crop, time-out)."""
    augmentation_options: dict[str, Any] = field(default_factory=dict)
    """Fields of `melp.augment.Augmentation` that differ from the set's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices("method", self, {"augmentation": sorted(AUGMENTATIONS)})
        augmentation_of(self.augmentation, self.augmentation_options)


def augmentation_of(name: str, options: dict[str, Any]) -> Augmentation:
    """A set of transforms, changed by options.

    Raises:
        MelpError: an unknown option, or a value out of its range.
    """
    return Augmentation.from_dict({**vars(AUGMENTATIONS[name]), **options})


def halves_of(ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch*2 lead half"]:
    """Both halves of each recording one after the other; an odd last sample is left out."""
    half = ecg.shape[-1] // 2
    return ecg[..., : 2 * half].unflatten(-1, (2, half)).transpose(1, 2).flatten(0, 1)


def two_views(
    batch: Batch, config: ViewsConfig, inputs: Inputs
) -> tuple[Float[Tensor, "batch lead time"], Float[Tensor, "batch lead time"]]:
    """Two views of each recording, drawn by its key alone: in validation always the same."""
    augmentation = augmentation_of(config.augmentation, config.augmentation_options)
    first, second = (
        make_view(batch["ecg"], batch["key"], augmentation, inputs.rate, stream, inputs.names)
        for stream in (0, 1)
    )
    return first, second
