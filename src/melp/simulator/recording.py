"""One recording: heart, timing, atria and noise combined."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from melp.simulator import ectopy
from melp.simulator.atria import fibrillatory_waves, flutter_waves
from melp.simulator.conduction import ventricular_ectopic, ventricular_escape
from melp.simulator.dipole import Vector, Waves, gaussians, project, render, twelve_leads
from melp.simulator.further import ALL_CONDITIONS
from melp.simulator.heart import Heart, atrial, normal_heart
from melp.simulator.noise import artefacts, electrode_noise, independent_leads
from melp.simulator.patient import Patient
from melp.simulator.rhythm import Timeline, timeline

_ECTOPY = {
    "PVC": ectopy.premature_ventricular,
    "BIGU": ectopy.bigeminy,
    "TRIGU": ectopy.trigeminy,
    "PAC": ectopy.premature_atrial,
}


@dataclass(frozen=True)
class Measurements:
    """What a machine measures on the normal beat: `pr`, `qrs` and `qt` in seconds, axes in degrees.

    `pr` and `p_axis` are NaN if no P wave belongs to the QRS.
    """

    pr: float
    qrs: float
    qt: float
    p_axis: float
    t_axis: float


@dataclass(frozen=True)
class Recording:
    """A simulated ECG and its measurements.

    Attributes:
        signal: mV.
        beats: samples of the R waves.
        kinds: WFDB annotation symbol of each beat.
        axis: degrees, of the QRS without terminal waves (see `Complex.axis_vector`).
        rate: ventricular rate per minute.
        territory: that of inverted T waves, or empty.
        measured: intervals and axes.
    """

    signal: Float[np.ndarray, "12 time"]
    beats: Int[np.ndarray, " beat"]
    kinds: tuple[str, ...]
    axis: float
    rate: float
    territory: str
    measured: Measurements


def simulate(
    conditions: Set[str],
    patient: Patient,
    rng: np.random.Generator,
    rate: float,
    seconds: float,
    noise: np.random.Generator | None = None,
) -> Recording:
    """Simulate `seconds` at `rate` (Hz) of a patient with `conditions`; without `noise` the ECG is clean."""
    heart = normal_heart(rng)
    heart.conducted = heart.conducted.scaled(patient.voltage)
    for code, condition in ALL_CONDITIONS.items():
        if condition.change and code in conditions:
            condition.change(heart, rng)
    line = timeline(conditions, heart, rng, seconds)
    for code, change in _ECTOPY.items():
        if code in conditions:
            line = change(line, heart, rng, seconds)
    if "V" in line.kind:
        heart.ectopic = ventricular_ectopic(rng)
    if "e" in line.kind:
        ventricular_escape(heart, rng)
    time = np.arange(round(seconds * rate)) / rate
    dipole = render(_waves(heart, line, rng, rate), rate, len(time)) + _atrial_waves(line, rng, time)
    leads = project(dipole, patient.matrix)
    if noise is not None:
        draw_noise = artefacts if "ARTEFACT" in conditions else electrode_noise
        leads = leads + independent_leads(draw_noise(noise, time))
    return _describe(leads, heart, line, patient, rate)


def _atrial_waves(line: Timeline, rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """Return the waves of fibrillation or flutter, or zeros."""
    if line.fibrillating:
        return fibrillatory_waves(rng, time)
    if line.flutter:
        return flutter_waves(rng, time, *line.flutter)
    return np.zeros((3, len(time)))


def _waves(heart: Heart, line: Timeline, rng: np.random.Generator, rate: float) -> Waves:
    """Return all waves; voltages vary slightly with breathing and from beat to beat."""
    breath = np.sin(2 * np.pi * (rng.uniform(0.18, 0.3) * line.qrs + rng.random()))
    gain = 1 + rng.uniform(0.01, 0.06) * breath + rng.normal(0, 0.012, len(line.qrs))
    qt = heart.qt(line.periods())
    ectopic = line.kind == "V"
    parts = [atrial(heart.p, line.p)]
    if heart.ectopic_p is not None:
        parts.append(atrial(heart.ectopic_p, line.ectopic_p))
    for beat, selected in ((heart.conducted, ~ectopic), (heart.ectopic, ectopic)):
        if beat is not None and selected.any():
            parts.append(beat.depolarisation(line.qrs[selected], gain[selected]))
            parts.append(beat.repolarisation(line.qrs[selected], qt[selected], gain[selected]))
    if heart.u.any():
        peaks = (line.qrs + qt + 0.07)[~ectopic]
        parts.append(gaussians(peaks, np.full(len(peaks), 0.028), np.tile(heart.u, (len(peaks), 1))))
    if heart.conducted.spike.any():
        paced = line.qrs[line.kind == "/"] - 0.012
        # A spike is shorter than a sample; the recorder's filter widens it to about one sample.
        width = np.full(len(paced), max(0.001, 0.35 / rate))
        parts.append(gaussians(paced, width, np.tile(heart.conducted.spike, (len(paced), 1))))
    return Waves.join(parts)


def _describe(leads: np.ndarray, heart: Heart, line: Timeline, patient: Patient, rate: float) -> Recording:
    signal = twelve_leads(leads).astype(np.float32)
    peak = np.where(line.kind == "V", (heart.ectopic or heart.conducted).peak(), heart.conducted.peak())
    beats = np.round((line.qrs + peak) * rate).astype(np.int64)
    inside = (beats >= 0) & (beats < signal.shape[1])
    axis = _axis(patient, heart.conducted.axis_vector())
    # The mean over the whole recording, also of an irregular rhythm.
    onsets = line.qrs[inside]
    per_minute = 60 / np.diff(onsets).mean() if len(onsets) > 1 else 60.0
    return Recording(
        signal,
        beats[inside],
        tuple(map(str, line.kind[inside])),
        axis,
        float(per_minute),
        heart.territory,
        _measure(heart, line, patient),
    )


def _measure(heart: Heart, line: Timeline, patient: Patient) -> Measurements:
    conducts = len(line.p) > 0 and not set(line.kind) & {"e", "j"}
    return Measurements(
        pr=heart.pr if conducts else float("nan"),
        qrs=heart.conducted.duration,
        qt=float(np.median(heart.qt(line.periods()))),
        p_axis=_axis(patient, heart.p[:, 2:].sum(0)) if conducts else float("nan"),
        t_axis=_axis(patient, heart.conducted.t),
    )


def _axis(patient: Patient, vector: Vector) -> float:
    """Return the axis of a vector (mV) in the frontal plane, in degrees."""
    mean = twelve_leads((patient.matrix @ vector)[:, None])
    return float(np.degrees(np.arctan2(mean[5, 0] * 2 / np.sqrt(3), mean[0, 0])))
