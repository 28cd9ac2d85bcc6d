"""Conditions that only the corpora in their published layout have, by their features in the signal."""

from __future__ import annotations

import numpy as np
import pytest

from measuring import (
    LEAD,
    RATE,
    SEEDS,
    clean,
    median_beat,
    periods,
    qrs,
    qrs_bounds,
    qrs_duration,
    st_level,
)
from melp.simulator.conditions import CONDITIONS, EXCLUDES, compatible
from melp.simulator.further import ALL_CONDITIONS, FURTHER, draw_all_conditions, fits
from melp.simulator.heart import normal_heart
from melp.simulator.recording import Recording
from melp.simulator.rhythm import timeline

PEAK = round(0.45 * RATE)


def p_wave(recording: Recording, lead: str) -> np.ndarray:
    """Return the 160 ms before the QRS of the median beat."""
    beat = median_beat(recording)
    onset = PEAK - qrs_bounds(beat, PEAK)[0]
    return beat[LEAD[lead], onset - round(0.16 * RATE) : onset - 2]


def t_wave(recording: Recording, lead: str) -> np.ndarray:
    """Return 60 to 300 ms after the QRS of the median beat."""
    beat = median_beat(recording)
    end = PEAK + qrs_bounds(beat, PEAK)[1]
    return beat[LEAD[lead], end + round(0.06 * RATE) : end + round(0.3 * RATE)]


def late(wave: np.ndarray) -> np.ndarray:
    return wave[int(0.6 * len(wave)) :]


def sokolow(recording: Recording) -> float:
    return float(-qrs(recording, "V1").min() + max(qrs(recording, lead).max() for lead in ("V5", "V6")))


@pytest.mark.parametrize("seed", SEEDS)
def test_incomplete_blocks_and_slow_conduction(seed: int) -> None:
    right, left, slow = (clean(code, seed=seed) for code in ("IRBBB", "ILBBB", "IVCD"))
    assert 0.095 < qrs_duration(right) < 0.12
    assert late(qrs(right, "V1")).max() > 0.2 and late(qrs(right, "V6")).min() < -0.15
    assert late(qrs(right, "V1")).max() < late(qrs(clean("CRBBB", seed=seed), "V1")).max()
    assert 0.105 < qrs_duration(left) < 0.128 < qrs_duration(clean("CLBBB", seed=seed))
    assert qrs(left, "V1").min() < -3 * qrs(left, "V1").max(), "rS or QS in V1"
    assert qrs(left, "V6").min() > -0.2 * qrs(left, "V6").max(), "no q in V6"
    assert qrs_duration(slow) >= 0.115
    assert late(qrs(slow, "V1")).max() < 0.05 and qrs(slow, "V6").min() < -0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_posterior_infarct(seed: int) -> None:
    posterior, normal = clean("PMI", seed=seed), clean("NORM", seed=seed)
    for lead in ("V1", "V2"):
        assert qrs(posterior, lead).max() > -qrs(posterior, lead).min(), "R > S"
        assert qrs(normal, lead).max() < -0.6 * qrs(normal, lead).min()
    broad = (qrs(posterior, "V2") > 0.5 * qrs(posterior, "V2").max()).sum()
    assert broad / RATE > 0.02
    assert t_wave(posterior, "V2").max() > 0.2
    assert qrs_duration(posterior) < 0.11


@pytest.mark.parametrize("seed", SEEDS)
def test_large_atria(seed: int) -> None:
    left, right, normal = (clean(code, seed=seed) for code in ("LAE", "RAE", "NORM"))
    # The area of the negative part in V1, at least 1 mm (0.1 mV) times 40 ms (Morris).
    assert -p_wave(left, "V1").clip(max=0).sum() / RATE > 0.004
    assert -p_wave(normal, "V1").clip(max=0).sum() / RATE < 0.004
    assert p_wave(right, "II").max() > 0.25 > p_wave(normal, "II").max()
    assert p_wave(right, "V1").min() > -0.1


@pytest.mark.parametrize("seed", SEEDS)
def test_repolarisation(seed: int) -> None:
    low, shallow, slight = (clean(code, seed=seed) for code in ("LOWT", "NT", "NST"))
    assert np.abs(t_wave(low, "V5")).max() < 0.1 * qrs(low, "V5").max()
    for lead in ("II", "V5"):
        assert abs(st_level(low, lead)) < 0.03 > abs(st_level(shallow, lead))
        assert -0.1 < t_wave(shallow, lead).min() < -0.02
        assert -0.1 < st_level(slight, lead) < -0.03
    assert t_wave(slight, "V5").max() > 0.1
    digitalis, early = clean("DIG", seed=seed), clean("ERV", seed=seed)
    assert max(st_level(digitalis, lead) for lead in ("II", "V5")) < -0.05
    assert digitalis.measured.qt + 0.154 * (1 - 60 / digitalis.rate) < 0.36
    assert min(st_level(early, lead) for lead in ("V3", "V4", "V5")) > 0.08
    assert min(st_level(early, lead) for lead in ("I", "II", "aVL", "aVF")) > -0.05, "nothing reciprocal"
    assert t_wave(early, "V5").max() > 0.35


@pytest.mark.parametrize("seed", SEEDS)
def test_high_voltage_without_strain(seed: int) -> None:
    high = clean("HVOLT", seed=seed)
    assert sokolow(high) > 3.5 and sokolow(high) > 1.1 * sokolow(clean("NORM", seed=seed))
    assert t_wave(high, "V5").max() > 0.15 and abs(st_level(high, "V5")) < 0.06


def test_tachycardias() -> None:
    for seed in SEEDS:
        without_p, atrial = clean("SVTAC", seed=seed), clean("AT", seed=seed)
        assert 150 < without_p.rate < 212 and 122 < atrial.rate < 173
        for recording in (without_p, atrial):
            assert periods(recording).std() / periods(recording).mean() < 0.03
            assert set(recording.kinds) == {"N"}
        assert np.isnan(without_p.measured.pr) and np.isnan(without_p.measured.p_axis)
        assert atrial.measured.p_axis < -30 and 0.1 < atrial.measured.pr < 0.15
        assert clean("NORM", seed=seed).measured.p_axis > 0


def test_a_tachycardia_begins_at_once() -> None:
    for seed in SEEDS:
        recording = clean("PSVT", seed=seed)
        rr = periods(recording)
        (change,) = np.flatnonzero((rr[1:] < 0.42) & (rr[:-1] > 0.5))
        assert (rr[: change + 1] > 0.55).all() and (rr[change + 1 :] < 0.42).all()
        assert 2 < recording.beats[change + 1] / RATE < 6.5


def test_irregular_p_waves_of_two_origins() -> None:
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        heart = normal_heart(rng)
        line = timeline({"SVARR"}, heart, rng, 10.0)
        p = np.sort(np.concatenate([line.p, line.ectopic_p]))
        np.testing.assert_allclose(line.qrs - p, heart.pr)
        assert min(len(line.p), len(line.ectopic_p)) > 3
        assert heart.ectopic_p is not None and (heart.ectopic_p[:, 3] < 0).all()
        rr = periods(clean("SVARR", seed=seed))
        assert rr.std() / rr.mean() > 0.08


@pytest.mark.parametrize("seed", SEEDS)
def test_u_waves(seed: int) -> None:
    def after_t(code: str) -> np.ndarray:
        recording = clean(code, "SBRAD", seed=seed)
        beat = median_beat(recording, after=0.75)
        end = PEAK - qrs_bounds(beat, PEAK)[0] + round(recording.measured.qt * RATE)
        return beat[LEAD["V2"], end + round(0.03 * RATE) : end + round(0.14 * RATE)]

    wave = after_t("UW")
    assert 10 < wave.argmax() < len(wave) - 10 and wave.max() > 0.08
    assert after_t("PVC")[15:].max() < 0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_rotation_moves_the_transition(seed: int) -> None:
    def transition(code: str) -> int:
        recording = clean(code, seed=seed)
        waves = [qrs(recording, f"V{number}") for number in range(1, 7)]
        return 1 + next(place for place, wave in enumerate(waves) if wave.max() > -wave.min())

    assert transition("CCR") <= 2 < transition("NORM") <= 4 < transition("CR")


def test_trigeminy() -> None:
    for seed in SEEDS:
        kinds = "".join(clean("TRIGU", seed=seed).kinds)
        assert kinds in "NNV" * 20 and kinds.count("V") >= 2


def test_catalogue() -> None:
    assert not set(CONDITIONS) & set(FURTHER)
    for first in ALL_CONDITIONS:
        for second in ALL_CONDITIONS:
            assert fits(first, second) == fits(second, first)
            if first in CONDITIONS and second in CONDITIONS:
                assert fits(first, second) == compatible(first, second)
    assert not any(fits("NORM", code) or fits("PACE", code) for code in FURTHER)
    assert not set(EXCLUDES) & set(FURTHER)


def test_drawn_together() -> None:
    drawn = [draw_all_conditions(np.random.default_rng(seed), 60) for seed in range(3000)]
    counts = {code: sum(code in conditions for conditions in drawn) for code in ALL_CONDITIONS}
    assert min(counts.values()) > 20
    assert all(fits(a, b) for conditions in drawn for a in conditions for b in conditions if a != b)
    assert sum(len(conditions) > 1 for conditions in drawn if conditions & set(FURTHER)) > 300
