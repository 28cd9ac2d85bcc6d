from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import melp.data.build
import melp.data.files
from melp.corpora import ptb_xl
from melp.data.build import build
from melp.data.describe import describe
from melp.data.store import Store, verify
from melp.ecg import LEADS
from melp.errors import MelpError
from small_ptb_xl import beats, make_tree, write_record

RECORDS = 7


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven records in the layout of PTB-XL in shards of three, and three reports without recording."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(melp.data.build, "RECORDS", 3)
        build("ptb-xl", make_tree(folder / "raw", RECORDS, listed=10), folder / "store", allow_missing=True)
    return folder / "store"


@pytest.fixture
def copy(path: Path, tmp_path: Path) -> Path:
    """A copy of the store that a test may change."""
    for file in path.rglob("*"):
        if file.is_file():
            target = tmp_path / "store" / file.relative_to(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    return tmp_path / "store"


def test_layout_is_readable_without_melp(path: Path) -> None:
    shards = [np.load(path / f"shards/{number:05d}.npy") for number in range(3)]
    assert [shard.shape for shard in shards] == [(3, 12, 5000), (3, 12, 5000), (1, 12, 5000)]
    assert all(shard.dtype == np.int16 for shard in shards)
    assert np.array_equal(shards[1][2], beats(6))
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["records"] == 7 and manifest["missing"] == 3 and manifest["unit"] == "microvolt"
    assert manifest["leads"] == list(LEADS)


def test_index(path: Path) -> None:
    store = Store(path)
    index = store.index
    assert len(store) == len(index) == RECORDS
    assert list(index.columns) == [
        "id", "patient", "corpus", "fold", "labels", "statements", "age", "sex", "flags", "beats",
        "beat_kinds", "length", "shard", "row", "digest", "offset", "size", *ptb_xl._MORE,
    ]  # fmt: skip
    assert index["beats"].tolist() == index["beat_kinds"].tolist() == [[]] * RECORDS
    row = index.iloc[3]
    assert (row["id"], row["patient"], row["fold"], row["labels"]) == ("4", "104", 4, ["NORM", "PRC(S)"])
    assert (row["age"], row["sex"], row["length"], row["shard"], row["row"]) == (44.0, "male", 5000, 1, 0)
    assert row["statements"] == ["sinus rhythm", "normal ecg"]
    assert index["flags"].tolist() == [[], [], ["empty report"], [], [], [], []]


def test_texts_are_training_reports_without_recording(path: Path) -> None:
    texts = Store(path).texts
    assert texts["id"].tolist() == ["8"]  # 9 and 10 lie in the folds that results come from
    assert texts["fold"].tolist() == [8] and texts["statements"].tolist() == [["sinus rhythm", "normal ecg"]]


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.integers(0, RECORDS - 1), max_size=12))
def test_signals_come_in_the_order_asked(path: Path, rows: list[int]) -> None:
    signals = Store(path).signals(np.array(rows, dtype=int))
    assert signals.dtype == np.int16 and signals.shape == (len(rows), 12, 5000)
    for row, signal in zip(rows, signals, strict=True):
        assert np.array_equal(signal, beats(row + 1))


def test_ecg(path: Path) -> None:
    ecg = Store(path).ecg("5")
    assert np.array_equal(ecg.signal, beats(5) / np.float32(1000))
    assert ecg.rate == 500 and ecg.meta["labels"] == ["NST", "SR"] and ecg.meta["patient"] == "105"
    with pytest.raises(MelpError, match="no record '99'"):
        Store(path).ecg("99")


def test_an_ecg_has_no_padding(tmp_path: Path) -> None:
    raw = make_tree(tmp_path / "raw", 2)
    write_record(raw / "records500/00000/00002_hr", beats(2)[:, :1500])
    build("ptb-xl", raw, tmp_path / "store", rate=100)
    store = Store(tmp_path / "store")
    assert [store.ecg(name).signal.shape for name in ("1", "2")] == [(12, 1000), (12, 300)]
    assert store.signals(np.array([1])).shape == (1, 12, 1000)


def test_a_store_pickles_as_its_path(path: Path) -> None:
    store = Store(path)
    store.signals(np.array([0]))
    assert len(pickle.dumps(store)) < 500
    assert len(pickle.loads(pickle.dumps(store))) == RECORDS


def test_describe(path: Path) -> None:
    tables = describe(Store(path))
    assert tables["folds"].iloc[7].tolist() == [8, 0, 0, 1]
    assert tables["labels"].iloc[0].tolist() == ["NST", 4]
    assert tables["statements"]["statement"].tolist() == ["normal ecg", "sinus rhythm"]
    assert tables["flags"].to_numpy().tolist() == [["empty report", 1]]
    assert tables["dropped"].empty


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_verify_finds_one_flipped_bit(copy: Path, data: st.DataObject) -> None:
    assert verify(copy) == []
    shards = [f"shards/{number:05d}.npy" for number in range(3)]
    name = data.draw(st.sampled_from([*shards, "index.parquet", "dropped.parquet", "texts.parquet"]))
    content = (copy / name).read_bytes()
    changed = bytearray(content)
    changed[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (copy / name).write_bytes(changed)
    not_checked = [f"{copy}/shards: not checked, because this needs the index"]
    message = f"{copy / name}: differs from its SHA-256 in the manifest"
    assert verify(copy) == [message, *(not_checked if name == "index.parquet" else [])]
    (copy / name).write_bytes(content)


def test_verify_finds_missing_files(copy: Path) -> None:
    for name in ("texts.parquet", "shards/00001.npy"):
        (copy / name).unlink()
    assert sorted(verify(copy)) == [
        f"{copy / name}: missing" for name in ("shards/00001.npy", "texts.parquet")
    ]


def test_shard_truncated_or_removed_after_opening_raises(copy: Path) -> None:
    store = Store(copy)
    shard = copy / "shards/00001.npy"
    shard.write_bytes(shard.read_bytes()[:-1])
    assert np.array_equal(store.signals(np.array([4]))[0], beats(5))
    with pytest.raises(
        MelpError, match=r"00001\.npy: the record at byte 240128: 119999 bytes found, wanted 120000"
    ):
        store.signals(np.array([5]))
    (copy / "shards/00002.npy").unlink()
    with pytest.raises(MelpError, match=r"a shard is missing .*00002\.npy"):
        store.signals(np.array([6]))


def test_number_of_open_files_is_limited(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(melp.data.files, "MAX_OPEN", 2)
    before = len(list(Path("/proc/self/fd").iterdir()))
    store = Store(path)
    for rows in ([0, 3, 6], [6, 0], [3]):
        for row, signal in zip(rows, store.signals(np.array(rows)), strict=True):
            assert np.array_equal(signal, beats(row + 1))
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2
    del store
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_columns_equal_the_index(path: Path) -> None:
    store, index = Store(path), Store(path).index
    for name in index.columns:
        if name in ptb_xl._MORE and name != "likelihoods":
            continue  # empty in this store
        lists = name in ("labels", "statements", "flags", "beats", "beat_kinds", "likelihoods")
        column = list(store.lists(name)) if lists else store.column(name).tolist()
        assert column == index[name].tolist()


def test_opening_an_incomplete_store_raises(copy: Path, tmp_path: Path) -> None:
    def assert_error(message: str) -> None:
        with pytest.raises(MelpError, match=message) as error:
            Store(copy)
        assert "\n" not in str(error.value)

    shard = copy / "shards/00002.npy"
    content = shard.read_bytes()
    shard.write_bytes(content[:-10])
    assert_error("00002.npy: 120118 bytes found, wanted 120128")
    shard.unlink()
    assert_error("00002.npy: missing, but listed in the manifest")
    shard.write_bytes(content)
    (copy / "index.parquet").write_bytes(b"PAR1")
    with pytest.raises(MelpError, match=r"index.parquet: cannot be read"):
        _ = Store(copy).index
    manifest = copy / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"format": 3', '"format": 99'))
    assert_error("store of format 99 found, wanted 3")
    manifest.write_text(text[:50])
    assert_error("not the manifest of a store")
    manifest.unlink()
    assert_error("no store .no manifest.json.; run `melp data build`")
    copy.rename(tmp_path / "store.building")
    assert_error("its build did not finish; run the same `melp data build` again")
