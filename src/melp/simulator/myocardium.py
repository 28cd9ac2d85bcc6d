"""The heart muscle: hypertrophy, injury, scar, ischaemia and other changes of voltage and repolarisation."""

from __future__ import annotations

import numpy as np

from melp.simulator.dipole import rotation
from melp.simulator.heart import Heart

# Direction from the centre of the heart to each territory (X left, Y feet, Z back).
TERRITORIES = {
    "anterior": np.array([0.22, -0.30, -0.93]),
    "inferior": np.array([0.0, 0.97, 0.24]),
    "lateral": np.array([0.86, -0.42, 0.30]),
}


def left_hypertrophy(heart: Heart, rng: np.random.Generator) -> None:
    """High voltages to the left and back; strain: ST and T opposite to QRS in the lateral leads."""
    beat = heart.conducted
    beat.qrs[1, 2:] *= 1.3
    beat.qrs[2, 2:] *= rng.uniform(1.8, 2.2)
    beat.qrs[3, 2:] *= 1.5
    beat.qrs[1:4, 3] *= 0.55
    beat.duration = rng.uniform(0.098, 0.114)
    strain = rng.uniform(0.75, 1.25)
    beat.st = strain * np.array([-0.09, -0.02, -0.07])
    beat.t = strain * np.array([-0.24, -0.02, -0.16])


def right_hypertrophy(heart: Heart, rng: np.random.Generator) -> None:
    """Right axis, tall R in V1, deep S in V5 and V6, strain in V1 to V3."""
    size = rng.uniform(0.9, 1.25)
    heart.conducted.qrs = np.array(
        [
            [0.17, 0.075, 0.05, -0.10, -0.20],
            [0.34, 0.085, 0.50, 0.40, -0.45],
            [0.50, 0.090, -0.05, 0.80, -0.75],
            [0.66, 0.090, -0.80, 0.10, -0.10],
            [0.81, 0.090, -0.45, -0.15, 0.20],
        ]
    )
    heart.conducted.qrs[:, 2:] *= size * rng.lognormal(0, 0.08, (5, 1))
    heart.conducted.st = np.array([0.05, -0.03, 0.08])
    heart.conducted.t = rng.uniform(0.8, 1.2) * np.array([0.26, 0.10, 0.27])
    heart.p[0, 2:] *= rng.uniform(1.2, 1.7)


def injury(heart: Heart, rng: np.random.Generator, territory: str) -> None:
    """Transmural ischaemia: ST and a broad T towards the territory, and so depressed in opposite leads."""
    towards = TERRITORIES[territory]
    height = rng.uniform(0.22, 0.42)
    heart.conducted.st = heart.conducted.st + height * towards
    heart.conducted.t = 0.45 * heart.conducted.t + rng.uniform(0.7, 1.2) * height * towards
    heart.conducted.sharpness = 0.95


def scar(heart: Heart, rng: np.random.Generator, territory: str) -> None:
    """An old infarct: the first 40 ms point away (Q), R voltage is lost, T points away."""
    beat, away = heart.conducted, -TERRITORIES[territory]
    depth = rng.uniform(0.7, 1.0)
    share = 0.095 / beat.duration
    lost = beat.qrs[:, 2:] @ away
    weight = np.clip(1 - 1.5 * (beat.qrs[:, 0] - 0.17), 0, 1) * (lost < 0)
    beat.qrs[:, 2:] -= (weight * lost)[:, None] * away
    q_wave = np.array(
        [
            [0.20 * share, 0.09 * share, *0.55 * depth * away],
            [0.36 * share, 0.08 * share, *0.45 * depth * away],
        ]
    )
    beat.qrs = np.vstack([q_wave, beat.qrs])
    beat.t = beat.t + away * (max(0.0, -float(beat.t @ away)) + rng.uniform(0.08, 0.22))


def subendocardial_ischaemia(heart: Heart, rng: np.random.Generator) -> None:
    """ST depression in I, II and V4 to V6, ST elevation in aVR."""
    heart.conducted.st = rng.uniform(0.14, 0.27) * np.array([-0.85, -0.50, 0.12])
    heart.conducted.t = heart.conducted.t * rng.uniform(0.3, 0.7)


def t_inversion(heart: Heart, rng: np.random.Generator) -> None:
    """Deep symmetric T waves that point away from a territory, ST isoelectric."""
    heart.territory = str(rng.choice(list(TERRITORIES)))
    away = -TERRITORIES[heart.territory]
    heart.conducted.t = heart.conducted.t + away * (
        max(0.0, -float(heart.conducted.t @ away)) + rng.uniform(0.28, 0.45)
    )
    heart.conducted.sharpness = 1.1


def long_qt(heart: Heart, rng: np.random.Generator) -> None:
    """QTc of 490 to 560 ms."""
    heart.qtc = rng.uniform(0.495, 0.56)


def low_voltage(heart: Heart, rng: np.random.Generator) -> None:
    """QRS under 0.5 mV in the limb leads and under 1 mV in the chest leads."""
    greatest = float(np.linalg.norm(heart.conducted.loop(), axis=1).max())
    heart.conducted = heart.conducted.scaled(rng.uniform(0.22, 0.32) / greatest)
    heart.p[:, 2:] *= 0.7


def posterior_scar(heart: Heart, rng: np.random.Generator) -> None:
    """An old infarct at the back: tall, broad R and upright T in V1 and V2, no Q wave."""
    beat = heart.conducted
    beat.qrs[:2, 4] -= rng.uniform(0.25, 0.4)
    beat.qrs[2:, 4] -= beat.qrs[2:, 4].clip(min=0) * rng.uniform(0.85, 1.0)
    beat.t = beat.t + np.array([0.0, 0.0, -rng.uniform(0.1, 0.2)])


def low_t(heart: Heart, rng: np.random.Generator) -> None:
    """T waves under a tenth of R."""
    heart.conducted.t = heart.conducted.t * rng.uniform(0.05, 0.15)


def shallow_t_inversion(heart: Heart, rng: np.random.Generator) -> None:
    """T waves inverted by less than 0.1 mV in I, II and V4 to V6."""
    heart.conducted.t = -rng.uniform(0.55, 0.8) * np.array([0.07, 0.05, -0.01])


def slight_st_depression(heart: Heart, rng: np.random.Generator) -> None:
    """ST depression of 0.03 to 0.09 mV in II and V4 to V6, T upright."""
    heart.conducted.st = rng.uniform(0.055, 0.08) * np.array([-0.8, -0.5, 0.1])
    heart.conducted.t = heart.conducted.t * rng.uniform(0.6, 0.8)


def digitalis(heart: Heart, rng: np.random.Generator) -> None:
    """ST depression in I, II and V4 to V6, a low T wave and a short QT interval."""
    heart.conducted.st = rng.uniform(0.12, 0.2) * np.array([-0.85, -0.50, 0.12])
    heart.conducted.t = heart.conducted.t * rng.uniform(0.1, 0.3)
    heart.qtc = rng.uniform(0.33, 0.355)


def early_repolarisation(heart: Heart, rng: np.random.Generator) -> None:
    """ST elevation of 0.1 mV and more in V2 to V5 before tall T waves, without depression elsewhere."""
    heart.conducted.st = rng.uniform(0.13, 0.2) * np.array([0.62, 0.30, -0.65])
    heart.conducted.t = heart.conducted.t * rng.uniform(1.4, 1.8)


def u_waves(heart: Heart, rng: np.random.Generator) -> None:
    """U waves of 0.1 mV and more in V2 and V3, T waves not tall."""
    heart.u = rng.uniform(0.11, 0.15) * np.array([0.35, 0.15, -0.92])
    heart.conducted.t = heart.conducted.t * rng.uniform(0.5, 0.8)


def clockwise_rotation(heart: Heart, rng: np.random.Generator) -> None:
    """R becomes larger than S only in V5 or V6."""
    _rotate(heart, rng.uniform(48, 55))


def counterclockwise_rotation(heart: Heart, rng: np.random.Generator) -> None:
    """R is larger than S already in V2."""
    _rotate(heart, -rng.uniform(42, 50))


def _rotate(heart: Heart, degrees: float) -> None:
    """Turn the QRS, seen from the feet, clockwise: from left to back."""
    heart.conducted.qrs[:, 2:] = heart.conducted.qrs[:, 2:] @ rotation(0, degrees, 0).T


def high_voltage(heart: Heart, rng: np.random.Generator) -> None:
    """A tall QRS (Sokolow index over 3.5 mV) without strain."""
    greatest = float(np.linalg.norm(heart.conducted.loop(), axis=1).max())
    heart.conducted.qrs[:, 2:] *= rng.uniform(2.7, 3.0) / greatest
