from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from melp.corpora import Options
from melp.corpora._folds import hashed_fold
from melp.corpora.cpsc2018 import list_entries, load
from melp.data.build import build
from melp.data.store import Store
from melp.errors import MelpError
from small_corpora import write_challenge
from small_ptb_xl import beats

# Determined by hand from the headers.
EXPECTED = {"A0001": ["CRBBB"], "A0002": ["NORM"], "A0008": ["STD"], "A1041": ["CLBBB", "AFIB"]}


def write_struct(file: Path, microvolt: np.ndarray, sex: str = "Female", age: float = 26) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(file, {"ECG": {"sex": sex, "age": age, "data": microvolt / 1000}})


def test_both_forms_with_reference_table(tmp_path: Path) -> None:
    raw = tmp_path / "cpsc"
    write_challenge(raw / "g1/A0001", beats(1, seconds=12), "426783006")
    write_struct(raw / "TrainingSet2/A0002.mat", beats(2, seconds=6))
    write_challenge(raw / "g1/A0003", beats(3), "164884008,99999")
    (raw / "TrainingSet2/REFERENCE.csv").write_text(
        "Recording,First_label,Second_label,Third_label\nA0004,9,,\nA0002,5,2,5\nA0001,6,,\n"
    )
    entries = list(list_entries(raw, Options()).entries)
    assert [(entry.id, entry.labels) for entry in entries] == [
        ("A0001", ("PAC",)), ("A0002", ("CRBBB", "AFIB")), ("A0003", ()), ("A0004", ("STE",)),
    ]  # fmt: skip
    assert [entry.source is None for entry in entries] == [False, False, False, True]
    store = Store(build("cpsc2018", raw, tmp_path / "store", allow_missing=True).path)
    index = store.index.set_index("id")
    # Labels of the table replace the header's codes, which are used for records without any.
    assert index["labels"].tolist() == [["PAC"], ["CRBBB", "AFIB"], ["VPC", "99999"]]
    assert index["length"].tolist() == [5000, 3000, 5000]
    assert index["sex"].tolist() == ["female"] * 3 and index["age"].tolist() == [61, 26, 61]
    np.testing.assert_allclose(store.ecg("A0002").signal, beats(2, seconds=6) / 1000, atol=1e-6)
    assert index["fold"].tolist() == [hashed_fold(name) for name in index.index]


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(MelpError, match="cpsc2018: no folder given"):
        list_entries(None, Options())
    with pytest.raises(MelpError, match="no recording of cpsc2018 found"):
        list(list_entries(tmp_path, Options()).entries)
    (tmp_path / "REFERENCE.csv").write_text("record,label\nA0001,1\n")
    with pytest.raises(MelpError, match=r"REFERENCE.csv: wanted the columns Recording, First_label"):
        list_entries(tmp_path, Options())
    (tmp_path / "REFERENCE.csv").write_text("Recording,First_label\nA0001,12\n")
    with pytest.raises(MelpError, match=r"REFERENCE.csv: record A0001: label '12', wanted 1 to 9"):
        list_entries(tmp_path, Options())


def test_real_recordings_of_physionet(recordings: Path, tmp_path: Path) -> None:
    summary = build("cpsc2018", recordings / "cpsc2018", tmp_path / "store", allow_missing=True)
    assert (summary.records, summary.missing, summary.dropped) == (11, 6866, {})
    index = Store(summary.path).index.set_index("id")
    assert {name: index.loc[name, "labels"] for name in EXPECTED} == EXPECTED
    for entry in list_entries(recordings / "cpsc2018", Options()).entries:
        if entry.source is not None:
            from_header = load(type(entry)(entry.id, entry.patient, entry.fold, source=entry.source))
            assert set(from_header.meta["labels"]) == set(entry.labels)


def test_real_recordings_in_the_original_form(recordings: Path, tmp_path: Path) -> None:
    summary = build("cpsc2018", recordings / "cpsc2018-original", tmp_path / "store")
    assert (summary.records, summary.missing, summary.dropped) == (3, 0, {})
    store = Store(summary.path)
    assert store.index["age"].tolist() == [52, 89, 26]
    assert store.index["labels"].tolist() == [[], [], []]
    for name in store.index["id"]:
        struct = scipy.io.loadmat(recordings / "cpsc2018-original" / f"{name}.mat")["ECG"][0, 0]
        np.testing.assert_allclose(store.ecg(name).signal, struct["data"][:, :5000], atol=6e-4)
