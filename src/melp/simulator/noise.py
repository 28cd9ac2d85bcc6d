"""Noise of the electrodes: wander, mains, muscle, and in bad recordings movement and loose contact.

Noise is simulated at the nine electrodes and mapped to the leads by their definitions, so that the limb leads
stay consistent.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from melp.signal.electrodes import ELECTRODES, electrodes_to_leads

_INDEPENDENT_LEADS = electrodes_to_leads(("I", "II", "V1", "V2", "V3", "V4", "V5", "V6"))
_COUNT = len(ELECTRODES)


def _wander(rng: np.random.Generator, time: np.ndarray, height: float) -> np.ndarray:
    """Breathing and slow drift: four slow tones, each with its own amplitude at every electrode."""
    rates = np.concatenate([rng.uniform(0.05, 0.15, 2), rng.uniform(0.18, 0.35, 2)])
    tones = np.sin(2 * np.pi * (rates[:, None] * time + rng.random((4, 1))))
    return np.einsum("et,ts->es", height * rng.normal(0, 0.5, (_COUNT, 4)), tones)


def _mains(rng: np.random.Generator, time: np.ndarray, height: float) -> np.ndarray:
    angle = 2 * np.pi * rng.choice([50.0, 60.0]) * time
    return np.einsum(
        "et,ts->es", height * rng.normal(0, 1, (_COUNT, 2)), np.stack([np.sin(angle), np.cos(angle)])
    )


def _muscle(rng: np.random.Generator, time: np.ndarray, height: float) -> np.ndarray:
    noise = rng.standard_normal((_COUNT, len(time) + 1), dtype=np.float32)
    return height * np.abs(rng.normal(1, 0.3, (_COUNT, 1))) * 0.7 * (noise[:, 1:] - 0.3 * noise[:, :-1])


def electrode_noise(
    rng: np.random.Generator, time: Float[np.ndarray, " time"]
) -> Float[np.ndarray, "9 time"]:
    """Noise (mV) of a recording of usual quality."""
    return (
        _wander(rng, time, rng.gamma(2, 0.018))
        + _mains(rng, time, rng.gamma(1, 0.002))
        + _muscle(rng, time, rng.gamma(2, 0.003))
    )


def artefacts(rng: np.random.Generator, time: Float[np.ndarray, " time"]) -> Float[np.ndarray, "9 time"]:
    """Noise (mV) of a bad recording: strong wander, tremor, bursts and steps at single electrodes."""
    noise = _wander(rng, time, rng.uniform(0.3, 0.7)) + _mains(rng, time, rng.gamma(2, 0.01))
    noise += _muscle(rng, time, rng.uniform(0.06, 0.12))
    for _ in range(rng.integers(3, 7)):
        electrode, middle, width = rng.integers(_COUNT), rng.uniform(0, time[-1]), rng.uniform(0.2, 0.9)
        burst = np.exp(-0.5 * ((time - middle) / width) ** 2)
        noise[electrode] += burst * rng.normal(0, 0.2, len(time))
        noise[electrode] += rng.normal(0, 0.8) * (time > middle) * np.exp(-(time - middle).clip(0) / width)
    return noise


def independent_leads(noise: Float[np.ndarray, "9 time"]) -> Float[np.ndarray, "8 time"]:
    """Map noise of the electrodes to the leads I, II, V1-V6."""
    return np.einsum("le,et->lt", _INDEPENDENT_LEADS, noise)
