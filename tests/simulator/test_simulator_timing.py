"""The simulated rhythm: regularity, conduction from atria to ventricles, premature beats."""

from __future__ import annotations

import numpy as np
import pytest

from measuring import (
    LEAD,
    RATE,
    SEEDS,
    clean,
    periods,
)
from melp.simulator.atria import flutter_waves
from melp.simulator.dipole import project, twelve_leads
from melp.simulator.heart import normal_heart
from melp.simulator.rhythm import complete_block, mobitz_two, wenckebach


def test_atrial_fibrillation_is_irregular_at_any_rate() -> None:
    recordings = [clean("AFIB", seed=seed) for seed in range(40)]
    assert min(periods(recording).std() / periods(recording).mean() for recording in recordings) > 0.08
    rates = np.array([recording.rate for recording in recordings])
    assert (rates < 70).any() and (rates > 100).any()
    for recording in recordings:
        assert np.abs(np.diff(periods(recording))).mean() > 0.05


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
        recording = clean("AFLT", seed=seed)
        fits = [
            np.abs(periods(recording) / wave - np.round(periods(recording) / wave)).max()
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
        recording = clean("PVC", seed=seed)
        kinds, rr = np.array(recording.kinds), periods(recording)
        usual = np.median(rr)
        for beat in np.flatnonzero(kinds == "V")[0:]:
            if 0 < beat < len(rr) and set(kinds[beat - 1 : beat + 2]) == {"N", "V"}:
                assert rr[beat - 1] < 0.85 * usual
                assert rr[beat - 1] + rr[beat] == pytest.approx(2 * usual, rel=0.15), "compensatory"
        assert "V" in kinds
        kinds = "".join(clean("BIGU", seed=seed).kinds)
        assert kinds in ("NV" * 20)[: len(kinds)] or kinds in ("VN" * 20)[: len(kinds)]
        recording = clean("PAC", seed=seed)
        early = np.flatnonzero(np.array(recording.kinds) == "A")
        assert len(early) and (periods(recording)[early - 1] < 0.92 * np.median(periods(recording))).all()


@pytest.mark.parametrize(("code", "low", "high"), [("STACH", 100, 150), ("SBRAD", 38, 60), ("3AVB", 27, 63)])
def test_rates(code: str, low: float, high: float) -> None:
    assert all(low < clean(code, seed=seed).rate < high for seed in SEEDS)
