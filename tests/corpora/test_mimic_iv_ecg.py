from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melp.corpora import Options, mimic_iv_ecg
from melp.corpora._folds import held_out_fold
from melp.corpora.mimic_iv_ecg import list_entries, load
from melp.data.build import Summary, build
from melp.data.store import Store
from melp.ecg import ECG, LEADS, BadRecordError
from melp.errors import MelpError
from melp.lead_order import check_lead_order, limb_residuals
from small_corpora import MIMIC_LEADS, make_mimic, mimic_signal

RECORDS = 240
# Positions, in every 40 records, of those with a defect.
SHORT, NAN, ZERO, MISSING, FLAT, BARE = 7, 11, 13, 17, 19, 23
REPORTS = (
    (["Sinus rhythm", "Normal ECG"], ("sinus rhythm", "normal ecg")),
    (
        ["*** Consider acute ST elevation MI ***", "", "Abnormal EKG. ", "=== Rate 62. Axis -12.5 ==="],
        ("possible acute st elevation myocardial infarction", "abnormal ecg", "rate 62", "axis -12.5"),
    ),
    (
        ["--- Warning: Data quality may affect interpretation ---", "Atrial fibrillation, rapid\nresponse"],
        ("atrial fibrillation, rapid response",),
    ),
)


def report_of(number: int) -> tuple[list[str], tuple[str, ...]]:
    """Return lines and statements of a record."""
    if number % 40 == SHORT:
        return ["Sinus rhythm", "---"], ("sinus rhythm",)
    if number % 40 == BARE:
        return [], ()
    return REPORTS[number % len(REPORTS)]


def signal_of(number: int, good: list[np.ndarray]) -> np.ndarray | None:
    signal = good[number % len(good)].copy()
    match number % 40:
        case 11:
            signal[3, 100:200] = -32768
        case 13:
            signal[:] = 0
        case 17:
            return None
        case 19:
            signal[:] = signal[:, :1]
    return signal


@pytest.fixture(scope="module")
def good() -> list[np.ndarray]:
    return [mimic_signal(seed) for seed in range(12)]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, good: list[np.ndarray]) -> Path:
    signals = [signal_of(number, good) for number in range(RECORDS)]
    reports = [report_of(number)[0] for number in range(RECORDS)]
    return make_mimic(tmp_path_factory.mktemp("mimic"), signals, reports)


@pytest.fixture(scope="module")
def built(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return build("mimic-iv-ecg", tree, tmp_path_factory.mktemp("built") / "store", allow_missing=True)


@pytest.fixture(scope="module")
def store(built: Summary) -> Store:
    return Store(built.path)


def test_counts_of_excluded_records(built: Summary) -> None:
    count = RECORDS // 40
    assert built.dropped == {
        "report under 4 words": 2 * count,
        "NaN": count,
        "all zero": count,
        "flat": count,
    }
    assert built.missing == count
    assert built.records == RECORDS - 6 * count


def test_leads_are_reordered(store: Store, good: list[np.ndarray]) -> None:
    standard = [MIMIC_LEADS.index(lead) for lead in LEADS]
    assert standard != list(range(12))
    for row, name in enumerate(store.index["id"]):
        digital = good[(int(name) - 40000000) % len(good)]
        # A step is 5 microvolts.
        np.testing.assert_array_equal(store.signals(np.array([row]))[0], 5 * digital[standard])
    for name in store.index["id"][::20]:
        ecg = store.ecg(name)
        assert check_lead_order(ecg) == []
        assert np.abs(limb_residuals(ecg.signal[:6].astype(np.float64))).max() < 1e-6
        as_in_the_file = ECG(ecg.signal[standard], ecg.rate, LEADS)
        assert check_lead_order(as_in_the_file) == ["aVL and aVF look swapped"]
    assert not any("lead order" in flags for flags in store.index["flags"])


def test_statements(store: Store) -> None:
    expected = {str(40000000 + number): list(report_of(number)[1]) for number in range(RECORDS)}
    assert {row.id: row.statements for row in store.index.itertuples()} == {
        name: expected[name] for name in store.index["id"]
    }
    # Of every 120 records, 34 have two statements, 34 have four and 34 have one.
    counts = Counter(len(statements) for statements in store.index["statements"])
    assert counts == {2: 68, 4: 68, 1: 68}


def test_patients_stay_in_one_fold(store: Store) -> None:
    folds = store.index.groupby("patient")["fold"]
    assert (folds.nunique() == 1).all()
    assert all(fold.iloc[0] == held_out_fold(patient) for patient, fold in folds)
    assert (store.index["labels"].map(len) == 0).all() and store.index["age"].isna().all()


def test_reports_of_missing_training_recordings_are_kept(tree: Path, store: Store) -> None:
    missing = [number for number in range(RECORDS) if number % 40 == MISSING]
    expected = {
        str(40000000 + number): list(report_of(number)[1])
        for number in missing
        if held_out_fold(str(10000000 + number // 3)) < 9
    }
    assert expected and dict(zip(store.texts["id"], store.texts["statements"], strict=True)) == expected


def test_order_of_entries_does_not_depend_on_batches(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(list_entries(tree, Options()).entries)
    assert [entry.id for entry in whole] == [str(40000000 + number) for number in range(RECORDS)]
    monkeypatch.setattr(mimic_iv_ecg, "_BATCH", 7)
    assert repr(list(list_entries(tree, Options()).entries)) == repr(whole)


def test_study_without_measurements(tmp_path: Path, good: list[np.ndarray]) -> None:
    tree = make_mimic(tmp_path, good[:3], [["Sinus rhythm", "Normal ECG"]] * 3)
    file = tree / "machine_measurements.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join(line for line in lines if ",40000001," not in line) + "\n")
    entries = list(list_entries(tree, Options()).entries)
    assert [entry.statements for entry in entries] == [
        ("sinus rhythm", "normal ecg"),
        (),
        entries[0].statements,
    ]
    assert [entry.refused for entry in entries] == ["", "no row in machine_measurements.csv", ""]


def test_further_columns(tree: Path, store: Store, tmp_path: Path) -> None:
    index = store.index
    measured = pd.read_csv(tree / "machine_measurements.csv", index_col="study_id")
    assert set(mimic_iv_ecg._MORE) <= set(index.columns)
    for name in ("ecg_time", "cart_id", "bandwidth"):
        assert index[name].tolist() == measured.loc[index["id"].astype(int), name].astype(str).tolist()
    assert index["rr_interval"].tolist() == [659.0] * len(index) and index["p_axis"].isna().all()


def test_flat_recording(tmp_path: Path, good: list[np.ndarray]) -> None:
    flat = np.repeat(good[0][:, :1], 5000, axis=1)
    entry = next(iter(list_entries(make_mimic(tmp_path, [flat], [["a b c d"]]), Options()).entries))
    with pytest.raises(BadRecordError, match="every lead is constant") as error:
        load(entry)
    assert error.value.reason == "flat"


def test_wrong_folders(tmp_path: Path, good: list[np.ndarray]) -> None:
    with pytest.raises(MelpError, match="mimic-iv-ecg: no folder given, wanted --raw"):
        list_entries(None, Options())
    with pytest.raises(MelpError, match=r"no record_list.csv found, wanted the folder of mimic-iv-ecg"):
        list_entries(tmp_path, Options())
    tree = make_mimic(tmp_path / "tree", [None], [["Sinus rhythm"]])
    with pytest.raises(MelpError, match="none of the 1 recordings found"):
        list(list_entries(tree, Options()).entries)
    (tree / "machine_measurements.csv").rename(tree / "other.csv")
    with pytest.raises(MelpError, match=r"no machine_measurements.csv found, wanted the folder"):
        list_entries(tree, Options())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("subject_id,study_id\n1,2\n", "record_list.csv: no column path"),
        ("subject_id,study_id,path\n1,2,\n", r"record_list.csv: empty cells in column path"),
        ("subject_id,study_id,path\nx,2,a\n", "record_list.csv: not a CSV table"),
        ("", "record_list.csv: not a CSV table"),
    ],
)
def test_malformed_tables(tmp_path: Path, content: str, message: str) -> None:
    tree = make_mimic(tmp_path, [None], [["Sinus rhythm"]])
    (tree / "record_list.csv").write_text(content)
    with pytest.raises(MelpError, match=message):
        list(list_entries(tree, Options()).entries)


LISTED = """
import resource, sys
from pathlib import Path
from melp.corpora import Options
from melp.corpora.mimic_iv_ecg import list_entries

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = sum(1 for entry in list_entries(Path(sys.argv[1]), Options()).entries)
print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / count)
"""


@pytest.mark.slow
def test_memory_per_row(tmp_path: Path, good: list[np.ndarray]) -> None:
    count = 200_000
    signals = [good[0], *[None] * (count - 1)]
    # Some thousand wordings, most of them rare, as in real reports.
    reports = [
        ["Sinus rhythm", f"Statement {(number * number) % 9973}", "Normal ECG"] for number in range(count)
    ]
    tree = make_mimic(tmp_path, signals, reports)
    command = [sys.executable, "-c", LISTED, str(tree)]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert int(listed[0]) == count
    # 800,035 rows stay below 0.8 GB.
    assert float(listed[1]) < 1000
