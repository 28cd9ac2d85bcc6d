"""A store of each simulated corpus is what was drawn, but for the defects put in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from melp.corpora._folds import hashed_fold, held_out_fold
from melp.ecg import LEADS
from melp.reports import translate
from melp.reports.machine import machine_statements, unknown_words
from melp.simulator.corpora._catalogue import wordings
from melp.simulator.further import ALL_CONDITIONS
from small_simulations import CORPORA, MEANINGS, NOT_SINUS, RECORDS, Simulated, true_labels

Simulate = Callable[[str], Simulated]
# Reason of each defect that a build drops a record for.
DROPPED = {
    "NaN": "NaN",
    "all zero": "all zero",
    "flat": "flat",
    "no measurements": "no row in machine_measurements.csv",
    "short report": "report under 4 words",
    "truncated": "truncated",
}
FLAGS = {"flat lead": "flat lead", "no findings in the report": "empty report"}
STATEMENTS = {
    # condition: in the reports of MIMIC-IV-ECG, and in those of PTB-XL, in German and English
    "STACH": ("sinus tachycardia",) * 3,
    "SBRAD": ("sinus bradycardia",) * 3,
    "SARRH": ("sinus arrhythmia",) * 3,
    "AFIB": ("atrial fibrillation",) * 3,
    "AFLT": ("atrial flutter",) * 3,
    "PACE": ("ventricular pacing", "pacemaker ecg", "pacemaker rhythm"),
    "1AVB": ("first degree av block",) * 3,
    "2AVB_I": (
        "second degree av block, mobitz type i",
        "second degree av block type wenckebach",
        "second degree av block of wenckebach type",
    ),
    "2AVB_II": ("second degree av block, mobitz type ii", "second degree av block", "second degree av block"),
    "3AVB": ("third degree av block",) * 3,
    "CLBBB": ("left bundle branch block",) * 3,
    "CRBBB": ("right bundle branch block",) * 3,
    "LAFB": ("left anterior fascicular block",) * 3,
    "LPFB": ("left posterior fascicular block",) * 3,
    "WPW": ("wolff-parkinson-white syndrome",) * 3,
    "LVH": ("left ventricular hypertrophy",) * 3,
    "RVH": ("right ventricular hypertrophy",) * 3,
    "AMI": ("anteroseptal myocardial infarction",) * 3,
    "IMI": ("inferior myocardial infarction",) * 3,
    "LMI": ("lateral myocardial infarction",) * 3,
    "STEMI_ANT": (
        "acute anterior st elevation",
        "anterior myocardial infarction, probably acute",
        "acute anterior",
    ),
    "STEMI_INF": (
        "acute inferior st elevation",
        "inferior myocardial infarction, probably acute",
        "acute inferior",
    ),
    "STEMI_LAT": (
        "acute lateral st elevation",
        "lateral myocardial infarction, probably acute",
        "acute lateral",
    ),
    "ISC": ("st depression",) * 3,
    "INVT": ("t wave inversion",) * 3,
    "LNGQT": ("prolonged qt interval",) * 3,
    "LVOLT": ("low voltage in limb and chest leads", "low voltage", "low voltages in limb and chest leads"),
    "PVC": ("premature ventricular contractions",) * 3,
    "PAC": (
        "premature atrial contractions",
        "premature supraventricular contractions",
        "premature atrial contractions",
    ),
    "BIGU": ("premature ventricular contractions in bigeminy",) * 3,
    "TRIGU": ("premature ventricular contractions in trigeminy",) * 3,
    "SVTAC": ("supraventricular tachycardia",) * 3,
    "AT": ("atrial tachycardia",) * 3,
    "ILBBB": ("incomplete left bundle branch block",) * 3,
    "IRBBB": ("incomplete right bundle branch block",) * 3,
    "IVCD": ("intraventricular conduction delay",) * 3,
    "PMI": ("posterior myocardial infarction",) * 3,
    "LOWT": ("t wave flattening",) * 3,
    "NT": (
        "nonspecific t wave changes",
        "nonspecific t wave abnormality",
        "nonspecific t wave changes",
    ),
    "NST": ("nonspecific st changes", "nonspecific st abnormality", "nonspecific st changes"),
    "DIG": ("digitalis effect",) * 3,
    "ERV": ("early repolarization",) * 3,
    "HVOLT": ("high voltage", "high voltage", "high qrs voltages"),
    "LAE": ("left atrial enlargement",) * 3,
    "RAE": ("right atrial enlargement",) * 3,
    "PSVT": (
        "paroxysmal supraventricular tachycardia",
        "supraventricular tachycardia",
        "paroxysmal supraventricular tachycardia",
    ),
    "SVARR": ("supraventricular arrhythmia",) * 3,
    "UW": ("u waves",) * 3,
    "CR": (
        "transition zone displaced to the left",
        "delayed r wave progression",
        "transition zone displaced to the left",
    ),
    "CCR": (
        "transition zone displaced to the right",
        "tall r waves in v2",
        "transition zone displaced to the right",
    ),
    "NORM": ("normal ecg",) * 3,
}

_WITHIN_OTHERS = {"PVC", "2AVB_I", "CLBBB", "CRBBB", "SVTAC"}
"""Whose words are part of those of another condition."""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulate:
    folder = tmp_path_factory.mktemp("simulated")
    return cache(lambda name: Simulated(name, folder))


@pytest.mark.parametrize("name", [*CORPORA, "mimic-iv-ecg"])
def test_drops_and_flags_are_the_defects(simulated: Simulate, name: str) -> None:
    corpus = simulated(name)
    defects = Counter(drawn.defect for drawn in corpus.drawn.values() if drawn.defect)
    assert set(defects.values()) <= {1}
    summary, index = corpus.summary, corpus.store.index.set_index("id")
    assert summary.missing == defects["missing"]
    assert summary.dropped == {DROPPED[defect]: 1 for defect in defects if defect in DROPPED}
    gone = {name for name, drawn in corpus.drawn.items() if drawn.defect in {"missing", *DROPPED}}
    assert set(index.index) == set(corpus.drawn) - gone and len(index) == RECORDS - len(gone)
    assert (summary.not_understood, summary.unknown_words, summary.unknown_statements) == (0, 0, 0)
    assert not summary.notes
    for record, flags in index["flags"].items():
        expected = set(corpus.clean_flags(record))
        if name not in ("ptb-xl", "mimic-iv-ecg"):
            expected.add("empty report")
        expected |= {FLAGS[corpus.drawn[record].defect]} if corpus.drawn[record].defect in FLAGS else set()
        assert set(flags) - {"duplicate signal"} == expected, record
    # Of a record and its duplicate, the second in the order of the store.
    places = [corpus.drawn[record].index for record in corpus.ids("duplicate")]
    flagged = index.index[["duplicate signal" in flags for flags in index["flags"]]]
    assert len(flagged) == len(places)
    for record, place in zip(flagged, places, strict=True):
        assert corpus.drawn[record].index in (place, place - 1)


@pytest.mark.parametrize("name", CORPORA)
def test_labels_are_the_conditions(simulated: Simulate, name: str) -> None:
    corpus = simulated(name)
    for row in corpus.store.index.itertuples():
        assert set(row.labels) == true_labels(name, corpus.drawn[row.id]), row.id
        assert len(row.labels) == len(set(row.labels))
    assert all(
        set(labels) == true_labels(name, corpus.drawn[record])
        for record, labels in corpus.rows["labels"].items()
    )


@pytest.mark.parametrize("name", [*CORPORA, "mimic-iv-ecg"])
def test_signals_are_those_drawn(simulated: Simulate, name: str) -> None:
    corpus = simulated(name)
    step = 5 if name == "mimic-iv-ecg" else 1
    for row, record in enumerate(corpus.store.index["id"]):
        drawn = corpus.drawn[record]
        if drawn.defect in ("flat lead", "duplicated lead"):
            continue
        expected = step * np.round(drawn.recording.signal.astype(np.float64) * (1000 // step))
        stored = corpus.store.signals(np.array([row]))[0]
        length = min(expected.shape[1], stored.shape[1])
        # float32 rounds halves in either direction.
        assert np.abs(stored[:, :length] - expected[:, :length]).max() <= step
        assert (stored[:, length:] == 0).all() and corpus.store.index["length"].iloc[row] == length


def test_leads_with_a_defect(simulated: Simulate) -> None:
    corpus = simulated("csn")
    (flat,), (double,) = corpus.ids("flat lead"), corpus.ids("duplicated lead")
    signal = corpus.store.ecg(flat).signal
    assert (signal.min(axis=1) == signal.max(axis=1)).tolist() == [False] * 11 + [True]
    signal = corpus.store.ecg(double).signal
    np.testing.assert_array_equal(signal[6], signal[7])
    (flat,) = simulated("ptb-xl").ids("flat lead")
    signal = simulated("ptb-xl").store.ecg(flat).signal
    assert not signal[10].any() and simulated("ptb-xl").rows.loc[flat, "electrodes_problems"] == "V5"


def test_patients_folds_ages_and_sexes(simulated: Simulate) -> None:
    for name in (*CORPORA, "mimic-iv-ecg"):
        corpus = simulated(name)
        for row in corpus.store.index.itertuples():
            drawn = corpus.drawn[row.id]
            if name == "mimic-iv-ecg":
                assert np.isnan(row.age) and row.fold == held_out_fold(row.patient)
                continue
            assert row.sex == ("male", "female")[drawn.patient.sex]
            age = min(drawn.patient.age, 90 if name == "ptb-xl" else 999)
            assert np.isnan(row.age) if drawn.defect == "no age" else row.age == age
            fold = {"ptb-xl": drawn.patient.fold, "code-test": 10}.get(name, hashed_fold(row.id))
            assert row.fold == fold
        if name in ("ptb-xl", "mimic-iv-ecg"):
            patients = [corpus.drawn[record].patient.number for record in corpus.store.index["id"]]
            pairs = set(zip(corpus.store.index["patient"], patients, strict=True))
            assert len(pairs) == len(set(patients)) == corpus.store.index["patient"].nunique() < len(patients)


@pytest.mark.parametrize("name", ["mimic-iv-ecg", "ptb-xl"])
def test_statements_are_the_conditions(simulated: Simulate, name: str) -> None:
    corpus = simulated(name)
    assert set(STATEMENTS) == set(ALL_CONDITIONS) - {"ARTEFACT"} == set(MEANINGS) - {"ARTEFACT"}
    said: Counter[str] = Counter()
    for row in corpus.store.index.itertuples():
        drawn = corpus.drawn[row.id]
        if drawn.defect == "no findings in the report":
            assert not len(row.statements)
            continue
        cut = name == "ptb-xl" and len(corpus.rows.loc[row.id, "report"]) == 255
        for condition in drawn.conditions - {"ARTEFACT"}:
            words = STATEMENTS[condition]
            wanted = words[:1] if name == "mimic-iv-ecg" else words[1:]
            found = any(text in statement for statement in row.statements for text in wanted)
            assert found or cut, (condition, row.statements)
            said[condition] += 1
        if name == "mimic-iv-ecg":
            others = set(STATEMENTS) - drawn.conditions - _WITHIN_OTHERS
            absent = {STATEMENTS[condition][0] for condition in others}
            assert not [text for text in row.statements if any(f" {said}" in f" {text}" for said in absent)]
        is_sinus = any("sinus rhythm" in statement for statement in row.statements)
        assert is_sinus == (not drawn.conditions & NOT_SINUS)
        axis = any("left axis deviation" in statement for statement in row.statements)
        assert axis == (-90 <= drawn.recording.axis < -30) or cut
    assert len(said) > 25


@pytest.mark.parametrize("language", ["machine", "de", "en"])
def test_every_wording_is_understood(language: str) -> None:
    for finding, variants in wordings(language).items():
        for words in filter(None, variants):
            if language == "machine":
                line = f"Sinus rhythm {words}" if words.startswith("with ") else words
                statements = machine_statements(line)
                assert not [statement for statement in statements if unknown_words(statement)], finding
                assert statements or finding == "ARTEFACT"
            else:
                translation = translate(words, language, True)
                assert translation.understood and not translation.unknown and translation.statements, finding


def test_measurements_of_the_machine(simulated: Simulate) -> None:
    corpus = simulated("mimic-iv-ecg")
    index = corpus.store.index.set_index("id")
    for record, row in index.iterrows():
        drawn = corpus.drawn[record]
        measured = drawn.recording.measured
        assert row["qrs_end"] - row["qrs_onset"] == pytest.approx(1000 * measured.qrs, abs=1)
        assert row["t_end"] - row["qrs_onset"] == pytest.approx(1000 * measured.qt, abs=1)
        assert row["rr_interval"] == pytest.approx(60000 / drawn.recording.rate, abs=1)
        without_p = bool(drawn.conditions & {"AFIB", "AFLT", "3AVB", "SVTAC"})
        assert np.isnan(row["p_onset"]) == without_p == np.isnan(row["p_axis"])
        if "1AVB" in drawn.conditions and "AFIB" not in drawn.conditions:
            assert row["qrs_onset"] - row["p_onset"] > 200
        if drawn.conditions & {"CLBBB", "CRBBB"}:
            assert row["qrs_end"] - row["qrs_onset"] >= 120


def test_each_corpus_has_its_own_recordings(simulated: Simulate) -> None:
    signals = {
        drawn.recording.signal.tobytes()
        for name in (*CORPORA, "mimic-iv-ecg")
        for drawn in list(simulated(name).drawn.values())[:10]
        if drawn.defect != "duplicate"
    }
    assert len(signals) >= 5 * 10 - 5


def test_file_of_tracings(simulated: Simulate) -> None:
    h5py = pytest.importorskip("h5py")
    corpus = simulated("code-test")
    published = ("I", "II", "III", "aVL", "aVF", "aVR", *LEADS[6:])
    with h5py.File(corpus.raw / "data/ecg_tracings.hdf5") as file:
        tracings = file["tracings"][:]
    assert tracings.shape == (RECORDS, 4096, 12)
    for tracing, drawn in zip(tracings, corpus.drawn.values(), strict=True):
        signal = drawn.recording.signal[[LEADS.index(lead) for lead in published]]
        begin = (4096 - signal.shape[1]) // 2
        np.testing.assert_array_equal(tracing[begin : begin + signal.shape[1]], signal.T)
        assert not tracing[:begin].any() and not tracing[begin + signal.shape[1] :].any()
    gold, first = (
        np.loadtxt(corpus.raw / f"data/annotations/{name}.csv", delimiter=",", skiprows=1)
        for name in ("gold_standard", "cardiologist1")
    )
    assert (first <= gold).all() and 0 < first.sum() < gold.sum() < RECORDS
