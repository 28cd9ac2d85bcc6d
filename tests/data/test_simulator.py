"""The simulator measured as a reader measures an ECG: leads, intervals, voltages, territories, timing."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from melp.data.corpora import Options
from melp.data.corpora.synthetic import list_entries, load, record, records
from melp.data.simulator.atria import flutter_waves
from melp.data.simulator.conditions import CONDITIONS, compatible, draw_conditions
from melp.data.simulator.conduction import preexcitation
from melp.data.simulator.dipole import DOWER, Waves, project, render, twelve_leads
from melp.data.simulator.heart import normal_heart
from melp.data.simulator.patient import patient_of
from melp.data.simulator.phrases import PHRASES, T_INVERSION
from melp.data.simulator.recording import Recording, simulate
from melp.data.simulator.rhythm import complete_block, mobitz_two, wenckebach
from melp.data.simulator.wording import write
from melp.data.tasks import get_task
from melp.ecg import ECG, LEADS, check_lead_order

RATE = 500
LEAD = {name: row for row, name in enumerate(LEADS)}
SEEDS = range(12)


def clean(*conditions: str, seed: int = 0, rate: float = RATE) -> Recording:
    return simulate(frozenset(conditions), patient_of(seed, 5), np.random.default_rng([seed, 9]), rate, 10.0)


def median_beat(made: Recording, before: float = 0.45, after: float = 0.65) -> np.ndarray:
    """The median of the beats, each lead against its level before the QRS; R lies at `before`."""
    left, right = round(before * RATE), round(after * RATE)
    whole = [beat for beat in made.beats if left <= beat < made.signal.shape[1] - right]
    beat = np.median([made.signal[:, at - left : at + right] for at in whole], axis=0)
    onset = left - round(0.02 * RATE) - qrs_bounds(beat, left)[0]
    level = beat[:, max(onset - 6, 0) : max(onset - 6, 0) + 5].mean(1, keepdims=True)
    return beat - level


def qrs_bounds(beat: np.ndarray, peak: int) -> tuple[int, int]:
    """Samples from R back to the onset and on to the end of QRS: beyond, 18 ms without a steep slope."""
    slope = np.linalg.norm(np.gradient(beat, axis=1), axis=0)
    steep = slope > 0.06 * slope[peak - 70 : peak + 71].max()
    first, last = peak, peak
    while steep[first - 9 : first].any():
        first -= 1
    while steep[last + 1 : last + 10].any():
        last += 1
    return peak - first, last - peak


def qrs_duration(made: Recording) -> float:
    beat = median_beat(made)
    return sum(qrs_bounds(beat, round(0.45 * RATE))) / RATE


def qrs(made: Recording, lead: str) -> np.ndarray:
    beat = median_beat(made)
    peak = round(0.45 * RATE)
    before, after = qrs_bounds(beat, peak)
    return beat[LEAD[lead], peak - before : peak + after + 1]


def st_level(made: Recording, lead: str) -> float:
    """The level 50 ms after the end of QRS, against that before it."""
    beat = median_beat(made)
    peak = round(0.45 * RATE)
    junction = peak + qrs_bounds(beat, peak)[1]
    return float(beat[LEAD[lead], junction + 23 : junction + 28].mean())


def pr_interval(made: Recording) -> float:
    """From the onset of P to that of QRS in a median beat."""
    beat = median_beat(made)
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


def median_axis(made: Recording) -> float:
    return float(np.degrees(np.arctan2(qrs(made, "aVF").sum() * 2 / np.sqrt(3), qrs(made, "I").sum())))


def periods(made: Recording) -> np.ndarray:
    return np.diff(made.beats) / RATE


# Leads.


def test_limb_leads_obey_einthoven_and_goldberger_with_noise() -> None:
    for index in range(20):
        one, two, three, avr, avl, avf = record(index, 3).ecg.signal[:6].astype(np.float64)
        tolerance = 4 * np.spacing(np.float32(np.abs([one, two]).max()))
        np.testing.assert_allclose(three, two - one, atol=tolerance, rtol=0)
        np.testing.assert_allclose(avr, -(one + two) / 2, atol=tolerance, rtol=0)
        np.testing.assert_allclose(avl, one - two / 2, atol=tolerance, rtol=0)
        np.testing.assert_allclose(avf, two - one / 2, atol=tolerance, rtol=0)
        assert check_lead_order(record(index, 3).ecg) == []


def test_projection_is_dowers() -> None:
    leads = twelve_leads(project(np.array([[1.0], [2.0], [-0.5]])))[:, 0]
    assert leads[LEAD["I"]] == pytest.approx(0.632 - 2 * 0.235 - 0.5 * 0.059)
    assert leads[LEAD["II"]] == pytest.approx(0.235 + 2 * 1.066 + 0.5 * 0.132)
    assert leads[LEAD["V1"]] == pytest.approx(-0.515 + 2 * 0.157 + 0.5 * 0.917)
    assert leads[LEAD["V6"]] == pytest.approx(DOWER[7] @ [1, 2, -0.5])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([100.0, 257.0, 500.0]))
def test_render_equals_the_sum_over_waves(seed: int, rate: float) -> None:
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
        for sample, now in enumerate(time):
            distance = (now - begin) / rise if now < begin else (now - end) / fall if now > end else 0.0
            slow[:, sample] += vector * np.exp(-0.5 * distance**2)
    reach = np.exp(-8.0) * np.abs(waves.vector).sum()
    np.testing.assert_allclose(render(waves, rate, len(time)), slow, atol=reach)


# The normal beat.


@pytest.mark.parametrize("seed", SEEDS)
def test_normal_ecg(seed: int) -> None:
    made = clean("NORM", seed=seed)
    assert 0.12 <= pr_interval(made) <= 0.205
    assert 0.07 <= qrs_duration(made) <= 0.11
    assert -30 <= median_axis(made) <= 100
    assert qrs(made, "aVR").sum() < 0
    ratio = [qrs(made, f"V{k}").max() / -qrs(made, f"V{k}").min() for k in (1, 3, 5)]
    assert ratio[0] < 1 < ratio[2]
    assert ratio[0] < ratio[1] < ratio[2], "R grows from V1 to V5"
    assert all(abs(st_level(made, lead)) < 0.1 for lead in LEADS)
    assert -qrs(made, "V1").min() + qrs(made, "V5").max() < 4.0
    assert 59 <= made.rate <= 101
    assert periods(made).std() / periods(made).mean() < 0.06


def test_axis_as_reported_is_the_axis_of_the_signal() -> None:
    for seed in SEEDS:
        for code in ("NORM", "LAFB", "RVH"):
            made = clean(code, seed=seed)
            difference = (median_axis(made) - made.axis + 180) % 360 - 180
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
    made = clean("PACE", seed=1)
    steep = np.linalg.norm(np.diff(made.signal, 2, axis=1), axis=0)
    spikes = np.flatnonzero(steep > 0.25 * steep.max())
    for beat in made.beats[made.beats > 100]:
        assert ((spikes < beat) & (spikes > beat - 0.16 * RATE)).any()
    assert set(made.kinds) == {"/"}
    beats = made.beats[made.beats > 75]
    assert (made.signal[LEAD["V1"], beats] - made.signal[LEAD["V1"], beats - 75]).max() < -0.3


# Muscle.

TERRITORY = {
    "ANT": (("V2", "V3"), ("III",)),
    "INF": (("II", "III", "aVF"), ("aVL",)),
    "LAT": (("I", "aVL", "V6"), ("III", "V1")),
}


@pytest.mark.parametrize("territory", TERRITORY)
@pytest.mark.parametrize("seed", SEEDS)
def test_st_elevation_by_territory_with_reciprocal_leads(territory: str, seed: int) -> None:
    made = clean(f"STEMI_{territory}", seed=seed)
    raised, lowered = TERRITORY[territory]
    assert min(st_level(made, lead) for lead in raised) > 0.1
    assert max(st_level(made, lead) for lead in lowered) < -0.005
    assert made.signal.shape == (12, 5000)


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
    made = clean(code, seed=seed)

    def q_wave(lead: str) -> float:
        """Area (mV s) of what is negative before R becomes positive, within the first 45 ms."""
        return float(-qrs(made, lead)[: round(0.045 * RATE)].clip(max=0).sum() / RATE)

    assert min(q_wave(lead) for lead in leads) > 0.003
    assert max(q_wave(lead) for lead in kept) < min(q_wave(lead) for lead in leads)


@pytest.mark.parametrize("seed", SEEDS)
def test_voltages(seed: int) -> None:
    def sokolow(code: str) -> float:
        made = clean(code, seed=seed)
        return float(-qrs(made, "V1").min() + max(qrs(made, "V5").max(), qrs(made, "V6").max()))

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
    made = clean("INVT", seed=seed)
    lead = {"anterior": "V2", "inferior": "III", "lateral": "aVL"}[made.territory]
    t_wave = median_beat(made)[LEAD[lead], round(0.62 * RATE) : round(0.95 * RATE)]
    assert t_wave.min() < -0.1
    assert -t_wave.min() > t_wave.max()


@pytest.mark.parametrize(("code", "low", "high"), [("NORM", 0.36, 0.465), ("LNGQT", 0.47, 0.6)])
def test_qt_interval_by_the_tangent(code: str, low: float, high: float) -> None:
    for seed in SEEDS:
        made = clean(code, seed=seed)
        beat = median_beat(made, after=0.75)
        peak = round(0.45 * RATE)
        before, after = qrs_bounds(beat, peak)
        wave = beat[LEAD["V4"], peak + after + 20 :]
        top = int(wave[: round(0.45 * RATE)].argmax())
        slope = np.gradient(wave)
        steepest = top + int(slope[top : top + 60].argmin())
        end = steepest - (wave[steepest] - wave[top + 90 :].min()) / slope[steepest]
        qt = (before + after + 20 + end) / RATE
        corrected = qt + 0.154 * (1 - periods(made).mean())
        assert low < corrected < high


# Timing.


def test_atrial_fibrillation_is_irregular_at_any_rate() -> None:
    made = [clean("AFIB", seed=seed) for seed in range(40)]
    assert min(periods(one).std() / periods(one).mean() for one in made) > 0.08
    rates = np.array([one.rate for one in made])
    assert (rates < 70).any() and (rates > 100).any()
    for one in made:
        order = np.diff(periods(one))
        assert np.abs(order).mean() > 0.05


def test_flutter_waves_fall_in_inferior_leads_and_rise_in_v1() -> None:
    time = np.arange(2000) / RATE
    leads = twelve_leads(project(flutter_waves(np.random.default_rng(0), time, 0.0, 0.2)))
    for lead in ("II", "III", "aVF"):
        assert (np.diff(leads[LEAD[lead]]) < 0).mean() > 0.55, "falls for longer than it rises"
    v1 = leads[LEAD["V1"]]
    assert v1.max() > -1.3 * v1.min()
    np.testing.assert_allclose(leads[:, 100:], leads[:, :-100], atol=1e-9)


def test_flutter_conducts_whole_numbers_of_waves() -> None:
    for seed in SEEDS:
        made = clean("AFLT", seed=seed)
        fits = [
            np.abs(periods(made) / wave - np.round(periods(made) / wave)).max()
            for wave in np.arange(0.187, 0.2505, 0.0005)
        ]
        assert min(fits) < 0.05


def test_wenckebach_lengthens_pr_until_a_beat_drops() -> None:
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        line = wenckebach(normal_heart(rng), rng, 10.0)
        # A beat's own P wave is the last one at least 0.15 s before it.
        pr = np.array([beat - line.p[line.p < beat - 0.15].max() for beat in line.qrs[3:]])
        skipped = np.diff(line.qrs[3:]) > 1.25 * np.median(np.diff(line.p))
        assert (np.diff(pr)[~skipped] > 0.015).all(), "PR grows from beat to beat"
        assert (np.diff(pr)[skipped] < 0).all(), "and is short again after the pause"
        assert len(line.qrs) < len(line.p)
        rr = np.diff(line.qrs)
        assert rr.max() < 2 * np.median(np.diff(line.p)) + 0.02, "the pause is shorter than two P periods"
        assert rr.max() > 1.3 * rr.min()


def test_mobitz_two_keeps_pr() -> None:
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        heart = normal_heart(rng)
        line = mobitz_two(heart, rng, 10.0)
        assert np.isin(np.round(line.qrs - heart.pr, 9), np.round(line.p, 9)).all()
        assert 0.45 * len(line.p) <= len(line.qrs) <= 0.8 * len(line.p)


def test_complete_block_dissociates() -> None:
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        line = complete_block(normal_heart(rng), rng, 10.0)
        pr = np.array([qrs - line.p[line.p < qrs].max() for qrs in line.qrs[line.qrs > line.p[0]]])
        assert pr.std() > 0.06
        assert np.diff(line.qrs).mean() > 1.15 * np.diff(line.p).mean()


def test_premature_beats() -> None:
    for seed in SEEDS:
        made = clean("PVC", seed=seed)
        kinds, rr = np.array(made.kinds), periods(made)
        usual = np.median(rr)
        for beat in np.flatnonzero(kinds == "V")[0:]:
            if 0 < beat < len(rr) and set(kinds[beat - 1 : beat + 2]) == {"N", "V"}:
                assert rr[beat - 1] < 0.85 * usual
                assert rr[beat - 1] + rr[beat] == pytest.approx(2 * usual, rel=0.15), "compensatory"
        assert "V" in kinds
        kinds = "".join(clean("BIGU", seed=seed).kinds)
        assert kinds in ("NV" * 20)[: len(kinds)] or kinds in ("VN" * 20)[: len(kinds)]
        made = clean("PAC", seed=seed)
        early = np.flatnonzero(np.array(made.kinds) == "A")
        assert len(early) and (periods(made)[early - 1] < 0.92 * np.median(periods(made))).all()


@pytest.mark.parametrize(("code", "low", "high"), [("STACH", 100, 150), ("SBRAD", 38, 60), ("3AVB", 27, 63)])
def test_rates(code: str, low: float, high: float) -> None:
    assert all(low < clean(code, seed=seed).rate < high for seed in SEEDS)


# The corpus.


def test_beats_are_where_the_qrs_is() -> None:
    for code in ("NORM", "CLBBB", "PACE"):
        made = clean(code, seed=2)
        size = np.linalg.norm(made.signal, axis=0)
        for beat in made.beats[1:-1]:
            around = size[beat - 60 : beat + 61]
            assert size[beat - 2 : beat + 3].max() > 0.75 * around.max()


def test_same_seed_same_bytes_whatever_is_built_beside_it() -> None:
    few, many = list(records(4, 11, 100)), list(records(9, 11, 100))
    alone = [record(index, 11, 100) for index in (3, 2, 1, 0)][::-1]
    for one, other, third in zip(few, many, alone, strict=False):
        assert one.ecg.signal.tobytes() == other.ecg.signal.tobytes() == third.ecg.signal.tobytes()
        assert one.statements == other.statements == third.statements
        assert (one.codes, one.patient, one.fold) == (other.codes, other.patient, other.fold)
    assert record(0, 12, 100).ecg.signal.tobytes() != few[0].ecg.signal.tobytes()


def test_entries_are_the_records() -> None:
    listing = list_entries(None, Options(rate=100, seconds=10, records=12, seed=4))
    assert len({entry.id for entry in listing.entries}) == 12
    for index, entry in enumerate(listing.entries):
        made, ecg = record(index, 4, 100), load(entry)
        assert isinstance(ecg, ECG) and ecg.signal.tobytes() == made.ecg.signal.tobytes()
        assert ecg.meta["statements"] == list(made.statements)
        assert ecg.meta["beats"] == made.beats.tolist()
        assert (entry.labels, entry.patient, entry.fold) == (made.codes, made.patient, made.fold)
        assert (entry.age, entry.sex) == (made.age, made.sex)


def test_what_is_shown_does_not_depend_on_the_rate() -> None:
    for code in ("NORM", "AFIB", "CRBBB", "PVC"):
        fine, coarse = clean(code, seed=3), clean(code, seed=3, rate=100)
        np.testing.assert_allclose(fine.signal[:, ::5], coarse.signal, atol=1e-5)
        assert fine.kinds == coarse.kinds
    assert record(5, 2, 500).statements == record(5, 2, 100).statements
    assert record(5, 2, 257).ecg.signal.shape == (12, 2570)


def test_patients_stay_in_one_fold_and_some_come_again() -> None:
    folds, counts = defaultdict(set), defaultdict(int)
    for index in range(500):
        patient = patient_of(index, 1)
        folds[patient.number].add(patient.fold)
        counts[patient.number] += 1
    assert all(len(fold) == 1 for fold in folds.values())
    share = np.bincount([next(iter(fold)) for fold in folds.values()], minlength=11)[1:] / len(folds)
    assert share.min() > 0.07
    assert 0.05 < np.mean([count > 1 for count in counts.values()]) < 0.3


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**40), st.integers(18, 94))
def test_drawn_conditions_go_together(seed: int, age: int) -> None:
    drawn = draw_conditions(np.random.default_rng(seed), age)
    assert drawn
    assert all(
        one == other or (compatible(one, other) and compatible(other, one))
        for one in drawn
        for other in drawn
    )


def test_every_class_of_the_task_is_drawn_and_every_condition_has_words() -> None:
    entries = list_entries(None, Options(records=1500, seed=0)).entries
    counts = {name: sum(name in entry.labels for entry in entries) for name in get_task("synthetic").classes}
    assert min(counts.values()) > 25 and len(counts) >= 20
    assert set(PHRASES) == set(CONDITIONS) - {"NORM"}
    assert all(len({*machine, *doctor}) >= 2 for machine, doctor in PHRASES.values())


def test_statements_are_controlled_and_say_what_is_there() -> None:
    said = defaultdict(set)
    for code in CONDITIONS:
        for seed in range(15):
            made = clean(code, seed=seed, rate=100)
            report = write(frozenset({code}), made, np.random.default_rng([seed, 1]))
            for statement in report:
                assert statement == statement.lower().strip() and statement
                assert not statement.endswith(".") and "{" not in statement
            own = (
                T_INVERSION[made.territory]
                if code == "INVT"
                else PHRASES.get(code, (("normal", "no definite"),))
            )
            words = [phrase for style in own for phrase in style]
            limits = "within normal limits" if code == "NORM" else words[0]
            assert any(phrase in statement for phrase in [*words, limits] for statement in report), (
                code,
                report,
            )
            assert ("fibrillation" in " ".join(report)) <= (code == "AFIB")
            assert (re.search(r"infarct|scar|injury", " ".join(report)) is not None) <= ("MI" in code)
            said[code].add(tuple(report))
    assert min(len(reports) for reports in said.values()) >= 6, "varied wording"


def test_heart_rate_alone_does_not_tell_the_classes() -> None:
    from sklearn.metrics import roc_auc_score
    from sklearn.neighbors import KNeighborsClassifier

    made = list(records(900, 2, 50))
    rate = np.array([[60 * 50 / np.diff(one.beats).mean()] for one in made])
    classes = get_task("synthetic").classes
    labels = np.array([[name in one.codes for name in classes] for one in made])
    test = np.array([one.fold > 6 for one in made])
    scores = KNeighborsClassifier(40).fit(rate[~test], labels[~test]).predict_proba(rate[test])
    areas = [
        roc_auc_score(labels[test, k], scores[k][:, 1]) for k in range(len(classes)) if labels[test, k].any()
    ]
    assert np.mean(areas) < 0.7


@pytest.mark.data
@pytest.mark.parametrize(("code", "few"), [("NORM", 5), ("CLBBB", 8), ("CRBBB", 4), ("LAFB", 4)])
def test_leads_have_the_sign_of_real_recordings_of_the_code(ptb_xl: Path, code: str, few: int) -> None:
    """Where the greatest deflection of a lead is clearly up or down in real recordings, so it is in ours."""
    table = pd.read_csv(ptb_xl / "ptbxl_database.csv")
    chosen = table[table.scp_codes.str.contains(f"'{code}': 100")].filename_hr
    files = [ptb_xl / name for name in chosen if (ptb_xl / f"{name}.dat").is_file()][:25]
    if len(files) < 10:
        pytest.skip(f"{len(files)} recordings of {code}")

    def upward(signal: np.ndarray) -> np.ndarray:
        return np.percentile(signal, [0.5, 99.5], axis=1).sum(0) - 2 * np.median(signal, axis=1)

    real = np.median([upward(wfdb.rdrecord(str(file)).p_signal.T) for file in files], axis=0)
    own = np.median([upward(clean(code, seed=seed).signal) for seed in range(25)], axis=0)
    clear = np.abs(real) > 0.4
    assert clear.sum() >= few
    assert (np.sign(own[clear]) == np.sign(real[clear])).all()
