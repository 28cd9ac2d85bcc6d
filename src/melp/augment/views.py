"""Views: what a method that compares two versions of a recording makes of it."""

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
from melp.augment.time import permute_segments, resized_crop, time_out
from melp.ecg import LEADS
from melp.errors import MelpError, check_choices, check_ranges


@dataclass(frozen=True)
class Augmentation:
    """Which transforms make a view, with what probability, and how strong.

    They are applied in the order of the fields; none by default. Deviations and amplitudes are in the units
    of the preprocessed ECGs: mV under the scaling "millivolt", standard deviations of the record under
    "zscore" (one is about 0.2 mV), shares of the record's range under "minmax" (which is some mV).

    M: Mehari and Strodthoff 2022; F: fairseq-signals (Oh et al. 2022), in mV; T: TS-TCC (Eldele et al. 2021),
    in standard deviations.
    """

    crop: float = 0.0
    """Probability of a random resized crop (M: 1)."""
    crop_shortest: float = 0.5
    """Least share of the time that it keeps (M)."""
    permutation: float = 0.0
    """Probability of permuted segments (T, strong view: 1)."""
    permutation_segments: int = 7
    """Segments at most (T)."""
    permutation_together: bool = True
    """Whether all leads are permuted alike; otherwise each by itself."""
    scaling: float = 0.0
    """Probability of a factor on all leads (T, weak view: 1)."""
    scaling_mean: float = 1.0
    """Its mean (T: 2)."""
    scaling_deviation: float = 0.1
    """Its standard deviation (T: 1.1)."""
    wander: float = 0.0
    """Probability of baseline wander at the electrodes (F: 1)."""
    wander_amplitude: float = 0.5
    """Its greatest amplitude (F)."""
    shift: float = 0.0
    """Probability of a baseline shift at the electrodes (F: 1)."""
    shift_amplitude: float = 0.25
    """Its greatest size (F)."""
    shift_share: float = 0.2
    """Share of the time that is shifted (F)."""
    power_line: float = 0.0
    """Probability of 50 or 60 Hz at the electrodes (F: 1); without effect on ECGs at 100 Hz or less."""
    power_line_amplitude: float = 0.5
    """Its greatest amplitude (F)."""
    muscle: float = 0.0
    """Probability of EMG noise at the electrodes (F: 1)."""
    muscle_amplitude: float = 0.5
    """Its greatest deviation (F)."""
    jitter: float = 0.0
    """Probability of white noise on each lead by itself (T, strong view: 1)."""
    jitter_deviation: float = 0.05
    """Its deviation (T: 0.8)."""
    time_out: float = 0.0
    """Probability that a span of time is blanked (M: 1)."""
    time_out_longest: float = 0.5
    """Longest share of the time (M)."""
    lead_masking: float = 0.0
    """Probability of each lead that it is blanked (F: 0.5)."""
    fill: str = "isoelectric"
    """What blanked parts hold: isoelectric (the lead's median), or zero (M, F)."""

    def __post_init__(self) -> None:
        check_choices("augmentation", self, {"fill": FILLS})
        shares = [*_TRANSFORMS, "crop_shortest", "shift_share", "time_out_longest"]
        sizes = [field.name for field in fields(self) if field.name.endswith(("_deviation", "_amplitude"))]
        limits = dict.fromkeys(shares, (0.0, 1.0)) | dict.fromkeys(sizes, (0.0, float("inf")))
        limits |= {"permutation_segments": (1, float("inf"))}
        check_ranges("augmentation", self, limits, above=("crop_shortest", "scaling_mean"))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Augmentation:
        """Defaults, but for the given fields.

        Raises:
            MelpError: an unknown field, or a value out of its range.
        """
        names = [field.name for field in fields(cls)]
        if unknown := [name for name in values if name not in names]:
            raise MelpError(f"augmentation: {unknown[0]!r} found, wanted one of {', '.join(names)}")
        try:
            return cls(**values)
        except TypeError as error:
            raise MelpError(f"augmentation: {dict(values)} found, wanted numbers ({error})") from error


@dataclass(frozen=True)
class _Recording:
    """What a transform must know beside the signal."""

    time: int
    rate: float
    leads: Sequence[str]


def _electrode(
    noise: Callable[[Tensor, Augmentation, _Recording], Tensor],
) -> Callable[[Tensor, Tensor, Augmentation, _Recording], Tensor]:
    return lambda ecg, keys, a, of: add_to_electrodes(ecg, noise(keys, a, of), of.leads)


_TRANSFORMS: dict[str, Callable[[Tensor, Tensor, Augmentation, _Recording], Tensor]] = {
    "crop": lambda ecg, keys, a, of: resized_crop(ecg, keys, a.crop_shortest),
    "permutation": lambda ecg, keys, a, of: permute_segments(
        ecg, keys, a.permutation_segments, a.permutation_together
    ),
    "scaling": lambda ecg, keys, a, of: scale_amplitude(ecg, keys, a.scaling_mean, a.scaling_deviation),
    "wander": _electrode(
        lambda keys, a, of: baseline_wander(keys, of.time, of.rate, amplitude=a.wander_amplitude)
    ),
    "shift": _electrode(lambda keys, a, of: baseline_shift(keys, of.time, a.shift_amplitude, a.shift_share)),
    "power_line": _electrode(lambda keys, a, of: power_line(keys, of.time, of.rate, a.power_line_amplitude)),
    "muscle": _electrode(lambda keys, a, of: muscle_noise(keys, of.time, a.muscle_amplitude)),
    "jitter": lambda ecg, keys, a, of: add_jitter(ecg, keys, a.jitter_deviation),
    "time_out": lambda ecg, keys, a, of: time_out(ecg, keys, a.time_out_longest, a.fill),
    "lead_masking": lambda ecg, keys, a, of: mask_leads(ecg, keys, a.lead_masking, a.fill),
}

AUGMENTATIONS: dict[str, Augmentation] = {
    "none": Augmentation(),
    "mehari": Augmentation(crop=1, time_out=1),
    "fairseq_signals": Augmentation(wander=1, shift=1, power_line=1, muscle=1, lead_masking=0.5),
    "fairseq_noise": Augmentation(wander=1, shift=1, power_line=1, muscle=1),
    "ts_tcc_weak": Augmentation(scaling=1, scaling_mean=2, scaling_deviation=1.1),
    "ts_tcc_strong": Augmentation(permutation=1, jitter=1, jitter_deviation=0.8),
}
"""Published sets: Mehari and Strodthoff's (SimCLR, BYOL), fairseq-signals' (SimCLR) and its noise alone,
TS-TCC's two views."""


def make_view(
    ecg: Float[Tensor, "batch lead time"],
    keys: Int[Tensor, " batch"],
    augmentation: Augmentation,
    rate: float,
    stream: int = 0,
    leads: Sequence[str] = LEADS,
) -> Float[Tensor, "batch lead time"]:
    """One view of each recording: a function of the recording, its key and the stream alone.

    Args:
        ecg: preprocessed ECGs.
        keys: randomness of each record (`key` of a batch).
        augmentation: what is done.
        rate: Hz of `ecg`.
        stream: number of the view; a method with two views takes 0 and 1.
        leads: names of the leads, for noise of electrodes.

    Raises:
        MelpError: noise of electrodes is asked for on leads that are not those named.
    """
    of = _Recording(ecg.shape[-1], rate, leads)
    for number, (name, transform) in enumerate(_TRANSFORMS.items()):
        probability = getattr(augmentation, name)
        if not probability:
            continue
        own = combine(keys, stream, number)
        changed = transform(ecg, own, augmentation, of)
        # Lead masking draws for each lead, not for the recording.
        chosen = uniform(own, 1, 1, stream=-1) < (1 if name == "lead_masking" else probability)
        ecg = torch.where(chosen, changed, ecg)
    return ecg
