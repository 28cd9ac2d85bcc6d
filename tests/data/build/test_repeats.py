"""Ids are unique in every store, and evaluation refuses an older store in which they are not."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import melp.data.build
from melp.corpora import Entry, Listing
from melp.data.build import build
from melp.data.build.repeats import Hashes, Repeats
from melp.data.build.spool import DROPPED, MISSING, PRESENT, TEXTS, read_chunk, read_lines, spool
from melp.data.store import Store
from melp.errors import MelpError
from small_corpora import write_challenge
from small_ptb_xl import beats


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Chapman-Shaoxing-Ningbo with three records in two folders, once with another signal."""
    folder = tmp_path / "raw"
    for number, place in enumerate(("01/1/JS1", "01/1/JS2", "01/1/JS3", "copy/1/JS1", "copy/1/JS3")):
        write_challenge(folder / "WFDBRecords" / place, beats(number), "426783006")
    (folder / "ConditionNames_SNOMED-CT.csv").write_text("AcronymName,Snomed_CT\nSR,426783006\n")
    return folder


@pytest.mark.parametrize("workers", [1, 2])
def test_the_second_record_of_an_id_is_dropped_and_named(
    raw: Path, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(melp.data.build, "RECORDS", 2)
    (tmp_path / "store.building" / DROPPED).mkdir(parents=True)  # left by a listing that was interrupted
    (tmp_path / "store.building" / DROPPED / "00009.jsonl").write_text('{"id": "old"}\n')
    summary = build("csn", raw, tmp_path / "store", workers=workers)
    assert (summary.records, summary.dropped) == (3, {"repeated id": 2})
    copy, kept = "WFDBRecords/copy/1/", "WFDBRecords/01/1/"
    assert summary.bad == [
        {
            "id": name,
            "reason": "repeated id",
            "detail": f"{copy}{name}: id '{name}' found twice, wanted unique ids ({kept}{name} is kept)",
        }
        for name in ("JS1", "JS3")
    ]
    store = Store(tmp_path / "store")
    assert store.column("id").tolist() == ["JS1", "JS2", "JS3"]
    assert all((store.signals(np.array([row]))[0] == beats(row)).all() for row in range(3))
    store.require_unique_ids()
    assert store.dropped["id"].tolist() == ["JS1", "JS3"]
    assert not build("csn", raw, tmp_path / "store").built


def test_strict_stops_and_leaves_nothing(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(MelpError, match="copy/1/JS1: id 'JS1' found twice"):
        build("csn", raw, tmp_path / "store", strict=True)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_a_record_on_disk_comes_before_one_that_is_missing(tmp_path: Path) -> None:
    listed = [
        Entry("a", "p", 1, report="first", path="one/a"),
        Entry("a", "p", 1, report="second", source="x", path="two/a"),
        Entry("b", "p", 1, report="third", path="one/b"),
        Entry("b", "p", 1, report="fourth", path="two/b"),
        Entry("a", "p", 1, source="y", path="three/a"),
    ]
    spooled = spool(Listing(listed, text_folds=(1,)), tmp_path, None, 2, lambda: None)
    assert (spooled.present, spooled.missing, spooled.texts, spooled.total) == (1, 3, 1, 5)
    assert (spooled.repeated, spooled.named) == (3, ("one/a", "one/b", "two/b"))
    assert [entry.path for entry in read_chunk(tmp_path, PRESENT, 0)] == ["two/a"]
    assert [entry.path for entry in read_chunk(tmp_path, TEXTS, 0)] == ["one/b"]
    missing = [line["path"] for chunk in read_lines(tmp_path, MISSING) for line in chunk]
    assert missing == ["one/a", "one/b", "two/b"]
    dropped = [line["detail"] for chunk in read_lines(tmp_path, DROPPED) for line in chunk]
    assert [text.partition(":")[0] for text in dropped] == ["three/a", "one/a", "two/b"]


def test_equal_hashes_do_not_make_ids_equal() -> None:
    hashes = Hashes()
    for name in ("x", "y", "x"):
        hashes.add(name)
    (repeated,) = hashes.repeated()
    repeats = Repeats(frozenset([repeated]))
    assert [bool(repeats(Entry(name, "p", 1))) for name in ("x", "y", "x", "y", "x")] == [
        False, False, True, False, True,
    ]  # fmt: skip
    assert Hashes().repeated() == frozenset()


def test_800_000_ids_take_little_memory() -> None:
    tracemalloc.start()
    hashes = Hashes()
    for number in range(800_000):
        hashes.add(str(40_000_000 + number))
    assert not hashes.repeated()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6


def test_a_store_with_repeated_ids_is_refused(raw: Path, tmp_path: Path) -> None:
    build("csn", raw, tmp_path / "store")
    index = tmp_path / "store" / "index.parquet"
    table = pd.read_parquet(index, columns=["id"])["id"].tolist()
    assert table == ["JS1", "JS2", "JS3"]
    content = pq.read_table(index)
    pq.write_table(content.set_column(0, "id", pa.array(["JS1", "JS2", "JS1"])), index)
    with pytest.raises(MelpError) as caught:
        Store(tmp_path / "store").require_unique_ids()
    assert str(caught.value) == (
        f"{tmp_path / 'store'}: 1 records have the id of another one (the first: JS1), wanted unique ids; "
        "build the store again"
    )


def test_missing_recordings_are_named_and_kept_in_the_store(raw: Path, tmp_path: Path) -> None:
    (raw / "WFDBRecords/copy/1/RECORDS").write_text("".join(f"JS{number}\n" for number in range(1, 10)))
    with pytest.raises(MelpError) as caught:
        build("csn", raw, tmp_path / "store")
    paths = [f"WFDBRecords/copy/1/JS{number}" for number in (2, 4, 5, 6, 7, 8, 9)]
    assert str(caught.value) == (
        "csn: 7 of 12 recordings are missing on disk; --allow-missing builds without them "
        f"(missing: {', '.join(paths[:5])}, ...)"
    )
    build("csn", raw, tmp_path / "store", allow_missing=True)
    missing = Store(tmp_path / "store").missing
    assert missing.to_dict("list") == {"id": [Path(path).name for path in paths], "path": paths}
    assert "missing.parquet" in Store(tmp_path / "store").manifest["files"]
