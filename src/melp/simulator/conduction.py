"""Conduction in the ventricles: bundle branches, fascicles, preexcitation, pacing and ectopic beats."""

from __future__ import annotations

import numpy as np

from melp.simulator.dipole import rotation
from melp.simulator.heart import Complex, Heart


def _jitter(rows: list[list[float]], rng: np.random.Generator, spread: float = 0.12) -> np.ndarray:
    """Return a table of QRS waves with a random factor on the length of each vector."""
    table = np.array(rows)
    table[:, 2:] *= rng.lognormal(0, spread, (len(table), 1))
    return table


def _discordant(beat: Complex, rng: np.random.Generator) -> Complex:
    """Set the repolarisation after an abnormal depolarisation: ST and T opposite to the QRS."""
    beat.st = -0.12 * rng.uniform(0.7, 1.3) * beat.area()
    beat.t = -0.55 * rng.uniform(0.8, 1.2) * beat.area()
    return beat


def left_bundle_branch_block(heart: Heart, rng: np.random.Generator) -> None:
    """No septal q; QRS slow, notched, to the left and back; ST and T opposite (V1 rS or QS, V6 broad R)."""
    rows = [
        [0.16, 0.075, 0.22, 0.10, rng.uniform(-0.18, 0.02)],
        [0.34, 0.100, 0.52, 0.26, 1.08],
        [0.54, 0.105, 0.42, 0.08, 1.42],
        [0.75, 0.100, 0.74, -0.08, 0.72],
    ]
    heart.conducted = _discordant(
        Complex(_jitter(rows, rng), rng.uniform(0.13, 0.165), np.zeros(3), np.zeros(3)), rng
    )


def right_bundle_branch_block(heart: Heart, rng: np.random.Generator) -> None:
    """The left ventricle as normal, then slowly the right one, to the right and front (R' in V1, S in V6)."""
    beat = heart.conducted
    duration = rng.uniform(0.125, 0.155)
    left = beat.qrs.copy()
    left[:, :2] *= beat.duration / duration * 0.92
    if not heart.hemiblock:  # in a hemiblock, the last waves are those of the left ventricle's late part
        left[-2:, 2:] *= 0.3
    size = rng.uniform(0.85, 1.2)
    right = [[0.70, 0.095, -0.36 * size, -0.04, -0.62 * size], [0.84, 0.08, -0.30 * size, 0.02, -0.22 * size]]
    t = beat.t + rng.uniform(0.8, 1.1) * np.array([0.10, 0.02, 0.34])
    st = beat.st + np.array([0.0, 0.0, 0.03])
    heart.conducted = Complex(np.vstack([left, right]), duration, st, t, terminal=len(right))


def incomplete_left_bundle_branch_block(heart: Heart, rng: np.random.Generator) -> None:
    """As left bundle branch block, in 105 to 118 ms."""
    left_bundle_branch_block(heart, rng)
    heart.conducted.duration = rng.uniform(0.108, 0.118)


def incomplete_right_bundle_branch_block(heart: Heart, rng: np.random.Generator) -> None:
    """A small R' in V1 and s in V6, in 105 to 116 ms."""
    beat = heart.conducted
    duration = rng.uniform(0.105, 0.116)
    left = beat.qrs.copy()
    left[:, :2] *= 0.92
    left[-2:, 2:] *= 0.3
    size = rng.uniform(0.8, 1.1)
    right = [[0.76, 0.07, -0.24 * size, -0.04, -0.44 * size], [0.87, 0.06, -0.16 * size, 0.02, -0.12 * size]]
    heart.conducted = Complex(np.vstack([left, right]), duration, beat.st, beat.t, terminal=len(right))


def intraventricular_delay(heart: Heart, rng: np.random.Generator) -> None:
    """The QRS as it is, in 122 to 140 ms."""
    heart.conducted.duration = rng.uniform(0.122, 0.14)


def left_anterior_fascicular_block(heart: Heart, rng: np.random.Generator) -> None:
    """First down (r in II, III, aVF; q in I, aVL), then up and left: axis beyond -45 degrees."""
    rows = [
        [0.17, 0.075, -0.14, 0.20, -0.20],
        [0.35, 0.085, 0.55, -0.05, -0.16],
        [0.48, 0.085, 0.60, -0.36, 0.42],
        [0.63, 0.090, 0.00, -0.41, 0.50],
        [0.80, 0.090, -0.38, -0.26, 0.14],
    ]
    _replace_qrs(heart, np.array(rows), rng)


def left_posterior_fascicular_block(heart: Heart, rng: np.random.Generator) -> None:
    """First up (r in I, aVL; q in III, aVF), then down and right: axis beyond +100 degrees."""
    rows = [
        [0.16, 0.075, 0.16, -0.26, -0.24],
        [0.33, 0.080, 0.50, 0.10, -0.24],
        [0.50, 0.090, 0.02, 0.72, 0.24],
        [0.65, 0.090, -0.42, 0.55, 0.46],
        [0.81, 0.090, -0.34, 0.20, 0.20],
    ]
    _replace_qrs(heart, np.array(rows), rng)


def _replace_qrs(heart: Heart, rows: np.ndarray, rng: np.random.Generator) -> None:
    beat = heart.conducted
    rows[:, 2:] *= rng.lognormal(0, 0.1, (len(rows), 1)) * rng.uniform(0.9, 1.2)
    heart.conducted = Complex(rows, rng.uniform(0.092, 0.108), beat.st, beat.t)
    heart.hemiblock = True


def preexcitation(heart: Heart, rng: np.random.Generator) -> None:
    """Accessory pathway: short PR, slurred upstroke (delta wave), wide QRS, T opposite to the delta wave."""
    heart.pr = rng.uniform(0.085, 0.112)
    pathways = ([0.30, 0.30, -0.52], [0.32, -0.45, -0.40], [0.60, -0.25, 0.34], [0.50, 0.42, 0.25])
    pathway = np.array(pathways[rng.integers(len(pathways))]) * rng.uniform(0.85, 1.2)
    beat = heart.conducted
    duration = rng.uniform(0.125, 0.15)
    late = beat.qrs[1:].copy()
    late[:, :2] *= beat.duration / duration
    late[:, 0] += 1 - late[-1, 0] - 2 * late[-1, 1]
    # Waves of increasing height sum to a slur, up to where normal conduction takes over.
    delta = np.array(
        [[at, 0.095, *(height * pathway)] for at, height in ((0.2, 0.3), (0.33, 0.4), (0.46, 0.5))]
    )
    table = np.vstack([delta, late])
    heart.conducted = Complex(table, duration, -0.14 * pathway, beat.t * 0.6 - 0.42 * pathway)


def pacing(heart: Heart, rng: np.random.Generator) -> None:
    """A pacing lead in the right ventricle: a spike, then a broad QRS to the back.

    From the apex (every second one) the QRS goes up and away from V6; from the septum or the outflow tract,
    to the left and down.
    """
    if rng.random() < 0.5:
        up = rng.uniform(0.7, 1.0)
        rows = [
            [0.18, 0.085, -0.02, -0.35 * up, 0.12],
            [0.38, 0.105, -0.14, -0.95 * up, 0.34],
            [0.60, 0.105, -0.22, -0.90 * up, 0.28],
            [0.79, 0.100, -0.12, -0.35 * up, 0.10],
        ]
    else:
        down = rng.uniform(0.2, 1.0)
        rows = [
            [0.18, 0.085, 0.15, 0.15 * down, 0.28],
            [0.38, 0.105, 0.40, 0.50 * down, 0.75],
            [0.60, 0.105, 0.40, 0.45 * down, 0.85],
            [0.79, 0.100, 0.20, 0.15 * down, 0.45],
        ]
    beat = Complex(_jitter(rows, rng), rng.uniform(0.15, 0.185), np.zeros(3), np.zeros(3))
    heart.conducted = _discordant(beat, rng)
    size = rng.uniform(0.5, 2.2)
    heart.conducted.spike = size * np.array([0.55, 0.75, 0.3]) * rng.choice([-1.0, 1.0])


def ventricular_escape(heart: Heart, rng: np.random.Generator) -> None:
    """Replace the conducted beats by broad ones: an escape rhythm that originates in the ventricle."""
    heart.conducted = ventricular_ectopic(rng, voltage=0.75, turns=(-10, 40))


def ventricular_ectopic(
    rng: np.random.Generator, voltage: float = 1.0, turns: tuple[float, float] = (-55, 75)
) -> Complex:
    """Draw a wide beat with opposite T, from the right (like left bundle branch block) or left ventricle.

    `turns` are the limits between which its frontal axis is turned, in degrees from left to feet.
    """
    if rng.random() < 0.6:
        rows = [[0.2, 0.095, 0.40, 0.2, 0.20], [0.45, 0.12, 1.0, 0.3, 1.05], [0.72, 0.11, 0.70, 0.1, 0.60]]
    else:
        rows = [
            [0.2, 0.095, -0.20, 0.0, -0.40],
            [0.45, 0.12, -0.7, 0.1, -1.1],
            [0.72, 0.11, -0.60, 0.1, -0.40],
        ]
    matrix = rotation(rng.uniform(*turns), rng.uniform(-15, 15), 0)
    table = _jitter(rows, rng, 0.08)
    table[:, 2:] = voltage * rng.uniform(0.95, 1.3) * table[:, 2:] @ matrix.T
    return _discordant(Complex(table, rng.uniform(0.14, 0.175), np.zeros(3), np.zeros(3)), rng)
