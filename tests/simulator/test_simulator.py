"""The simulated beat: leads, intervals, voltages, territories."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measuring import (
    LEAD,
    RATE,
    SEEDS,
    clean,
    median_axis,
    median_beat,
    periods,
    pr_interval,
    qrs,
    qrs_bounds,
    qrs_duration,
    st_level,
)
from melp.corpora.synthetic import simulate_record
from melp.ecg import LEADS
from melp.lead_order import check_lead_order
from melp.simulator.conduction import preexcitation
from melp.simulator.dipole import DOWER, Waves, project, render, twelve_leads
from melp.simulator.heart import normal_heart

# Leads.


def test_limb_leads_obey_einthoven_and_goldberger_with_noise() -> None:
    for index in range(20):
        one, two, three, avr, avl, avf = simulate_record(index, 3).ecg.signal[:6].astype(np.float64)
        tolerance = 4 * np.spacing(np.float32(np.abs([one, two]).max()))
        np.testing.assert_allclose(three, two - one, atol=tolerance, rtol=0)
        np.testing.assert_allclose(avr, -(one + two) / 2, atol=tolerance, rtol=0)
        np.testing.assert_allclose(avl, one - two / 2, atol=tolerance, rtol=0)
        np.testing.assert_allclose(avf, two - one / 2, atol=tolerance, rtol=0)
        assert check_lead_order(simulate_record(index, 3).ecg) == []


def test_projection_is_dowers() -> None:
    leads = twelve_leads(project(np.array([[1.0], [2.0], [-0.5]])))[:, 0]
    assert leads[LEAD["I"]] == pytest.approx(0.632 - 2 * 0.235 - 0.5 * 0.059)
    assert leads[LEAD["II"]] == pytest.approx(0.235 + 2 * 1.066 + 0.5 * 0.132)
    assert leads[LEAD["V1"]] == pytest.approx(-0.515 + 2 * 0.157 + 0.5 * 0.917)
    assert leads[LEAD["V6"]] == pytest.approx(DOWER[7] @ [1, 2, -0.5])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([100.0, 257.0, 500.0]))
def test_render_equals_a_loop_over_waves(seed: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    start = rng.uniform(-1, 3, 6)
    waves = Waves(
        start, start + rng.choice([0, 0.1], 6), *rng.uniform(0.005, 0.08, (2, 6)), rng.normal(size=(6, 3))
    )
    time = np.arange(round(2 * rate)) / rate
    slow = np.zeros((3, len(time)))
    for begin, end, rise, fall, vector in zip(
        waves.start, waves.stop, waves.rise, waves.fall, waves.vector, strict=True
    ):
        for sample, at in enumerate(time):
            distance = (at - begin) / rise if at < begin else (at - end) / fall if at > end else 0.0
            slow[:, sample] += vector * np.exp(-0.5 * distance**2)
    reach = np.exp(-8.0) * np.abs(waves.vector).sum()
    np.testing.assert_allclose(render(waves, rate, len(time)), slow, atol=reach)


# The normal beat.


@pytest.mark.parametrize("seed", SEEDS)
def test_normal_ecg(seed: int) -> None:
    recording = clean("NORM", seed=seed)
    assert 0.12 <= pr_interval(recording) <= 0.205
    assert 0.07 <= qrs_duration(recording) <= 0.11
    assert -30 <= median_axis(recording) <= 100
    assert qrs(recording, "aVR").sum() < 0
    ratio = [qrs(recording, f"V{k}").max() / -qrs(recording, f"V{k}").min() for k in (1, 3, 5)]
    assert ratio[0] < 1 < ratio[2]
    assert ratio[0] < ratio[1] < ratio[2], "R grows from V1 to V5"
    assert all(abs(st_level(recording, lead)) < 0.1 for lead in LEADS)
    assert -qrs(recording, "V1").min() + qrs(recording, "V5").max() < 4.0
    assert 59 <= recording.rate <= 101
    assert periods(recording).std() / periods(recording).mean() < 0.06


def test_reported_axis_is_that_of_the_signal() -> None:
    for seed in SEEDS:
        for code in ("NORM", "LAFB", "RVH"):
            recording = clean(code, seed=seed)
            difference = (median_axis(recording) - recording.axis + 180) % 360 - 180
            assert abs(difference) < 12


# Conduction.


@pytest.mark.parametrize("seed", SEEDS)
def test_bundle_branch_blocks(seed: int) -> None:
    right, left = clean("CRBBB", seed=seed), clean("CLBBB", seed=seed)
    assert qrs_duration(right) >= 0.115
    late = slice(int(0.6 * len(qrs(right, "V1"))), None)
    assert qrs(right, "V1")[late].max() > 0.2, "R' in V1"
    assert qrs(right, "V6")[late].min() < -0.1
    assert qrs(right, "I")[late].min() < -0.05
    assert qrs_duration(left) >= 0.12
    assert qrs(left, "V1").min() < -3 * qrs(left, "V1").max(), "rS or QS in V1"
    for lead in ("I", "V6"):
        assert qrs(left, lead).max() > 0.25
        assert qrs(left, lead).min() > -0.2 * qrs(left, lead).max(), "no q, no s"
        assert st_level(left, lead) < 0 < st_level(left, "V1"), "ST against QRS"


@pytest.mark.parametrize("seed", SEEDS)
def test_fascicular_blocks(seed: int) -> None:
    anterior, posterior = clean("LAFB", seed=seed), clean("LPFB", seed=seed)
    assert -90 < median_axis(anterior) <= -38
    for lead in ("II", "III", "aVF"):
        wave = qrs(anterior, lead)
        assert wave.argmax() < wave.argmin(), "r, then S"
        assert -wave.min() > wave.max()
    wave = qrs(anterior, "aVL")
    assert wave.argmin() < wave.argmax() or wave[: wave.argmax()].min() < -0.02, "q, then R"
    assert qrs_duration(anterior) < 0.12
    assert 85 <= median_axis(posterior) <= 140
    wave = qrs(posterior, "III")
    assert wave[: wave.argmax()].min() < -0.03, "q in III"
    assert qrs_duration(posterior) < 0.12


@pytest.mark.parametrize("seed", SEEDS)
def test_preexcitation_is_short_pr_and_wide_qrs(seed: int) -> None:
    assert pr_interval(clean("WPW", seed=seed)) < 0.13 < 0.2 < pr_interval(clean("1AVB", "SBRAD", seed=seed))
    rng = np.random.default_rng(seed)
    heart = normal_heart(rng)
    preexcitation(heart, rng)
    size = np.linalg.norm(heart.conducted.loop(), axis=1)
    begin, end = np.flatnonzero(size > 0.05 * size.max())[[0, -1]] * heart.conducted.duration / 100
    assert end - begin > 0.115
    assert size[:35].max() < 0.6 * size.max(), "a delta wave is slow"


def test_pacing_spikes_come_before_each_beat() -> None:
    recording = clean("PACE", seed=1)
    steep = np.linalg.norm(np.diff(recording.signal, 2, axis=1), axis=0)
    spikes = np.flatnonzero(steep > 0.25 * steep.max())
    for beat in recording.beats[recording.beats > 100]:
        assert ((spikes < beat) & (spikes > beat - 0.16 * RATE)).any()
    assert set(recording.kinds) == {"/"}
    beats = recording.beats[recording.beats > 75]
    assert (recording.signal[LEAD["V1"], beats] - recording.signal[LEAD["V1"], beats - 75]).max() < -0.3


# Muscle.

TERRITORY = {
    "ANT": (("V2", "V3"), ("III",)),
    "INF": (("II", "III", "aVF"), ("aVL",)),
    "LAT": (("I", "aVL", "V6"), ("III", "V1")),
}


@pytest.mark.parametrize("territory", TERRITORY)
@pytest.mark.parametrize("seed", SEEDS)
def test_st_elevation_by_territory_with_reciprocal_leads(territory: str, seed: int) -> None:
    recording = clean(f"STEMI_{territory}", seed=seed)
    raised, lowered = TERRITORY[territory]
    assert min(st_level(recording, lead) for lead in raised) > 0.1
    assert max(st_level(recording, lead) for lead in lowered) < -0.005
    assert recording.signal.shape == (12, 5000)


@pytest.mark.parametrize(
    ("code", "leads", "kept"),
    [
        ("AMI", ("V1", "V2"), ("II", "aVF")),
        ("IMI", ("III", "aVF"), ("V5", "aVL")),
        ("LMI", ("aVL",), ("III",)),
    ],
)
@pytest.mark.parametrize("seed", SEEDS)
def test_q_waves_by_territory(code: str, leads: tuple[str, ...], kept: tuple[str, ...], seed: int) -> None:
    recording = clean(code, seed=seed)

    def q_wave(lead: str) -> float:
        """Return the negative area (mV s) of the first 45 ms of the QRS."""
        return float(-qrs(recording, lead)[: round(0.045 * RATE)].clip(max=0).sum() / RATE)

    assert min(q_wave(lead) for lead in leads) > 0.003
    assert max(q_wave(lead) for lead in kept) < min(q_wave(lead) for lead in leads)


@pytest.mark.parametrize("seed", SEEDS)
def test_voltages(seed: int) -> None:
    def sokolow(code: str) -> float:
        recording = clean(code, seed=seed)
        return float(
            -qrs(recording, "V1").min() + max(qrs(recording, "V5").max(), qrs(recording, "V6").max())
        )

    assert sokolow("LVH") > 3.0
    assert sokolow("LVH") > 1.25 * sokolow("NORM")
    right, low = clean("RVH", seed=seed), clean("LVOLT", seed=seed)
    assert qrs(right, "V1").max() > -qrs(right, "V1").min()
    assert median_axis(right) > 90
    assert max(np.ptp(qrs(low, lead)) for lead in LEADS[:6]) < 0.5
    assert max(np.ptp(qrs(low, lead)) for lead in LEADS[6:]) < 1.0


@pytest.mark.parametrize("seed", SEEDS)
def test_st_depression_and_t_inversion(seed: int) -> None:
    assert max(st_level(clean("ISC", seed=seed), lead) for lead in ("II", "V5")) < -0.05
    assert st_level(clean("ISC", seed=seed), "aVR") > 0.05
    recording = clean("INVT", seed=seed)
    lead = {"anterior": "V2", "inferior": "III", "lateral": "aVL"}[recording.territory]
    t_wave = median_beat(recording)[LEAD[lead], round(0.62 * RATE) : round(0.95 * RATE)]
    assert t_wave.min() < -0.1
    assert -t_wave.min() > t_wave.max()


@pytest.mark.parametrize(("code", "low", "high"), [("NORM", 0.36, 0.465), ("LNGQT", 0.47, 0.6)])
def test_qt_interval_by_the_tangent(code: str, low: float, high: float) -> None:
    for seed in SEEDS:
        recording = clean(code, seed=seed)
        beat = median_beat(recording, after=0.75)
        peak = round(0.45 * RATE)
        before, after = qrs_bounds(beat, peak)
        wave = beat[LEAD["V4"], peak + after + 20 :]
        top = int(wave[: round(0.45 * RATE)].argmax())
        slope = np.gradient(wave)
        steepest = top + int(slope[top : top + 60].argmin())
        end = steepest - (wave[steepest] - wave[top + 90 :].min()) / slope[steepest]
        qt = (before + after + 20 + end) / RATE
        corrected = qt + 0.154 * (1 - periods(recording).mean())
        assert low < corrected < high
