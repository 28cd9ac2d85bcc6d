"""Noise at the nine electrodes, shared by all leads of an electrode.

The limb leads are differences between three electrodes. Independent noise in each lead violates Einthoven's
(II = I + III) and Goldberger's identities, by which a network can distinguish it from the ECG; noise at the
electrodes preserves them.

Amplitudes are in the units of the ECGs (mV under the scaling "millivolt") at an electrode: a lead, as a
difference, has up to twice the amplitude. All leads must have the same unit, so the identities do not hold if
each lead was scaled separately ("zscore_lead").

Sources: the kinds of noise and their amplitudes are those of fairseq-signals (Oh et al. 2022).
Differences: there, noise is drawn for each lead, and the other limb leads are derived from I and II.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from melp.augment.random import normal, uniform
from melp.augment.streams import Stream
from melp.augment.time import random_span
from melp.ecg import LEADS
from melp.errors import MelpError
from melp.signal.electrodes import ELECTRODES, electrodes_to_leads
from melp.signal.precision import full_precision

MAINS = (50.0, 60.0)
"""Power-line frequencies in Hz."""


@full_precision
def add_to_electrodes(
    ecg: Float[Tensor, "batch lead time"],
    noise: Float[Tensor, "batch 9 time"],
    leads: Sequence[str] = LEADS,
) -> Float[Tensor, "batch lead time"]:
    """Add noise at the electrodes to ECGs.

    Args:
        ecg: one row per lead.
        noise: one row for each of `ELECTRODES`, in the units of `ecg`.
        leads: names of the rows of `ecg`.

    Raises:
        MelpError: the numbers of rows and names differ.
    """
    if ecg.shape[1] != len(leads):
        raise MelpError(
            f"augmentation: {ecg.shape[1]} leads found, wanted {len(leads)}: {', '.join(leads)} "
            "(electrode noise depends on the leads)"
        )
    matrix = torch.from_numpy(electrodes_to_leads(leads))
    return ecg + (matrix.to(noise) @ noise).to(ecg.dtype)


@full_precision
def baseline_wander(
    keys: Int[Tensor, " batch"],
    time: int,
    rate: float,
    amplitude: float = 0.5,
    band: tuple[float, float] = (0.01, 0.2),
    tones: int = 3,
) -> Float[Tensor, "batch 9 time"]:
    """Baseline wander: slow tones whose frequencies are the same at all electrodes of a recording.

    Args:
        keys: random key of each record.
        time: number of samples.
        rate: Hz of the ECGs.
        amplitude: upper limit; the amplitude at each electrode is uniform from 0 to it.
        band: frequencies of the tones in Hz.
        tones: number of tones.
    """
    low, high = band
    frequency = low + (high - low) * uniform(keys, 1, tones, 1, stream=Stream.WANDER_FREQUENCY)
    phase = uniform(keys, len(ELECTRODES), tones, 1, stream=Stream.WANDER_PHASE)
    heights = _heights(keys, amplitude / tones, Stream.WANDER_HEIGHT)
    return heights * (2 * math.pi * (frequency * _seconds(keys, time, rate) + phase)).sin().sum(2)


@full_precision
def baseline_shift(
    keys: Int[Tensor, " batch"], time: int, amplitude: float = 0.25, share: float = 0.2
) -> Float[Tensor, "batch 9 time"]:
    """Baseline shift: for one span of time, each electrode has an offset.

    Args:
        keys: random key of each record.
        time: number of samples.
        amplitude: the offset is uniform from minus to plus this value.
        share: fraction of the time that is shifted.
    """
    inside = random_span(keys, torch.full_like(keys, share, dtype=torch.float32), time, Stream.SHIFT_START)
    offset = amplitude * (2 * uniform(keys, len(ELECTRODES), 1, stream=Stream.SHIFT_HEIGHT) - 1)
    return offset * inside[:, None]


@full_precision
def power_line(
    keys: Int[Tensor, " batch"], time: int, rate: float, amplitude: float = 0.5
) -> Float[Tensor, "batch 9 time"]:
    """Power-line interference: a tone of 50 or 60 Hz, in phase at all electrodes.

    Frequencies of half the rate or more, which resampling removes, are not drawn: there is none at 100 Hz.

    Args:
        keys: random key of each record.
        time: number of samples.
        rate: Hz of the ECGs.
        amplitude: upper limit; the amplitude at each electrode is uniform from 0 to it.
    """
    mains = torch.tensor([frequency for frequency in MAINS if frequency < rate / 2], device=keys.device)
    if not len(mains):
        return torch.zeros(len(keys), len(ELECTRODES), time, device=keys.device)
    frequency = mains[(uniform(keys, 1, 1, stream=Stream.MAINS_FREQUENCY) * len(mains)).long()]
    phase = uniform(keys, 1, 1, stream=Stream.MAINS_PHASE)
    tone = (2 * math.pi * (frequency * _seconds(keys, time, rate) + phase)).sin()
    return _heights(keys, amplitude, Stream.MAINS_HEIGHT) * tone


@full_precision
def muscle_noise(
    keys: Int[Tensor, " batch"], time: int, amplitude: float = 0.5
) -> Float[Tensor, "batch 9 time"]:
    """EMG noise: white noise of a different strength at each electrode.

    Args:
        keys: random key of each record.
        time: number of samples.
        amplitude: upper limit; the standard deviation at each electrode is uniform from 0 to it.
    """
    return _heights(keys, amplitude, Stream.MUSCLE_HEIGHT) * normal(
        keys, len(ELECTRODES), time, stream=Stream.MUSCLE_NOISE
    )


def _heights(keys: Int[Tensor, " batch"], amplitude: float, stream: Stream) -> Float[Tensor, "batch 9 1"]:
    """Draw the height at each electrode, uniform from 0 to `amplitude`."""
    return amplitude * uniform(keys, len(ELECTRODES), 1, stream=stream)


def _seconds(keys: Int[Tensor, " batch"], time: int, rate: float) -> Float[Tensor, " time"]:
    return torch.arange(time, device=keys.device) / rate
