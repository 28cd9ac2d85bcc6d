"""Views: augmented versions of a recording, for methods that compare two of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from melp.augment.amplitude import add_jitter, scale_amplitude
from melp.augment.electrodes import (
    add_to_electrodes,
    baseline_shift,
    baseline_wander,
    muscle_noise,
    power_line,
)
from melp.augment.leads import FILLS, mask_leads
from melp.augment.random import combine, uniform
from melp.augment.streams import Stream
from melp.augment.time import permute_segments, resized_crop, time_out
from melp.ecg import LEADS
from melp.errors import check_choices, check_ranges, dataclass_from_dict
from melp.signal.precision import full_precision


@dataclass(frozen=True)
class Augmentation:
    """The transforms of a view, their probabilities and strengths.

    Transforms are applied in the order of the fields; by default there are none. Deviations and amplitudes
    are in the units of the preprocessed ECGs: mV under the scaling "millivolt", standard deviations of the
    record under "zscore" (one is about 0.2 mV), fractions of the record's range (some mV) under "minmax".

    M: Mehari and Strodthoff 2022; F: fairseq-signals (Oh et al. 2022), in mV; T: TS-TCC (Eldele et al. 2021),
    in standard deviations.
    """

    crop: float = 0.0
    """Probability of a random resized crop (M: 1)."""
    crop_shortest: float = 0.5
    """Least fraction of the time that the crop keeps (M)."""
    permutation: float = 0.0
    """Probability of permuted segments (T, strong view: 1)."""
    permutation_segments: int = 7
    """Largest number of segments (T)."""
    permutation_together: bool = True
    """Whether all leads have the same permutation; otherwise each has its own."""
    scaling: float = 0.0
    """Probability of a random factor on all leads (T, weak view: 1)."""
    scaling_mean: float = 1.0
    """Mean of the factor (T: 2)."""
    scaling_deviation: float = 0.1
    """Standard deviation of the factor (T: 1.1)."""
    wander: float = 0.0
    """Probability of baseline wander at the electrodes (F: 1)."""
    wander_amplitude: float = 0.5
    """Largest amplitude of the wander (F)."""
    shift: float = 0.0
    """Probability of a baseline shift at the electrodes (F: 1)."""
    shift_amplitude: float = 0.25
    """Largest offset (F)."""
    shift_share: float = 0.2
    """Fraction of the time that is shifted (F)."""
    power_line: float = 0.0
    """Probability of 50 or 60 Hz noise at the electrodes (F: 1); no effect on ECGs at 100 Hz or less."""
    power_line_amplitude: float = 0.5
    """Largest amplitude of the power-line noise (F)."""
    muscle: float = 0.0
    """Probability of EMG noise at the electrodes (F: 1)."""
    muscle_amplitude: float = 0.5
    """Largest standard deviation of the EMG noise (F)."""
    jitter: float = 0.0
    """Probability of independent white noise on each lead (T, strong view: 1)."""
    jitter_deviation: float = 0.05
    """Standard deviation of the white noise (T: 0.8)."""
    time_out: float = 0.0
    """Probability that a span of time is blanked (M: 1)."""
    time_out_longest: float = 0.5
    """Greatest fraction of the time that is blanked (M)."""
    lead_masking: float = 0.0
    """Probability of each lead to be blanked (F: 0.5)."""
    fill: str = "isoelectric"
    """Value of blanked parts: isoelectric (the median of the lead) or zero (M, F)."""

    def __post_init__(self) -> None:
        check_choices("augmentation", self, {"fill": FILLS})
        shares = [*_TRANSFORMS, "crop_shortest", "shift_share", "time_out_longest"]
        sizes = [field.name for field in fields(self) if field.name.endswith(("_deviation", "_amplitude"))]
        limits = dict.fromkeys(shares, (0.0, 1.0)) | dict.fromkeys(sizes, (0.0, float("inf")))
        limits |= {"permutation_segments": (1, float("inf"))}
        check_ranges("augmentation", self, limits, above=("crop_shortest", "scaling_mean"))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Augmentation:
        """Build from the given fields; the others have their defaults.

        Raises:
            MelpError: an unknown field, or a value out of its range.
        """
        return dataclass_from_dict(cls, "augmentation", values)


@dataclass(frozen=True)
class _Layout:
    """The layout of the ECGs: samples, rate in Hz and names of the leads."""

    time: int
    rate: float
    leads: Sequence[str]


_Transform = Callable[[Tensor, Tensor, Augmentation, _Layout], Tensor]


def _electrode(noise: Callable[[Tensor, Augmentation, _Layout], Tensor]) -> _Transform:
    return lambda ecg, keys, config, layout: add_to_electrodes(ecg, noise(keys, config, layout), layout.leads)


# In the order of application.
_TRANSFORMS: dict[str, _Transform] = {
    "crop": lambda ecg, keys, config, _: resized_crop(ecg, keys, config.crop_shortest),
    "permutation": lambda ecg, keys, config, _: permute_segments(
        ecg, keys, config.permutation_segments, config.permutation_together
    ),
    "scaling": lambda ecg, keys, config, _: scale_amplitude(
        ecg, keys, config.scaling_mean, config.scaling_deviation
    ),
    "wander": _electrode(
        lambda keys, config, layout: baseline_wander(keys, layout.time, layout.rate, config.wander_amplitude)
    ),
    "shift": _electrode(
        lambda keys, config, layout: baseline_shift(
            keys, layout.time, config.shift_amplitude, config.shift_share
        )
    ),
    "power_line": _electrode(
        lambda keys, config, layout: power_line(keys, layout.time, layout.rate, config.power_line_amplitude)
    ),
    "muscle": _electrode(
        lambda keys, config, layout: muscle_noise(keys, layout.time, config.muscle_amplitude)
    ),
    "jitter": lambda ecg, keys, config, _: add_jitter(ecg, keys, config.jitter_deviation),
    "time_out": lambda ecg, keys, config, _: time_out(ecg, keys, config.time_out_longest, config.fill),
    "lead_masking": lambda ecg, keys, config, _: mask_leads(ecg, keys, config.lead_masking, config.fill),
}

AUGMENTATIONS: dict[str, Augmentation] = {
    "none": Augmentation(),
    "mehari": Augmentation(crop=1, time_out=1),
    "fairseq_signals": Augmentation(wander=1, shift=1, power_line=1, muscle=1, lead_masking=0.5),
    "fairseq_noise": Augmentation(wander=1, shift=1, power_line=1, muscle=1),
    "ts_tcc_weak": Augmentation(scaling=1, scaling_mean=2, scaling_deviation=1.1),
    "ts_tcc_strong": Augmentation(permutation=1, jitter=1, jitter_deviation=0.8),
}
"""Published sets: Mehari and Strodthoff (SimCLR, BYOL), fairseq-signals (SimCLR) and its noise alone, and the
two views of TS-TCC."""


@full_precision
def make_view(
    ecg: Float[Tensor, "batch lead time"],
    keys: Int[Tensor, " batch"],
    augmentation: Augmentation,
    rate: float,
    stream: int = 0,
    leads: Sequence[str] = LEADS,
) -> Float[Tensor, "batch lead time"]:
    """Return one view of each recording; it depends on the recording, its key and the stream only.

    Args:
        ecg: preprocessed ECGs.
        keys: random key of each record (`key` of a batch).
        augmentation: transforms, their probabilities and strengths.
        rate: Hz of `ecg`.
        stream: number of the view; a method with two views uses 0 and 1.
        leads: names of the leads, for noise at the electrodes.

    Raises:
        MelpError: there is noise at the electrodes, and `leads` does not match the rows of `ecg`.
    """
    layout = _Layout(ecg.shape[-1], rate, leads)
    for number, (name, transform) in enumerate(_TRANSFORMS.items()):
        probability = getattr(augmentation, name)
        if not probability:
            continue
        transform_keys = combine(keys, stream, number)
        changed = transform(ecg, transform_keys, augmentation, layout)
        # Lead masking draws for each lead, not for the recording.
        share = 1 if name == "lead_masking" else probability
        chosen = uniform(transform_keys, 1, 1, stream=Stream.IS_APPLIED) < share
        ecg = torch.where(chosen, changed, ecg)
    return ecg
