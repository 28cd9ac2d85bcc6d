"""The atria: the waves of fibrillation and of flutter, and P waves of large atria or of another focus."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from melp.simulator.heart import Heart

Dipole = Float[np.ndarray, "3 time"]


def _tone(rng: np.random.Generator, time: Float[np.ndarray, " time"], low: float, high: float) -> np.ndarray:
    return np.sin(2 * np.pi * (rng.uniform(low, high) * time + rng.random()))


def fibrillatory_waves(rng: np.random.Generator, time: Float[np.ndarray, " time"]) -> Dipole:
    """Return f waves: 300 to 480 per minute, of varying rate and height, largest in V1."""
    rate = rng.uniform(5.0, 8.0)
    drift = 2.0 * _tone(rng, time, 0.3, 0.7) + 1.2 * _tone(rng, time, 0.9, 1.8)
    phase = 2 * np.pi * (rate * time + rng.random()) + drift
    height = rng.uniform(0.045, 0.11) * (1 + 0.35 * _tone(rng, time, 0.2, 0.6))
    direction = np.array([-0.30, 0.45, -0.75])
    second = np.array([0.30, 0.45, -0.10])
    main = height * (np.sin(phase) + 0.35 * np.sin(2 * phase + 1.0))
    return direction[:, None] * main + second[:, None] * height * np.sin(0.93 * phase + 2.0)


def flutter_waves(
    rng: np.random.Generator, time: Float[np.ndarray, " time"], begin: float, period: float
) -> Dipole:
    """Return F waves of the common, counter-clockwise type: sawtooth in II, III, aVF, positive in V1.

    Args:
        rng: draws the height.
        time: s.
        begin: onset of one wave (s).
        period: duration of a wave (s).
    """
    phase = 2 * np.pi * (time - begin) / period
    saw = sum(np.sin(k * phase) * 0.9**k / k for k in range(1, 5))
    peak = sum(np.cos(k * (phase - 1.2)) * 0.62**k for k in range(1, 5))
    height = rng.uniform(0.11, 0.2)
    down = np.array([0.05, 1.0, 0.05])
    front = np.array([-0.10, -0.05, -0.75])
    return height * (down[:, None] * saw + front[:, None] * 0.9 * peak)


def left_enlargement(heart: Heart, rng: np.random.Generator) -> None:
    """A wide P wave, of which the late part is negative in V1 for 40 ms or more."""
    heart.p[1, :2] = rng.uniform(0.098, 0.108), 0.020
    heart.p[1, 2:] = rng.uniform(1.0, 1.3) * np.array([0.085, 0.045, 0.135])
    heart.pr = max(heart.pr, 0.17)


def right_enlargement(heart: Heart, rng: np.random.Generator) -> None:
    """A tall, peaked P wave in II, III and aVF."""
    heart.p[0, 2:] = rng.uniform(1.0, 1.3) * np.array([0.045, 0.27, -0.06])
    heart.p[0, :2] = 0.045, 0.018


def ectopic_focus(heart: Heart, rng: np.random.Generator) -> None:
    """P waves from low in an atrium: negative in II, III and aVF."""
    heart.p[:, 3] = -rng.uniform(0.9, 1.3, 2) * np.abs(heart.p[:, 3])
    heart.pr = rng.uniform(0.115, 0.14)
