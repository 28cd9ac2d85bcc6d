"""The synthetic corpus: determinism, patients, codes and reports, and comparison with real recordings."""

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

from measuring import (
    clean,
)
from melp.corpora import Options
from melp.corpora.synthetic import list_entries, load, simulate_record, simulate_records
from melp.data.store import Store
from melp.ecg import ECG
from melp.simulator.conditions import CONDITIONS, compatible, draw_conditions
from melp.simulator.patient import patient_of
from melp.simulator.phrases import FINDINGS, T_INVERSION
from melp.simulator.report import write_report
from melp.tasks import get_task


def test_beats_are_at_the_qrs() -> None:
    for code in ("NORM", "CLBBB", "PACE"):
        recording = clean(code, seed=2)
        size = np.linalg.norm(recording.signal, axis=0)
        for beat in recording.beats[1:-1]:
            around = size[beat - 60 : beat + 61]
            assert size[beat - 2 : beat + 3].max() > 0.75 * around.max()


def test_records_depend_only_on_seed_and_index() -> None:
    few, many = list(simulate_records(4, 11, 100)), list(simulate_records(9, 11, 100))
    alone = [simulate_record(index, 11, 100) for index in (3, 2, 1, 0)][::-1]
    for one, other, third in zip(few, many, alone, strict=False):
        assert one.ecg.signal.tobytes() == other.ecg.signal.tobytes() == third.ecg.signal.tobytes()
        assert one.statements == other.statements == third.statements
        assert (one.codes, one.patient, one.fold) == (other.codes, other.patient, other.fold)
    assert simulate_record(0, 12, 100).ecg.signal.tobytes() != few[0].ecg.signal.tobytes()


def test_entries_equal_the_records() -> None:
    entries = list(list_entries(None, Options(rate=100, seconds=10, records=12, seed=4)).entries)
    assert len({entry.id for entry in entries}) == 12
    for index, entry in enumerate(entries):
        record, ecg = simulate_record(index, 4, 100), load(entry)
        assert isinstance(ecg, ECG) and ecg.signal.tobytes() == record.ecg.signal.tobytes()
        assert ecg.meta["statements"] == list(record.statements)
        assert ecg.meta["beats"] == record.beats.tolist()
        assert (entry.labels, entry.patient, entry.fold) == (record.codes, record.patient, record.fold)
        assert (entry.age, entry.sex) == (record.age, record.sex)


def test_store_contains_beats_and_kinds(synthetic_store: Path) -> None:
    index = Store(synthetic_store).index
    for row in range(0, 120, 17):
        recording = simulate_record(row, 0, 100)
        assert index["beats"][row] == recording.beats.tolist() and len(recording.beats) > 2
        assert index["beat_kinds"][row] == list(recording.kinds)
    assert {kind for kinds in index["beat_kinds"] for kind in kinds} >= {"N", "V"}


def test_content_does_not_depend_on_the_rate() -> None:
    for code in ("NORM", "AFIB", "CRBBB", "PVC"):
        fine, coarse = clean(code, seed=3), clean(code, seed=3, rate=100)
        np.testing.assert_allclose(fine.signal[:, ::5], coarse.signal, atol=1e-5)
        assert fine.kinds == coarse.kinds
    assert simulate_record(5, 2, 500).statements == simulate_record(5, 2, 100).statements
    assert simulate_record(5, 2, 257).ecg.signal.shape == (12, 2570)


def test_patients_have_one_fold_and_several_records() -> None:
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
def test_drawn_conditions_are_compatible(seed: int, age: int) -> None:
    drawn = draw_conditions(np.random.default_rng(seed), age)
    assert drawn
    assert all(
        one == other or (compatible(one, other) and compatible(other, one))
        for one in drawn
        for other in drawn
    )


def test_classes_are_drawn_and_conditions_have_phrases() -> None:
    entries = list(list_entries(None, Options(records=1500, seed=0)).entries)
    counts = {name: sum(name in entry.labels for entry in entries) for name in get_task("synthetic").classes}
    assert min(counts.values()) > 25 and len(counts) >= 20
    assert set(FINDINGS) == set(CONDITIONS) - {"NORM"}
    assert all(len({*machine, *doctor}) >= 2 for machine, doctor in FINDINGS.values())


def test_statements_are_controlled_and_describe_the_condition() -> None:
    reports_of = defaultdict(set)
    for code in CONDITIONS:
        for seed in range(15):
            recording = clean(code, seed=seed, rate=100)
            report = write_report(frozenset({code}), recording, np.random.default_rng([seed, 1]))
            for statement in report:
                assert statement == statement.lower().strip() and statement
                assert not statement.endswith(".") and "{" not in statement
            own = (
                T_INVERSION[recording.territory]
                if code == "INVT"
                else FINDINGS.get(code, (("normal", "no definite"),))
            )
            words = [phrase for style in own for phrase in style]
            limits = "within normal limits" if code == "NORM" else words[0]
            assert any(phrase in statement for phrase in [*words, limits] for statement in report), (
                code,
                report,
            )
            assert ("fibrillation" in " ".join(report)) <= (code == "AFIB")
            assert (re.search(r"infarct|scar|injury", " ".join(report)) is not None) <= ("MI" in code)
            reports_of[code].add(tuple(report))
    assert min(len(reports) for reports in reports_of.values()) >= 6, "too few wordings"


def test_heart_rate_does_not_separate_the_classes() -> None:
    from sklearn.metrics import roc_auc_score
    from sklearn.neighbors import KNeighborsClassifier

    recording = list(simulate_records(900, 2, 50))
    rate = np.array([[60 * 50 / np.diff(one.beats).mean()] for one in recording])
    classes = get_task("synthetic").classes
    labels = np.array([[name in one.codes for name in classes] for one in recording])
    test = np.array([one.fold > 6 for one in recording])
    scores = KNeighborsClassifier(40).fit(rate[~test], labels[~test]).predict_proba(rate[test])
    areas = [
        roc_auc_score(labels[test, k], scores[k][:, 1]) for k in range(len(classes)) if labels[test, k].any()
    ]
    assert np.mean(areas) < 0.7


@pytest.mark.data
@pytest.mark.parametrize(("code", "few"), [("NORM", 5), ("CLBBB", 8), ("CRBBB", 4), ("LAFB", 4)])
def test_leads_have_the_sign_of_real_recordings(ptb_xl: Path, code: str, few: int) -> None:
    """The main deflection of a lead has the same sign if it is clear in real recordings."""
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
