"""Timing: onsets of atrial and ventricular beats, and the conduction between them."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float

from melp.simulator.heart import Heart

Times = Float[np.ndarray, " beat"]
LEAD_IN = 2.5  # seconds simulated before the recording, so that it can begin anywhere in a beat


@dataclass(frozen=True)
class Timeline:
    """Onsets (s) of P waves, of ectopic P waves and of QRS complexes, with the kind of each QRS.

    Kinds are WFDB annotation symbols: N conducted, A atrial premature, V ventricular premature,
    e ventricular escape, j junctional escape, / paced. `flutter` is the onset and duration (s) of one flutter
    wave; `fibrillating` is True in atrial fibrillation.
    """

    p: Times
    qrs: Times
    kind: np.ndarray
    ectopic_p: Times = field(default_factory=lambda: np.zeros(0))
    flutter: tuple[float, float] | None = None
    fibrillating: bool = False

    def periods(self) -> Times:
        """Return the RR interval before each QRS, smoothed towards the median: QT adapts slowly."""
        rr = np.diff(self.qrs, prepend=2 * self.qrs[0] - self.qrs[1])
        return 0.7 * np.median(rr) + 0.3 * rr.clip(0.3, 1.6)


def sinus_onsets(rate: float, rng: np.random.Generator, seconds: float, arrhythmia: bool = False) -> Times:
    """Return onsets of P waves at `rate` per minute, faster during inspiration."""
    period = 60 / rate
    count = int((seconds + 2 * LEAD_IN) / period * 1.3) + 4
    breathing = rng.uniform(0.18, 0.3)
    depth = rng.uniform(0.13, 0.2) if arrhythmia else rng.uniform(0.005, 0.035)
    phase = 2 * np.pi * (breathing * period * np.arange(count) + rng.random())
    periods = period * (1 + depth * np.sin(phase) + rng.normal(0, 0.006, count))
    return -LEAD_IN - rng.random() * period + periods.cumsum()


def _conduct(p: Times, pr: Times | float, passes: Bool[np.ndarray, " beat"] | None = None) -> Timeline:
    qrs = p + pr
    if passes is not None:
        qrs = qrs[passes]
    return Timeline(p, qrs, np.full(len(qrs), "N"))


def sinus(codes: Set[str], heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """Sinus rhythm, tachycardia, bradycardia or arrhythmia by `codes`; each P wave is conducted."""
    rate = rng.triangular(60, 72, 99)
    if "STACH" in codes:
        rate = rng.triangular(104, 112, 145)
    if "SBRAD" in codes:
        rate = rng.triangular(40, 54, 57)
    if "1AVB" in codes:
        heart.pr = min(rng.uniform(0.23, 0.34), 0.5 * 60 / rate)
    p = sinus_onsets(rate, rng, seconds, "SARRH" in codes)
    return _conduct(p, heart.pr + rng.normal(0, 0.002, len(p)))


def wenckebach(heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """Second degree, Mobitz I: PR grows by decreasing steps until a P wave is not conducted."""
    p = sinus_onsets(rng.uniform(65, 110), rng, seconds)
    cycle = int(rng.integers(3, 6))
    place = (np.arange(len(p)) + rng.integers(cycle)) % cycle
    first, step = rng.uniform(0.17, 0.22), rng.uniform(0.09, 0.13)
    growth = step * (1 - 0.6**place) / (1 - 0.6)
    return _conduct(p, np.minimum(first + growth, 0.62 * 60 / 65), place < cycle - 1)


def mobitz_two(heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """Second degree, Mobitz II: PR constant, some P waves not conducted; every second one in 2:1 block."""
    p = sinus_onsets(rng.uniform(70, 115), rng, seconds)
    cycle = int(rng.choice([2, 2, 3, 4]))
    place = (np.arange(len(p)) + rng.integers(cycle)) % cycle
    return _conduct(p, heart.pr, place < cycle - 1)


def complete_block(heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """Third degree: P waves and an escape rhythm, independent of each other."""
    p = sinus_onsets(rng.uniform(68, 110), rng, seconds)
    junctional = rng.random() < 0.4
    rate = rng.uniform(38, 60) if junctional else rng.uniform(30, 48)
    qrs = sinus_onsets(rate, rng, seconds)
    return Timeline(p, qrs, np.full(len(qrs), "j" if junctional else "e"))


def fibrillation(heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """No P waves; random RR intervals (gamma distributed, like many impulses filtered by the AV node)."""
    rate = float(np.clip(rng.lognormal(np.log(84), 0.28), 48, 150))
    spread = rng.uniform(0.17, 0.27)
    shape = 1 / spread**2
    count = int((seconds + 2 * LEAD_IN) * rate / 60 * 1.5) + 8
    periods = np.maximum(rng.gamma(shape, 60 / rate / shape, count), 0.31)
    qrs = -LEAD_IN + periods.cumsum()
    return Timeline(np.zeros(0), qrs, np.full(count, "N"), fibrillating=True)


def flutter(heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """Atria at 240 to 320 per minute; every second to fifth wave conducted, at a fixed or varying ratio."""
    period = 60 / rng.uniform(240, 320)
    count = int((seconds + 2 * LEAD_IN) / period) + 12
    ratio = int(rng.choice([2, 3, 4, 4, 5]))
    steps = np.full(count, ratio)
    if rng.random() < 0.35:
        steps = rng.choice([2, 3, 4, 5], count)
    begin = -LEAD_IN - rng.random() * period
    qrs = begin + period * (steps.cumsum() + rng.uniform(0.3, 0.8))
    return Timeline(np.zeros(0), qrs, np.full(count, "N"), flutter=(begin, period))


def supraventricular_tachycardia(heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """Narrow, regular and without P waves at 150 to 210 per minute, as in AV nodal reentry."""
    qrs = sinus_onsets(rng.uniform(152, 208), rng, seconds)
    return Timeline(np.zeros(0), qrs, np.full(len(qrs), "N"))


def paroxysmal_tachycardia(heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """Sinus rhythm that turns within a beat into a tachycardia of 160 to 200 per minute without P waves."""
    before = sinus(frozenset(), heart, rng, seconds)
    begin = before.qrs[np.searchsorted(before.qrs, rng.uniform(0.25, 0.5) * seconds)]
    run = sinus_onsets(rng.uniform(160, 200), rng, seconds)
    run = run - run[0] + begin + 0.36
    p, qrs = before.p[before.p < begin], before.qrs[before.qrs <= begin]
    qrs = np.concatenate([qrs, run])
    return Timeline(p, qrs, np.full(len(qrs), "N"))


def atrial_arrhythmia(heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """Irregular P waves of two origins, as of a wandering pacemaker, each conducted."""
    count = int((seconds + 2 * LEAD_IN) * 1.7) + 4
    periods = rng.uniform(0.68, 0.85) * rng.lognormal(0, 0.17, count)
    p = -LEAD_IN + periods.clip(0.48, 1.3).cumsum()
    other = rng.random(count) < 0.5
    heart.ectopic_p = heart.p.copy()
    heart.ectopic_p[:, 3] = -0.8 * heart.p[:, 3]
    return replace(_conduct(p, heart.pr), p=p[~other], ectopic_p=p[other])


def atrial_tachycardia(heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """Regular P waves at 125 to 170 per minute, each conducted."""
    p = sinus_onsets(rng.uniform(125, 170), rng, seconds)
    return _conduct(p, heart.pr)


def paced(heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """Ventricular pacing that follows each P wave, or has a fixed rate independent of the P waves."""
    if rng.random() < 0.6:
        heart.pr = rng.uniform(0.15, 0.2)
        p = sinus_onsets(rng.triangular(60, 75, 105), rng, seconds)
        return replace(_conduct(p, heart.pr), kind=np.full(len(p), "/"))
    period = 60 / rng.choice([60.0, 65.0, 70.0, 75.0, 80.0, 85.0])
    qrs = -LEAD_IN + period * (rng.random() + np.arange(int((seconds + 2 * LEAD_IN) / period) + 2))
    p = sinus_onsets(rng.uniform(45, 60 / period), rng, seconds)
    return Timeline(p, qrs, np.full(len(qrs), "/"))


def timeline(codes: Set[str], heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """Return the timing of the rhythm among `codes`, by default sinus rhythm."""
    rhythms = {
        "AFIB": fibrillation,
        "AFLT": flutter,
        "SVTAC": supraventricular_tachycardia,
        "PSVT": paroxysmal_tachycardia,
        "AT": atrial_tachycardia,
        "SVARR": atrial_arrhythmia,
        "PACE": paced,
        "2AVB_I": wenckebach,
        "2AVB_II": mobitz_two,
        "3AVB": complete_block,
    }
    for code, rhythm in rhythms.items():
        if code in codes:
            return rhythm(heart, rng, seconds)
    return sinus(codes, heart, rng, seconds)
