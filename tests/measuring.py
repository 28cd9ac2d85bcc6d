"""Measurements on simulated recordings without noise: intervals, levels and the axis."""

from __future__ import annotations

import numpy as np

from melp.ecg import LEADS
from melp.simulator.patient import patient_of
from melp.simulator.recording import Recording, simulate

RATE = 500
LEAD = {name: row for row, name in enumerate(LEADS)}
SEEDS = range(12)


def clean(*conditions: str, seed: int = 0, rate: float = RATE) -> Recording:
    return simulate(frozenset(conditions), patient_of(seed, 5), np.random.default_rng([seed, 9]), rate, 10.0)


def median_beat(recording: Recording, before: float = 0.45, after: float = 0.65) -> np.ndarray:
    """Return the median beat with R at `before` (s); each lead is 0 just before the QRS."""
    left, right = round(before * RATE), round(after * RATE)
    complete = [beat for beat in recording.beats if left <= beat < recording.signal.shape[1] - right]
    beat = np.median([recording.signal[:, at - left : at + right] for at in complete], axis=0)
    onset = left - round(0.02 * RATE) - qrs_bounds(beat, left)[0]
    level = beat[:, max(onset - 6, 0) : max(onset - 6, 0) + 5].mean(1, keepdims=True)
    return beat - level


def qrs_bounds(beat: np.ndarray, peak: int) -> tuple[int, int]:
    """Return the samples from the onset to R and from R to the end: 18 ms without a steep slope follow."""
    slope = np.linalg.norm(np.gradient(beat, axis=1), axis=0)
    steep = slope > 0.06 * slope[peak - 70 : peak + 71].max()
    first, last = peak, peak
    while steep[first - 9 : first].any():
        first -= 1
    while steep[last + 1 : last + 10].any():
        last += 1
    return peak - first, last - peak


def qrs_duration(recording: Recording) -> float:
    beat = median_beat(recording)
    return sum(qrs_bounds(beat, round(0.45 * RATE))) / RATE


def qrs(recording: Recording, lead: str) -> np.ndarray:
    beat = median_beat(recording)
    peak = round(0.45 * RATE)
    before, after = qrs_bounds(beat, peak)
    return beat[LEAD[lead], peak - before : peak + after + 1]


def st_level(recording: Recording, lead: str) -> float:
    """Return the level (mV) 50 ms after the end of QRS, relative to that before it."""
    beat = median_beat(recording)
    peak = round(0.45 * RATE)
    junction = peak + qrs_bounds(beat, peak)[1]
    return float(beat[LEAD[lead], junction + 23 : junction + 28].mean())


def pr_interval(recording: Recording) -> float:
    """Return the seconds from the onset of P to that of QRS in the median beat."""
    beat = median_beat(recording)
    peak = round(0.45 * RATE)
    onset = peak - qrs_bounds(beat, peak)[0]
    height = np.linalg.norm(beat[:, : onset + 1], axis=0)
    top = onset - 8
    while height[top] < 0.04 or height[top - 1] > height[top]:
        top -= 1
    start = top
    while height[start] > 0.14 * height[top] and min(height[start - 1], height[start - 3]) < height[start]:
        start -= 1
    return (onset - start) / RATE


def median_axis(recording: Recording) -> float:
    return float(
        np.degrees(np.arctan2(qrs(recording, "aVF").sum() * 2 / np.sqrt(3), qrs(recording, "I").sum()))
    )


def periods(recording: Recording) -> np.ndarray:
    return np.diff(recording.beats) / RATE
