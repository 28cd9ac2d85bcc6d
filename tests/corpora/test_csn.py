from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import wfdb

from melp.corpora import Options
from melp.corpora._folds import hashed_fold
from melp.corpora.csn import acronyms, list_entries, load
from melp.data.build import build
from melp.data.store import Store
from melp.errors import MelpError
from small_corpora import write_challenge
from small_ptb_xl import beats

NAMES = "ConditionNames_SNOMED-CT.csv"
TABLE = (
    "\ufeffAcronymName,FullName,Snomed_CT\r\nSB,Sinus Bradycardia,426177001\r\n"
    "AF,Atrial Flutter,164890007\r\nAFIB,Atrial Fibrillation,164889003\r\n"
    "IDC,Interior differences conduction,698252002\r\n"
    "IVB,Intraventricular block,698252002\r\n"
)
# Determined by hand from the headers and the corpus's table.
EXPECTED = {
    "JS20001": ["APB", "ST", "IDC"],
    "JS06908": ["ST", "STTC"],
    "JS05282": ["SB"],
    "JS20000": ["APB", "ST", "IDC", "55930002"],
}


def make_csn(folder: Path, codes: dict[str, str]) -> Path:
    for number, (name, dx) in enumerate(codes.items()):
        write_challenge(folder / "WFDBRecords/01/010" / name, beats(number), dx, sex="Male")
    folder.mkdir(exist_ok=True)
    (folder / NAMES).write_bytes(TABLE.encode())
    return folder


def test_labels_match_whole_codes(tmp_path: Path) -> None:
    tree = make_csn(
        tmp_path / "csn", {"JS00002": "164889003,426177001", "JS00001": "698252002,55827005,164890007"}
    )
    summary = build("csn", tree, tmp_path / "store")
    index = Store(summary.path).index
    assert index["id"].tolist() == ["JS00001", "JS00002"]
    # The first of two acronyms of a code; AF is not in AFIB; a code without an acronym remains.
    assert index["labels"].tolist() == [["IDC", "55827005", "AF"], ["AFIB", "SB"]]
    assert index["sex"].tolist() == ["male", "male"] and index["age"].tolist() == [61, 61]
    assert index["fold"].tolist() == [hashed_fold("JS00001"), hashed_fold("JS00002")]


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(MelpError, match="csn: no folder given"):
        list_entries(None, Options())
    with pytest.raises(MelpError, match=f"no {NAMES} found, wanted the folder of csn"):
        list_entries(tmp_path, Options())
    (tmp_path / NAMES).write_text("Acronym,Code\nSB,1\n")
    with pytest.raises(MelpError, match=f"{NAMES}: no column AcronymName, Snomed_CT"):
        list_entries(tmp_path, Options())
    tree = make_csn(tmp_path / "empty", {})
    with pytest.raises(MelpError, match="no recording of csn found"):
        list(list_entries(tree, Options()).entries)


def test_real_recordings(recordings: Path, tmp_path: Path) -> None:
    summary = build("csn", recordings / "csn", tmp_path / "store")
    assert (summary.records, summary.missing, summary.dropped) == (40, 0, {})
    store = Store(summary.path)
    index = store.index.set_index("id")
    assert {name: index.loc[name, "labels"] for name in EXPECTED} == EXPECTED
    for header in sorted((recordings / "csn").rglob("*.hea"))[::8]:
        published = wfdb.rdrecord(str(header.with_suffix(""))).p_signal.T
        np.testing.assert_allclose(store.ecg(header.stem).signal, published[:, :5000], atol=6e-4)


def test_real_labels_equal_the_published_ones(recordings: Path) -> None:
    published = {}
    for file in sorted((recordings / "published-splits/chapman").glob("*.csv")):
        lines = [line for line in file.read_text().splitlines() if line.strip()]
        rows = csv.DictReader(lines)
        published.update({Path(row["ecg_path"]).stem: row["diagnose"].split(",") for row in rows})
    entries = [
        entry for entry in list_entries(recordings / "csn", Options()).entries if entry.id in published
    ]
    assert len(entries) == 20
    for entry in entries:
        assert load(entry).meta["labels"] == published[entry.id]


def test_first_acronym_of_each_code_in_the_real_table(recordings: Path) -> None:
    names = acronyms(str(recordings / "csn" / NAMES))
    assert {code: names[code] for code in ("164865005", "164909002", "195101003", "698252002")} == {
        "164865005": "MI", "164909002": "LBBB", "195101003": "WAVN", "698252002": "IDC",
    }  # fmt: skip
    assert len(names) == 55 and len(set(names.values())) == 55
