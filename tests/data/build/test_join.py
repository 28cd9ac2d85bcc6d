"""Stores joined into one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from melp.data.build import build
from melp.data.build.join import join_stores
from melp.data.store import Store, verify
from melp.errors import MelpError
from melp.evaluation.split import labels_of
from melp.simulator.corpora.write import simulate_corpus
from melp.tasks import get_task
from small_ptb_xl import make_tree


@pytest.fixture(scope="module")
def ptb_xl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ptb-xl")
    build("ptb-xl", make_tree(folder / "raw", 14), folder / "store", rate=100)
    return folder / "store"


@pytest.fixture(scope="module")
def joined(ptb_xl: Path, synthetic_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    return join_stores([ptb_xl, synthetic_store], tmp_path_factory.mktemp("joined") / "store")


def test_every_record_is_as_it_was(joined: Store, ptb_xl: Path, synthetic_store: Path) -> None:
    stores = [Store(ptb_xl), Store(synthetic_store)]
    assert len(joined) == sum(map(len, stores)) and joined.manifest["corpus"] == "ptb-xl + synthetic"
    assert verify(joined.address) == []
    start = 0
    for store in stores:
        rows = np.arange(len(store))
        np.testing.assert_array_equal(joined.signals(start + rows), store.signals(rows))
        part = joined.index.iloc[start : start + len(store)].reset_index(drop=True)
        for name in set(store.index) - {"shard"}:
            assert part[name].equals(store.index[name]), name
        for name in set(joined.index) - set(store.index):
            assert part[name].isna().all(), name
        start += len(store)
    for name, count in joined.manifest["flags"].items():
        assert count == sum(store.manifest["flags"].get(name, 0) for store in stores)
    assert len(joined.texts) == joined.manifest["texts"] == sum(len(store.texts) for store in stores)


def test_a_task_has_the_records_of_its_corpus(joined: Store, ptb_xl: Path) -> None:
    task = get_task("ptbxl-super")
    alone = labels_of(task, Store(ptb_xl), "ptb-xl")
    assert labels_of(task, joined, "ptb-xl").equals(alone) and len(alone)


def test_simulated_records_and_patients_have_names_of_their_own(ptb_xl: Path, tmp_path: Path) -> None:
    simulate_corpus("ptb-xl", tmp_path / "raw", 20, 0)
    build("ptb-xl", tmp_path / "raw", tmp_path / "simulated", rate=100, allow_missing=True)
    joined = join_stores([ptb_xl, tmp_path / "simulated"], tmp_path / "joined")
    added = joined.index.iloc[len(Store(ptb_xl)) :]
    for name in ("corpus", "id", "patient"):
        own = Store(tmp_path / "simulated").index[name]
        assert added[name].tolist() == [f"simulated {one}" for one in own]
    assert not joined.manifest.get("simulated")


def test_patients_of_two_corpora_stay_apart(ptb_xl: Path, tmp_path: Path) -> None:
    names = Store(ptb_xl).index["patient"][:2].tolist()
    lines = [f"r{one},records500/00000/{one:05d}_hr.hea,{name}" for one, name in enumerate(names, start=1)]
    (tmp_path / "own.csv").write_text("id,path,patient\n" + "\n".join(lines) + "\n")
    build("table", ptb_xl.parent / "raw", tmp_path / "own", rate=100, table=tmp_path / "own.csv")
    joined = join_stores([ptb_xl, tmp_path / "own"], tmp_path / "joined")
    assert joined.index["patient"].tolist()[-2:] == [f"table {name}" for name in names]


def test_what_does_not_fit_is_refused(ptb_xl: Path, synthetic_store: Path, tmp_path: Path) -> None:
    out = tmp_path / "joined"
    with pytest.raises(MelpError, match="stores: found 1, wanted at least two"):
        join_stores([ptb_xl], out)
    with pytest.raises(MelpError, match=r"id .* found, wanted ids that no store before it has"):
        join_stores([synthetic_store, synthetic_store], out)
    build("synthetic", None, tmp_path / "fast", rate=200, records=3)
    with pytest.raises(MelpError, match=r"fast: rate 200.0 found, wanted 100.0 as in"):
        join_stores([synthetic_store, tmp_path / "fast"], out)
    assert [file.name for file in tmp_path.iterdir() if "joined" in file.name] == []
    out.mkdir()
    with pytest.raises(MelpError, match="exists, wanted a new folder"):
        join_stores([ptb_xl, synthetic_store], out)


def test_columns_of_two_types_are_refused(ptb_xl: Path, synthetic_store: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    build("synthetic", None, other, rate=100, records=3)
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["columns"] = {"height": "string"}
    (other / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(MelpError, match="column height of type string found, wanted float"):
        join_stores([ptb_xl, other], tmp_path / "joined")
