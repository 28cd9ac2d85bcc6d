"""Premature beats: what they replace, and the pause after them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from melp.simulator.heart import Heart
from melp.simulator.rhythm import Timeline


def _chosen(line: Timeline, rng: np.random.Generator, seconds: float) -> np.ndarray:
    """One to five beats inside the recording, no two of them neighbours."""
    inside = np.flatnonzero((line.qrs > 0.9) & (line.qrs < seconds - 1.2))
    picked = rng.permutation(inside)[: rng.integers(1, 6)]
    picked = np.sort(picked)
    return picked[np.diff(picked, prepend=-9) > 1]


def ventricular(line: Timeline, beats: np.ndarray, rng: np.random.Generator) -> Timeline:
    """Beats come early from the ventricle; P waves keep time, so that the pause is compensatory."""
    qrs, kind = line.qrs.copy(), line.kind.copy()
    coupling = rng.uniform(0.52, 0.66) + rng.normal(0, 0.01, len(beats))
    period = np.minimum(qrs[beats] - qrs[beats - 1], np.median(np.diff(qrs)))
    qrs[beats] = qrs[beats - 1] + np.maximum(coupling * period, 0.29)
    kind[beats] = "V"
    return replace(line, qrs=qrs, kind=kind)


def premature_ventricular(line: Timeline, heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """One to five ventricular premature beats of one origin."""
    return ventricular(line, _chosen(line, rng, seconds), rng)


def bigeminy(line: Timeline, heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """Every second beat a ventricular premature one."""
    beats = np.arange(1 + int(rng.integers(2)), len(line.qrs), 2)
    return ventricular(line, beats, rng)


def premature_atrial(line: Timeline, heart: Heart, rng: np.random.Generator, seconds: float) -> Timeline:
    """One to five P waves come early from elsewhere in the atria and reset the sinus node."""
    beats = _chosen(line, rng, seconds)
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
    turned = heart.p.copy()
    turned[:, 2:] = heart.p[:, 2:] @ np.diag([rng.choice([-0.8, 0.9]), rng.choice([-0.9, 0.5]), 1.2])
    heart.ectopic_p = turned
    return replace(line, p=p[~ectopic], ectopic_p=p[ectopic], qrs=qrs, kind=kind)
