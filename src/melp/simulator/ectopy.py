"""Premature beats: they replace beats of the basic rhythm and are followed by a pause."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from melp.simulator.heart import Heart
from melp.simulator.rhythm import Timeline


def _draw_beats(line: Timeline, rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Draw one to five beats inside the recording that are not neighbours."""
    inside = np.flatnonzero((line.qrs > 0.9) & (line.qrs < seconds - 1.2))
    beats = np.sort(rng.permutation(inside)[: rng.integers(1, 6)])
    return beats[np.diff(beats, prepend=-9) > 1]


def ventricular(line: Timeline, beats: np.ndarray, rng: np.random.Generator) -> Timeline:
    """Make `beats` ventricular and premature; P waves keep their times, so the pause is compensatory."""
    qrs, kind = line.qrs.copy(), line.kind.copy()
    coupling = rng.uniform(0.52, 0.66) + rng.normal(0, 0.01, len(beats))
    period = np.minimum(qrs[beats] - qrs[beats - 1], np.median(np.diff(qrs)))
    qrs[beats] = qrs[beats - 1] + np.maximum(coupling * period, 0.29)
    kind[beats] = "V"
    return replace(line, qrs=qrs, kind=kind)


def premature_ventricular(line: Timeline, heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """Insert one to five ventricular premature beats of the same origin."""
    return ventricular(line, _draw_beats(line, rng, seconds), rng)


def bigeminy(line: Timeline, heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """Make every second beat a ventricular premature beat."""
    beats = np.arange(1 + int(rng.integers(2)), len(line.qrs), 2)
    return ventricular(line, beats, rng)


def trigeminy(line: Timeline, heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """Make every third beat a ventricular premature beat."""
    beats = np.arange(1 + int(rng.integers(3)), len(line.qrs), 3)
    return ventricular(line, beats, rng)


def premature_atrial(line: Timeline, heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """Make one to five P waves premature, from an ectopic atrial focus; they reset the sinus node."""
    beats = _draw_beats(line, rng, seconds)
    p, qrs, kind = line.p.copy(), line.qrs.copy(), line.kind.copy()
    for beat in beats:
        period = p[beat] - p[beat - 1]
        earlier = max(0.0, period * (1 - rng.uniform(0.58, 0.72)) - 0.02)
        p[beat:] -= earlier
        qrs[beat:] -= earlier
        p[beat + 1 :] += 0.1 * period
        qrs[beat + 1 :] += 0.1 * period
        kind[beat] = "A"
    ectopic = np.zeros(len(p), bool)
    ectopic[beats] = True
    ectopic_p = heart.p.copy()
    ectopic_p[:, 2:] = heart.p[:, 2:] @ np.diag([rng.choice([-0.8, 0.9]), rng.choice([-0.9, 0.5]), 1.2])
    heart.ectopic_p = ectopic_p
    return replace(line, p=p[~ectopic], ectopic_p=p[ectopic], qrs=qrs, kind=kind)
