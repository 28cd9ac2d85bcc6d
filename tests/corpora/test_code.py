from __future__ import annotations

import builtins
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melp.corpora import Entry, Options, code_15, code_test
from melp.corpora._folds import hashed_fold
from melp.data.build import build
from melp.data.store import Store
from melp.ecg import LEADS
from melp.errors import MelpError
from melp.io.code_tracings import augmented_order, without_padding
from melp.lead_order import check_lead_order
from small_ptb_xl import beats

h5py = pytest.importorskip("h5py")

SAMPLES = 4096
HEAD = (
    "exam_id,age,is_male,nn_predicted_age,1dAVb,RBBB,LBBB,SB,ST,AF,"
    "patient_id,death,timey,normal_ecg,trace_file"
)
AUGMENTED = ("aVR", "aVL", "aVF")


def tracing(seed: int, samples: int, order: tuple[str, ...] = AUGMENTED) -> np.ndarray:
    """Return a recording in mV padded with zeros, its augmented leads in `order`; [4096, 12]."""
    signal = beats(seed, 400, samples / 400)
    rows = [0, 1, 2, *(LEADS.index(lead) for lead in order), *range(6, 12)]
    padded = np.zeros((SAMPLES, 12), dtype=np.float32)
    left = (SAMPLES - samples) // 2
    padded[left : left + samples] = signal[rows].T / 1000
    return padded


def write_part(file: Path, exams: dict[int, np.ndarray]) -> None:
    with h5py.File(file, "w") as opened:
        opened["exam_id"] = np.array([*exams, 0])
        # As in the published files, the last row is zeros and belongs to no exam.
        opened["tracings"] = np.stack([*exams.values(), np.zeros((SAMPLES, 12), dtype=np.float32)])


def make_code_15(folder: Path) -> Path:
    folder.mkdir()
    write_part(folder / "exams_part0.hdf5", {12: tracing(12, 2934), 11: tracing(11, 4096)})
    write_part(
        folder / "exams_part1.hdf5",
        {21: tracing(21, 4000, ("aVL", "aVF", "aVR")), 22: np.zeros((SAMPLES, 12), dtype=np.float32)},
    )
    rows = [
        "11,40,True,41.5,False,True,False,False,False,True,900,,,False,exams_part0.hdf5",
        "21,71,False,70.1,False,False,False,False,False,False,901,False,2.5,True,exams_part1.hdf5",
        "12,40,True,41.5,True,False,False,True,False,False,900,,,False,exams_part0.hdf5",
        "22,55,False,50.0,False,False,False,False,True,False,902,,,False,exams_part1.hdf5",
        "23,55,False,50.0,False,False,False,False,True,False,902,,,False,exams_part1.hdf5",
        "31,56,False,50.0,False,False,False,False,True,False,903,,,False,exams_part10.hdf5",
    ]
    (folder / "exams.csv").write_text("\n".join([HEAD, *rows]) + "\n")
    return folder


def make_code_test(folder: Path, count: int = 3) -> Path:
    data = folder / "data"
    (data / "annotations").mkdir(parents=True)
    with h5py.File(data / "ecg_tracings.hdf5", "w") as opened:
        order = ("aVL", "aVF", "aVR")
        opened["tracings"] = np.stack(
            [tracing(seed, 2800 + 600 * seed, order) for seed in range(count)]
        ).astype("f8")
    flags = ["1,0,0,0,0,0", "0,0,0,0,0,0", "0,1,0,0,1,0"]
    gold = "\n".join(["1dAVb,RBBB,LBBB,SB,AF,ST", *flags[:count]])
    (data / "annotations/gold_standard.csv").write_text(gold + "\n")
    (data / "attributes.csv").write_text("\n".join(["age,sex", "60,M", "31,F", "47,F"][: count + 1]) + "\n")
    return folder


def test_code_15(tmp_path: Path) -> None:
    tree = make_code_15(tmp_path / "code")
    summary = build("code-15", tree, tmp_path / "store", rate=400, seconds=10.24, allow_missing=True)
    assert (summary.records, summary.missing, summary.dropped) == (3, 2, {"all zero": 1})
    store = Store(summary.path)
    index = store.index.set_index("id")
    # Sorted by position in the files, not as in the table.
    assert index.index.tolist() == ["12", "11", "21"]
    assert index["labels"].tolist() == [["1dAVb", "SB"], ["RBBB", "AF"], ["normal_ecg"]]
    assert index["length"].tolist() == [2934, 4096, 4000]
    assert index["age"].tolist() == [40, 40, 71] and index["sex"].tolist() == ["male", "male", "female"]
    assert index["patient"].tolist() == ["900", "900", "901"]
    assert index["fold"].tolist() == [hashed_fold(patient) for patient in index["patient"]]
    for name, samples in (("12", 2934), ("11", 4096), ("21", 4000)):
        ecg = store.ecg(name)
        np.testing.assert_allclose(ecg.signal, beats(int(name), 400, samples / 400) / 1000, atol=1e-6)
        assert check_lead_order(ecg) == []


def test_further_columns_of_code_15(tmp_path: Path) -> None:
    tree = make_code_15(tmp_path / "code")
    text = (tree / "exams.csv").read_text().replace("900,,,", "900,True,0.25,").replace("901,False", "901,no")
    (tree / "exams.csv").write_text(text)
    summary = build("code-15", tree, tmp_path / "store", rate=400, allow_missing=True)
    table = pq.read_table(summary.path / "index.parquet")
    assert [str(table.schema.field(name).type) for name in code_15._MORE] == ["double", "bool", "double"]
    assert table.select(["id", *code_15._MORE]).to_pylist() == [
        {"id": "12", "nn_predicted_age": 41.5, "death": True, "timey": 0.25},
        {"id": "11", "nn_predicted_age": 41.5, "death": True, "timey": 0.25},
        {"id": "21", "nn_predicted_age": 70.1, "death": False, "timey": 2.5},
    ]


def test_code_15_cells_that_cannot_be_read(tmp_path: Path) -> None:
    tree = make_code_15(tmp_path / "code")
    text = (tree / "exams.csv").read_text()
    text = text.replace("11,40,True,41.5,False,True", "11,old,,x,False,maybe").replace("903,,,", "903,,inf,")
    (tree / "exams.csv").write_text(text)
    listing = code_15.list_entries(tree, Options())
    (entry,) = [entry for entry in listing.entries if entry.id == "11"]
    assert np.isnan(entry.age) and (entry.sex, entry.labels, entry.more) == ("", ("AF",), {})
    assert listing.notes == [
        "column RBBB: 1 cells not read, so unknown "
        "(the first: row of exam 11, 'maybe' found, wanted 0 or 1, yes or no, or nothing)",
        "column age: 1 cells not read, so unknown "
        "(the first: row of exam 11, 'old' found, wanted a number from 0 to 150)",
        "column nn_predicted_age: 1 cells not read, so unknown "
        "(the first: row of exam 11, 'x' found, wanted a number)",
        "column timey: 1 cells not read, so unknown "
        "(the first: row of exam 31, 'inf' found, wanted a number)",
    ]


def test_code_15_with_missing_parts(tmp_path: Path) -> None:
    tree = make_code_15(tmp_path / "code")
    (tree / "exams_part0.hdf5").unlink()
    entries = list(code_15.list_entries(tree, Options()).entries)
    assert [entry.id for entry in entries if entry.source is None] == ["11", "12", "23", "31"]
    (tree / "exams_part1.hdf5").unlink()
    with pytest.raises(MelpError, match="none of the 6 tracings found"):
        list(code_15.list_entries(tree, Options()).entries)


def test_code_test(tmp_path: Path) -> None:
    tree = make_code_test(tmp_path / "code")
    store = Store(build("code-test", tree, tmp_path / "store", rate=400).path)
    index = store.index
    assert index["id"].tolist() == ["0", "1", "2"]
    assert index["labels"].tolist() == [["1dAVb"], [], ["RBBB", "AF"]]
    assert index["fold"].tolist() == [10, 10, 10]
    assert index["age"].tolist() == [60, 31, 47] and index["sex"].tolist() == ["male", "female", "female"]
    assert index["length"].tolist() == [2800, 3400, 4000]
    for seed, name in enumerate(index["id"]):
        expected = beats(seed, 400, (2800 + 600 * seed) / 400) / 1000
        np.testing.assert_allclose(store.ecg(name).signal, expected, atol=1e-6)
    assert list(code_test.list_entries(tree / "data", Options()).entries) == list(
        code_test.list_entries(tree, Options()).entries
    )


def test_code_test_cells_that_cannot_be_read(tmp_path: Path) -> None:
    tree = make_code_test(tmp_path / "code")
    (tree / "data/attributes.csv").write_text("age,sex\n60,M\nunknown,x\nold,female\n")
    gold = "1dAVb,RBBB,LBBB,SB,AF,ST\nTrue,0,0,0,0,0\n0,yes,,0,0,0\n0,1,0,0,2,0\n"
    (tree / "data/annotations/gold_standard.csv").write_text(gold)
    listing = code_test.list_entries(tree, Options())
    entries = list(listing.entries)
    assert [entry.labels for entry in entries] == [("1dAVb",), ("RBBB",), ("RBBB",)]
    assert [entry.sex for entry in entries] == ["male", "", "female"]
    assert np.isnan([entry.age for entry in entries]).tolist() == [False, True, True]
    assert [note.partition(" cells")[0] for note in listing.notes] == [
        "column sex: 1",
        "column AF: 1",
        "column age: 1",
    ]


@pytest.mark.parametrize("published", permutations(AUGMENTED))
@pytest.mark.parametrize("usual", [("aVR", "aVL", "aVF"), ("aVL", "aVF", "aVR")])
def test_order_of_leads_satisfies_the_identities(published: tuple[str, ...], usual: tuple[str, ...]) -> None:
    signal = tracing(5, SAMPLES, published).T.astype(np.float64)
    # Offsets and a tenth of the noise of a record do not change the result.
    noise = np.random.default_rng(0).normal(scale=0.005, size=signal.shape)
    assert augmented_order(signal + noise + np.arange(12)[:, None], usual) == published


def test_usual_order_if_none_satisfies_the_identities() -> None:
    noise = np.random.default_rng(1).normal(size=(12, 4000))
    assert augmented_order(noise, ("aVL", "aVF", "aVR")) == ("aVL", "aVF", "aVR")
    assert augmented_order(np.zeros((12, 4000)), ("aVL", "aVF", "aVR")) == ("aVL", "aVF", "aVR")


def test_usual_order_of_each_file(tmp_path: Path) -> None:
    """Noise satisfies no identity, so the leads have the order of the file's description."""
    noise = np.random.default_rng(2).normal(size=(1, SAMPLES, 12)).astype("f4")
    with h5py.File(tmp_path / "noise.hdf5", "w") as opened:
        opened["tracings"] = noise
    entry = Entry("0", "0", 1, source={"file": str(tmp_path / "noise.hdf5"), "row": 0})
    for module, order in ((code_15, AUGMENTED), (code_test, ("aVL", "aVF", "aVR"))):
        ecg = module.load(entry)
        for row, lead in enumerate(order):
            np.testing.assert_allclose(ecg.signal[ecg.leads.index(lead)], noise[0, :, 3 + row], atol=1e-6)


@settings(max_examples=50)
@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(0, 11))
def test_without_padding(nonzero: list[bool], lead: int) -> None:
    signal = np.zeros((12, len(nonzero)))
    signal[lead] = nonzero
    kept = without_padding(signal)
    text = "".join("1" if flag else "0" for flag in nonzero)
    assert "".join(f"{value:.0f}" for value in kept[lead]) == (text.strip("0") or text)


def test_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, original = make_code_test(tmp_path / "code"), builtins.__import__

    def without(name: str, *others: Any) -> Any:
        if name == "h5py":
            raise ImportError(name)
        return original(name, *others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MelpError, match=r"needs the package h5py; pip install melp\[formats\]"):
        code_test.list_entries(tree, Options())


def test_errors_of_code_15(tmp_path: Path) -> None:
    with pytest.raises(MelpError, match="code-15: no folder given"):
        code_15.list_entries(None, Options())
    with pytest.raises(MelpError, match=r"no exams.csv found, wanted the folder of code-15"):
        code_15.list_entries(tmp_path, Options())
    (tmp_path / "exams.csv").write_text("exam_id,age\n1,2\n")
    with pytest.raises(MelpError, match=r"exams.csv: no column is_male, patient_id, trace_file, 1dAVb"):
        code_15.list_entries(tmp_path, Options())
    tree = make_code_15(tmp_path / "code")
    (tree / "exams_part0.hdf5").write_bytes(b"no HDF5")
    with pytest.raises(MelpError, match=r"exams_part0.hdf5: not an HDF5 file"):
        list(code_15.list_entries(tree, Options()).entries)
    with h5py.File(tree / "exams_part0.hdf5", "w") as opened:
        opened["signals"] = np.zeros(3)
    with pytest.raises(MelpError, match=r"exams_part0.hdf5: no dataset 'tracings', found signals"):
        list(code_15.list_entries(tree, Options()).entries)
    with h5py.File(tree / "exams_part0.hdf5", "w") as opened:
        opened["tracings"], opened["exam_id"] = np.zeros((2, 9, 12)), np.zeros(3)
    with pytest.raises(MelpError, match=r"exam_id and tracings \(2\) differ in length"):
        list(code_15.list_entries(tree, Options()).entries)
    source = {"file": str(tree / "exams_part1.hdf5"), "row": 77}
    with pytest.raises(MelpError, match="tracing 77 cannot be read"):
        code_15.load(Entry("77", "1", 1, source=source))


def test_errors_of_code_test(tmp_path: Path) -> None:
    with pytest.raises(MelpError, match=r"no ecg_tracings.hdf5 found, wanted the folder of code-test"):
        code_test.list_entries(tmp_path, Options())
    tree = make_code_test(tmp_path / "code")
    gold = tree / "data/annotations/gold_standard.csv"
    gold.write_text("1dAVb,RBBB,LBBB,SB,AF,ST\n0,0,0,0,0,0\n")
    with pytest.raises(MelpError, match=r"gold_standard.csv: 1 rows, wanted 3, one a tracing"):
        code_test.list_entries(tree, Options())
    gold.write_text("1dAVb\n0\n")
    with pytest.raises(MelpError, match=r"gold_standard.csv: no column RBBB, LBBB, SB, AF, ST"):
        code_test.list_entries(tree, Options())
    gold.unlink()
    with pytest.raises(MelpError, match=r"gold_standard.csv: no such file"):
        code_test.list_entries(tree, Options())


@pytest.mark.parametrize(
    ("corpus", "order"), [(code_15, ("aVR", "aVL", "aVF")), (code_test, ("aVL", "aVF", "aVR"))]
)
def test_leads_that_fit_no_order_keep_that_of_their_corpus(
    corpus: Any, order: tuple[str, ...], tmp_path: Path
) -> None:
    """Noise fulfils no identity: rows 3 to 5 are then the augmented leads in the usual order of the files."""
    noise = np.random.default_rng(3).normal(size=(12, SAMPLES)).astype(np.float32)
    with h5py.File(tmp_path / "part.hdf5", "w") as opened:
        opened["tracings"] = noise.T[None]
    ecg = corpus.load(Entry("1", "1", 1, source={"file": str(tmp_path / "part.hdf5"), "row": 0}))
    assert ecg.leads == LEADS
    for row, lead in enumerate(order, start=3):
        np.testing.assert_array_equal(ecg.signal[LEADS.index(lead)], noise[row])
