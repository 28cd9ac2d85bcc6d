"""Noise of the nine electrodes, which all leads that share an electrode have in common.

The limb leads are differences between three electrodes. Noise that is drawn for each lead by itself breaks
the identities of Einthoven (II = I + III) and Goldberger, and a network can tell it from the ECG by that
alone; noise of the electrodes cannot break them.

Amplitudes are in the units of the ECGs (mV under the scaling "millivolt") and hold at an electrode: a lead,
as a difference, has up to twice as much. The leads must share one unit, so the identities are not kept where
each lead was scaled by itself ("zscore_lead").

Sources: the set of fairseq-signals (Oh et al. 2022), whose kinds and amplitudes these are.
Differences: there, noise is drawn for each lead, and the other limb leads are made anew from I and II.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from melp.augment.random import normal, uniform
from melp.augment.time import span
from melp.ecg import LEADS
from melp.errors import MelpError
from melp.signal.electrodes import ELECTRODES, electrodes_to_leads

MAINS = (50.0, 60.0)
"""Power-line frequencies in Hz."""


def add_to_electrodes(
    ecg: Float[Tensor, "batch lead time"],
    noise: Float[Tensor, "batch 9 time"],
    leads: Sequence[str] = LEADS,
) -> Float[Tensor, "batch lead time"]:
    """ECGs whose electrodes have taken up noise.

    Args:
        ecg: one row a lead.
        noise: of each of `ELECTRODES`, in the units of `ecg`.
        leads: names of the rows.

    Raises:
        MelpError: rows and names differ in number.
    """
    if ecg.shape[1] != len(leads):
        raise MelpError(
            f"augmentation: {ecg.shape[1]} leads found, wanted {len(leads)}: {', '.join(leads)} "
            "(noise of electrodes must know which leads these are)"
        )
    matrix = torch.from_numpy(electrodes_to_leads(leads))
    return ecg + (matrix.to(noise) @ noise).to(ecg.dtype)


def baseline_wander(
    keys: Int[Tensor, " batch"],
    time: int,
    rate: float,
    amplitude: float = 0.5,
    band: tuple[float, float] = (0.01, 0.2),
    tones: int = 3,
) -> Float[Tensor, "batch 9 time"]:
    """Baseline wander: slow tones, whose rates all electrodes of a recording share.

    Args:
        keys: randomness of each record.
        time: samples.
        rate: Hz of the ECGs.
        amplitude: most that an electrode moves; its own most is uniform from 0 to that.
        band: Hz, of the tones.
        tones: how many.
    """
    low, high = band
    frequency = low + (high - low) * uniform(keys, 1, tones, 1)
    phase = uniform(keys, len(ELECTRODES), tones, 1, stream=1)
    height = amplitude / tones * uniform(keys, len(ELECTRODES), 1, stream=2)
    return height * (2 * math.pi * (frequency * _seconds(keys, time, rate) + phase)).sin().sum(2)


def baseline_shift(
    keys: Int[Tensor, " batch"], time: int, amplitude: float = 0.25, share: float = 0.2
) -> Float[Tensor, "batch 9 time"]:
    """Baseline shift: for one span of the time, the electrodes stand off their baseline.

    Args:
        keys: randomness of each record.
        time: samples.
        amplitude: most that an electrode is off, to either side; uniform.
        share: of the time.
    """
    inside = span(keys, torch.full_like(keys, share, dtype=torch.float32), time)
    off = amplitude * (2 * uniform(keys, len(ELECTRODES), 1, stream=2) - 1)
    return off * inside[:, None]


def power_line(
    keys: Int[Tensor, " batch"], time: int, rate: float, amplitude: float = 0.5
) -> Float[Tensor, "batch 9 time"]:
    """Power-line interference: a tone of 50 or 60 Hz, in phase at all electrodes.

    A tone at half the rate or above, which resampling would have removed, is not drawn: at 100 Hz there is no
    noise at all.

    Args:
        keys: randomness of each record.
        time: samples.
        rate: Hz of the ECGs.
        amplitude: greatest height at an electrode; its own is uniform from 0 to that.
    """
    mains = torch.tensor([frequency for frequency in MAINS if frequency < rate / 2], device=keys.device)
    if not len(mains):
        return torch.zeros(len(keys), len(ELECTRODES), time, device=keys.device)
    frequency = mains[(uniform(keys, 1, 1) * len(mains)).long()]
    tone = (2 * math.pi * (frequency * _seconds(keys, time, rate) + uniform(keys, 1, 1, stream=1))).sin()
    return amplitude * uniform(keys, len(ELECTRODES), 1, stream=2) * tone


def muscle_noise(
    keys: Int[Tensor, " batch"], time: int, amplitude: float = 0.5
) -> Float[Tensor, "batch 9 time"]:
    """EMG noise: white, of another strength at each electrode.

    Args:
        keys: randomness of each record.
        time: samples.
        amplitude: greatest deviation at an electrode; its own is uniform from 0 to that.
    """
    height = amplitude * uniform(keys, len(ELECTRODES), 1, stream=1)
    return height * normal(keys, len(ELECTRODES), time)


def _seconds(keys: Int[Tensor, " batch"], time: int, rate: float) -> Float[Tensor, " time"]:
    return torch.arange(time, device=keys.device) / rate
