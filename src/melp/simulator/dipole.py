"""The heart as one dipole: its vector over time as a sum of waves, and the projection to twelve leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Vector = Float[np.ndarray, "3"]

# Dower, Machado, Osborne: On deriving the electrocardiogram from vectorcardiographic leads (Clin Cardiol
# 3:87, 1980). Rows I II V1-V6; columns Frank X (to the left), Y (to the feet), Z (to the back).
DOWER: Float[np.ndarray, "8 3"] = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)
REACH = 4.0  # standard deviations; a flank ends where it has fallen to exp(-8) of its height


@dataclass(frozen=True)
class Waves:
    """Waves of the dipole: flat from `start` to `stop`, with half a Gaussian on each side.

    If `start` equals `stop` the wave is a Gaussian, which is symmetric if `rise` equals `fall`. Times and
    widths (standard deviations) are in seconds, vectors in mV along X, Y, Z.
    """

    start: Float[np.ndarray, " wave"]
    stop: Float[np.ndarray, " wave"]
    rise: Float[np.ndarray, " wave"]
    fall: Float[np.ndarray, " wave"]
    vector: Float[np.ndarray, "wave 3"]

    @classmethod
    def join(cls, parts: Sequence[Waves]) -> Waves:
        """Concatenate the waves of `parts`."""
        names = ("start", "stop", "rise", "fall", "vector")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def gaussians(
    centre: Float[np.ndarray, " wave"], width: Float[np.ndarray, " wave"], vector: Float[np.ndarray, "wave 3"]
) -> Waves:
    """Return symmetric waves at `centre` (s) with standard deviation `width` (s)."""
    return Waves(centre, centre, width, width, vector)


def render(waves: Waves, rate: float, length: int) -> Float[np.ndarray, "3 {length}"]:
    """Return the sum of `waves` at times 0, 1/rate, ... as X, Y, Z in mV."""
    first = np.ceil((waves.start - REACH * waves.rise) * rate).astype(int).clip(0, length)
    last = np.floor((waves.stop + REACH * waves.fall) * rate).astype(int).clip(-1, length - 1)
    counts = (last - first + 1).clip(0)
    wave = np.repeat(np.arange(len(counts)), counts)
    sample = np.arange(counts.sum()) + np.repeat(first - (counts.cumsum() - counts), counts)
    time = sample / rate
    before = (time - waves.start[wave]).clip(max=0) / waves.rise[wave]
    after = (time - waves.stop[wave]).clip(min=0) / waves.fall[wave]
    height = np.exp(-0.5 * (before + after) ** 2)
    return np.stack(
        [np.bincount(sample, height * waves.vector[wave, axis], minlength=length) for axis in range(3)]
    )


def project(
    dipole: Float[np.ndarray, "3 time"], matrix: Float[np.ndarray, "8 3"] = DOWER
) -> Float[np.ndarray, "8 time"]:
    """Project `dipole` (mV) to the leads I, II, V1-V6 (mV)."""
    # Not a BLAS call, whose bytes would depend on the number of threads.
    return sum(matrix[:, axis, None] * dipole[axis] for axis in range(3))


def twelve_leads(independent: Float[np.ndarray, "8 time"]) -> Float[np.ndarray, "12 time"]:
    """Derive the twelve standard leads from I, II, V1-V6 by Einthoven's and Goldberger's definitions."""
    i, ii = independent[0], independent[1]
    limb = np.stack([i, ii, ii - i, -(i + ii) / 2, i - ii / 2, ii - i / 2])
    return np.concatenate([limb, independent[2:]])


def rotation(frontal: float, horizontal: float, sagittal: float) -> Float[np.ndarray, "3 3"]:
    """Return the matrix that rotates the heart in the chest; angles in degrees.

    `frontal` turns from left to feet (a more vertical axis), `horizontal` from left to back (later R
    progression), `sagittal` from feet to back.
    """
    matrix = np.eye(3)
    for angle, axes in zip((frontal, horizontal, sagittal), ((0, 1), (0, 2), (1, 2)), strict=True):
        cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        step = np.eye(3)
        step[np.ix_(axes, axes)] = [[cosine, -sine], [sine, cosine]]
        matrix = step @ matrix
    return matrix
