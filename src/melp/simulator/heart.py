"""The heart: vectors of its P wave, QRS, ST and T, and its intervals."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from melp.simulator.dipole import Vector, Waves, gaussians

QrsVectors = Float[np.ndarray, "wave 5"]

# Rows: centre and standard deviation as fractions of the duration, then X Y Z in mV.
# Septum (from left to right and to the front), apex and free walls, base (late, to the back and up).
NORMAL_QRS: QrsVectors = np.array(
    [
        [0.17, 0.075, -0.11, -0.07, -0.27],
        [0.36, 0.085, 0.62, 0.45, -0.30],
        [0.48, 0.085, 0.82, 0.66, 0.36],
        [0.63, 0.085, 0.20, 0.02, 0.80],
        [0.81, 0.090, -0.16, -0.12, 0.22],
    ]
)
# Right atrium (to the front and down), left atrium (to the left and back); centre and width in seconds.
NORMAL_P: QrsVectors = np.array(
    [
        [0.038, 0.017, 0.028, 0.068, -0.034],
        [0.068, 0.018, 0.062, 0.040, 0.034],
    ]
)
NORMAL_T = np.array([0.36, 0.21, -0.22])


@dataclass
class Complex:
    """One type of ventricular beat: its depolarisation over `duration` seconds, and its repolarisation.

    `st` and `t` are the vectors (mV) of the ST segment and of the T wave; `sharpness` divides the width of T;
    `spike` is the vector of a pacing spike. The last `terminal` waves of the QRS are those of the right
    ventricle, where a block of its bundle branch delays it.
    """

    qrs: QrsVectors
    duration: float
    st: Vector
    t: Vector
    sharpness: float = 1.0
    spike: Vector = field(default_factory=lambda: np.zeros(3))
    terminal: int = 0

    def scaled(self, gain: float) -> Complex:
        """Return the beat with its voltages multiplied by `gain`."""
        qrs = self.qrs.copy()
        qrs[:, 2:] *= gain
        return replace(self, qrs=qrs, st=self.st * gain, t=self.t * gain)

    def area(self) -> Vector:
        """Return the mean QRS vector; a secondary T wave is opposite to it."""
        return np.asarray((self.qrs[:, 1:2] * self.qrs[:, 2:]).sum(0) / self.qrs[:, 1].sum())

    def axis_vector(self) -> Vector:
        """Return the mean vector of the QRS without its terminal waves, whose direction is the axis.

        In right bundle branch block the axis is read from the first part of the QRS, in which the left
        ventricle is activated.
        """
        return replace(self, qrs=self.qrs[: len(self.qrs) - self.terminal]).area()

    def loop(self) -> Float[np.ndarray, "101 3"]:
        """Return the QRS vector (mV) at hundredths of the duration."""
        distance = (np.linspace(0, 1, 101)[:, None] - self.qrs[:, 0]) / self.qrs[:, 1]
        return np.asarray(np.exp(-0.5 * distance**2) @ self.qrs[:, 2:])

    def peak(self) -> float:
        """Return the seconds from the onset to the largest vector, where a beat is annotated."""
        return float(np.linalg.norm(self.loop(), axis=1).argmax() / 100 * self.duration)

    def depolarisation(self, onsets: Float[np.ndarray, " beat"], gain: Float[np.ndarray, " beat"]) -> Waves:
        """Return the QRS waves of beats that begin at `onsets` (s)."""
        count = len(self.qrs)
        centre = (onsets[:, None] + self.qrs[:, 0] * self.duration).ravel()
        width = np.tile(self.qrs[:, 1] * self.duration, len(onsets))
        vector = np.tile(self.qrs[:, 2:], (len(onsets), 1)) * np.repeat(gain, count)[:, None]
        return gaussians(centre, width, vector)

    def repolarisation(
        self,
        onsets: Float[np.ndarray, " beat"],
        qt: Float[np.ndarray, " beat"],
        gain: Float[np.ndarray, " beat"],
    ) -> Waves:
        """Return ST segments and T waves; T ends `qt` after the onset by the tangent to its falling flank."""
        rise, fall = 0.14 * qt / self.sharpness, 0.085 * qt / self.sharpness
        peak = onsets + qt - 2 * fall
        junction = np.minimum(onsets + 0.93 * self.duration, peak)
        st = Waves(junction, peak, np.full(len(onsets), 0.012), fall, gain[:, None] * self.st)
        t = Waves(peak, peak, rise, fall, gain[:, None] * self.t)
        return Waves.join([st, t])


@dataclass
class Heart:
    """All that conditions change: conducted and ectopic beats, P waves, and intervals in seconds.

    `territory` is that of inverted T waves, for the report; `hemiblock` says that a fascicle is blocked;
    `u` is the vector (mV) of the U wave.
    """

    conducted: Complex
    p: QrsVectors = field(default_factory=lambda: NORMAL_P.copy())
    pr: float = 0.16
    qtc: float = 0.41
    ectopic: Complex | None = None
    ectopic_p: QrsVectors | None = None
    territory: str = ""
    hemiblock: bool = False
    u: Vector = field(default_factory=lambda: np.zeros(3))

    def qt(self, rr: Float[np.ndarray, " beat"]) -> Float[np.ndarray, " beat"]:
        """Return the QT interval of beats after RR intervals `rr`, by the Framingham formula.

        Sagie et al., An improved method for adjusting the QT interval for heart rate (Am J Cardiol
        70:797, 1992): QT = QTc - 0.154 (1 - RR). A wide QRS lengthens QT by the excess over 0.1 s.
        """
        wide = max(0.0, self.conducted.duration - 0.1)
        return np.clip(self.qtc + wide - 0.154 * (1 - rr), 0.22, 0.78)


def atrial(p: QrsVectors, onsets: Float[np.ndarray, " beat"]) -> Waves:
    """Return P waves that begin at `onsets` (s)."""
    centre = (onsets[:, None] + p[:, 0]).ravel()
    return gaussians(centre, np.tile(p[:, 1], len(onsets)), np.tile(p[:, 2:], (len(onsets), 1)))


def normal_heart(rng: np.random.Generator) -> Heart:
    """Draw a healthy heart: its voltages, QRS loop, intervals and T wave."""
    qrs = NORMAL_QRS.copy()
    qrs[:, 2:] *= rng.lognormal(0, 0.14, (len(qrs), 1))
    qrs[:, 0] += rng.normal(0, 0.008, len(qrs))
    t = NORMAL_T * rng.lognormal(0, 0.22) + rng.normal(0, 0.03, 3)
    beat = Complex(qrs, rng.uniform(0.082, 0.104), rng.normal(0, 0.008, 3), t)
    p = NORMAL_P.copy()
    p[:, 2:] *= rng.lognormal(0, 0.18, (2, 1))
    return Heart(beat.scaled(rng.uniform(0.85, 1.2)), p, rng.uniform(0.13, 0.19), rng.uniform(0.385, 0.43))
