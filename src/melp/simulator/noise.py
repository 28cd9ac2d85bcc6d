"""What the electrodes add: wander, mains, muscle, and in bad recordings movement and loose contact.

Noise is made at the nine electrodes and passed through the definitions of the leads, so that limb leads stay
consistent with one another.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

# Electrodes RA LA LL V1-V6 to the leads I II V1-V6; chest leads are against Wilson's terminal.
LEADS_OF_ELECTRODES = np.vstack(
    [[-1.0, 1, 0, *[0] * 6], [-1.0, 0, 1, *[0] * 6], np.hstack([np.full((6, 3), -1 / 3), np.eye(6)])]
)
ELECTRODES = 9


def _wander(rng: np.random.Generator, time: np.ndarray, height: float) -> np.ndarray:
    """Breathing and slow drift: a few slow tones, each electrode with its own share."""
    rates = np.concatenate([rng.uniform(0.05, 0.15, 2), rng.uniform(0.18, 0.35, 2)])
    tones = np.sin(2 * np.pi * (rates[:, None] * time + rng.random((4, 1))))
    return np.einsum("et,ts->es", height * rng.normal(0, 0.5, (ELECTRODES, 4)), tones)


def _mains(rng: np.random.Generator, time: np.ndarray, height: float) -> np.ndarray:
    angle = 2 * np.pi * rng.choice([50.0, 60.0]) * time
    return np.einsum(
        "et,ts->es", height * rng.normal(0, 1, (ELECTRODES, 2)), np.stack([np.sin(angle), np.cos(angle)])
    )


def _muscle(rng: np.random.Generator, time: np.ndarray, height: float) -> np.ndarray:
    noise = rng.standard_normal((ELECTRODES, len(time) + 1), dtype=np.float32)
    return height * np.abs(rng.normal(1, 0.3, (ELECTRODES, 1))) * 0.7 * (noise[:, 1:] - 0.3 * noise[:, :-1])


def electrode_noise(
    rng: np.random.Generator, time: Float[np.ndarray, " time"]
) -> Float[np.ndarray, "9 time"]:
    """The noise (mV) of a recording of usual quality."""
    return (
        _wander(rng, time, rng.gamma(2, 0.018))
        + _mains(rng, time, rng.gamma(1, 0.002))
        + _muscle(rng, time, rng.gamma(2, 0.003))
    )


def artefacts(rng: np.random.Generator, time: Float[np.ndarray, " time"]) -> Float[np.ndarray, "9 time"]:
    """The noise (mV) of a bad recording: strong wander, tremor, bursts and steps of single electrodes."""
    noise = _wander(rng, time, rng.uniform(0.3, 0.7)) + _mains(rng, time, rng.gamma(2, 0.01))
    noise += _muscle(rng, time, rng.uniform(0.06, 0.12))
    for _ in range(rng.integers(3, 7)):
        electrode, middle, width = rng.integers(ELECTRODES), rng.uniform(0, time[-1]), rng.uniform(0.2, 0.9)
        burst = np.exp(-0.5 * ((time - middle) / width) ** 2)
        noise[electrode] += burst * rng.normal(0, 0.35, len(time))
        noise[electrode] += rng.normal(0, 0.8) * (time > middle) * np.exp(-(time - middle).clip(0) / width)
    return noise


def independent_leads(noise: Float[np.ndarray, "9 time"]) -> Float[np.ndarray, "8 time"]:
    """The noise of the leads I, II, V1-V6."""
    return np.einsum("le,et->lt", LEADS_OF_ELECTRODES, noise)
