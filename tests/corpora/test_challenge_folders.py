from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from melp.corpora import Options, get_corpus
from melp.corpora._folds import hashed_fold
from melp.data.build import build
from melp.data.store import Store
from melp.errors import MelpError
from small_corpora import write_challenge
from small_ptb_xl import beats

FOLDERS = {
    "georgia": ("georgia/g1", "E00001", 500),
    "ptb": ("ptb/g1", "S0001", 1000),
    "st-petersburg-incart": ("st_petersburg_incart/g1", "I0001", 257),
    "ningbo": ("ningbo/g1", "JS10647", 500),
    "chapman-shaoxing": ("chapman_shaoxing/g1", "JS10646", 500),
    "cpsc2018-extra": ("cpsc_2018_extra/g1", "Q0001", 500),
    "cpsc2018": ("cpsc_2018/g1", "A0001", 500),
}


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write one record of each collection in the layout of the challenge."""
    folder = tmp_path_factory.mktemp("challenge") / "training"
    for number, (place, name, rate) in enumerate(FOLDERS.values()):
        microvolt = beats(number, rate)
        write_challenge(folder / place / name, microvolt, "426783006,164884008,1234", rate=rate)
    return folder


@pytest.mark.parametrize("corpus", FOLDERS)
def test_collections_are_distinguished_by_name(corpus: str, training: Path) -> None:
    place, name, rate = FOLDERS[corpus]
    module = get_corpus(corpus)
    for raw in (training, training / place.split("/")[0]):
        entries = list(module.list_entries(raw, Options()).entries)
        assert [(entry.id, entry.patient, entry.fold) for entry in entries] == [
            (name, name, hashed_fold(name))
        ]
    ecg = module.load(entries[0])
    number = list(FOLDERS).index(corpus)
    assert ecg.rate == rate
    np.testing.assert_allclose(ecg.signal, beats(number, rate) / 1000, atol=1e-6)
    assert module.SOURCE.recordings == f"training/{place.split('/')[0]}/"


def test_the_folder_tells_the_collection_and_the_header_the_signal(tmp_path: Path) -> None:
    """Ningbo has a record S23074, whose header names JS23074.mat."""
    training = tmp_path / "all" / "training"
    for number, stem in enumerate(
        ("ptb/g1/S0001", "ningbo/g1/JS10700", "ningbo/g13/JS23074", "georgia/g1/I1")
    ):
        write_challenge(training / stem, beats(number), "426783006")
    moved = training / "ningbo/g13/JS23074.hea"
    moved.with_name("S23074.hea").write_text(moved.read_text().replace("JS23074 12", "S23074 12"))
    moved.unlink()

    def listed(corpus: str, raw: Path) -> list[str]:
        return [entry.path for entry in get_corpus(corpus).list_entries(raw, Options()).entries]

    assert listed("ptb", tmp_path / "all") == ["training/ptb/g1/S0001"]
    assert listed("ningbo", tmp_path / "all") == ["training/ningbo/g1/JS10700", "training/ningbo/g13/S23074"]
    assert listed("ningbo", training / "ningbo/g13") == ["S23074"]
    with pytest.raises(MelpError, match="no record of st-petersburg-incart found"):
        listed("st-petersburg-incart", tmp_path / "all")
    assert listed("georgia", training) == ["georgia/g1/I1"]
    build("ningbo", tmp_path / "all", tmp_path / "store")
    store = Store(tmp_path / "store")
    assert store.column("id").tolist() == ["JS10700", "S23074"]
    assert (store.signals(np.array([1]))[0] == beats(2)).all()
    # In a folder of another name, names tell the collection.
    (training / "ptb").rename(training / "mine")
    assert listed("ptb", tmp_path / "all") == ["training/mine/g1/S0001"]


def test_store(training: Path, tmp_path: Path) -> None:
    write_challenge(training / "georgia/g2/E00002", beats(40), "Unknown", age="NaN", sex="Unknown")
    (training / "georgia/g2/RECORDS").write_text("E00002\nE00003\n")
    summary = build("georgia", training, tmp_path / "store", allow_missing=True)
    assert (summary.records, summary.missing, summary.dropped) == (2, 1, {})
    index = Store(summary.path).index.set_index("id")
    assert index.loc["E00001", "labels"] == ["NSR", "VEB", "1234"]
    assert (index.loc["E00001", "age"], index.loc["E00001", "sex"]) == (61, "female")
    assert index.loc["E00002", "labels"] == [] and np.isnan(index.loc["E00002", "age"])
    assert (index["statements"].map(len) == 0).all()


def test_wrong_folders(training: Path, tmp_path: Path) -> None:
    module = get_corpus("georgia")
    with pytest.raises(MelpError, match="georgia: no folder given, wanted --raw"):
        module.list_entries(None, Options())
    with pytest.raises(MelpError, match="no such folder"):
        module.list_entries(tmp_path / "nowhere", Options())
    with pytest.raises(MelpError, match=r"no record of georgia found, wanted names of E and a number"):
        list(module.list_entries(training / "ptb", Options()).entries)
