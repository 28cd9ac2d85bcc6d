"""Tables that describe a store, compared with counts in a loop over its records."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melp.data.build import build
from melp.data.describe import describe
from melp.data.store import Store
from small_ptb_xl import beats, make_tree, write_record

REPORTS = (
    "sinusrhythmus. normales ekg",
    "",
    "sinusrhythmus. vorhofflimmern",
    "vorhofflimmern",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Ten recordings, one of them a duplicate and one bad, and two reports without recording."""
    raw = make_tree(tmp_path_factory.mktemp("raw") / "ptb-xl", 10, listed=12)
    table = pd.read_csv(raw / "ptbxl_database.csv")
    table["report"] = [REPORTS[number % 4] for number in range(12)]
    table["patient_id"] = [number // 2 for number in range(12)]
    table["strat_fold"] = [1 + number // 4 for number in range(12)]
    table.to_csv(raw / "ptbxl_database.csv", index=False)
    folder = raw / "records500/00000"
    (folder / "00005_hr.dat").write_bytes((folder / "00007_hr.dat").read_bytes())
    (folder / "00008_hr.dat").write_bytes(b"")
    build("ptb-xl", raw, raw.parent / "store", allow_missing=True)
    return Store(raw.parent / "store")


def test_tables(store: Store) -> None:
    tables = describe(store)
    assert tables["folds"].to_numpy().tolist() == [[1, 4, 2, 0], [2, 3, 2, 0], [3, 2, 1, 2]]
    # The header of the copied recording has the checksums of another one.
    assert tables["flags"].to_numpy().tolist() == [
        ["empty report", 3], ["checksum", 1], ["duplicate signal", 1],
    ]  # fmt: skip
    assert tables["dropped"].to_numpy().tolist() == [["truncated", 1]]
    assert tables["reports"].to_numpy().tolist() == [
        ["sinus rhythm. normal ecg", 3],
        ["sinus rhythm. atrial fibrillation", 2],
        ["atrial fibrillation", 1],
    ]
    # Records 5 and 7 have the same signal; three records share one report and two another.
    assert tables["duplicates"].to_numpy().tolist() == [
        ["signal", 9, 8, 2, "22.2 %"],
        ["report", 6, 3, 5, "83.3 %"],
    ]


@pytest.mark.parametrize("column", ["labels", "statements"])
def test_most_common_values_against_a_loop(store: Store, column: str) -> None:
    counts = Counter(value for values in store.index[column] for value in set(values))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    table = describe(store)[column]
    assert list(table.itertuples(index=False, name=None)) == ranked
    assert table["records"].dtype == np.int64
    assert len(describe(store, most=1)[column]) == 1


def test_repeated_statements_count_once_and_reports_may_be_absent(tmp_path: Path) -> None:
    write_record(tmp_path / "one", beats(1))
    write_record(tmp_path / "two", beats(2))
    (tmp_path / "own.csv").write_text("path,statements\none,a|b|a\ntwo,\n")
    build("table", tmp_path, tmp_path / "store", table=tmp_path / "own.csv")
    tables = describe(Store(tmp_path / "store"))
    assert tables["statements"].to_numpy().tolist() == [["a", 1], ["b", 1]]
    assert tables["reports"].to_numpy().tolist() == [["a. b. a", 1]]
    assert tables["duplicates"].iloc[1].tolist() == ["report", 1, 1, 0, "0.0 %"]
    assert tables["labels"].empty
    (tmp_path / "own.csv").write_text("path\none\n")
    build("table", tmp_path, tmp_path / "silent", table=tmp_path / "own.csv")
    tables = describe(Store(tmp_path / "silent"))
    assert tables["statements"].empty and tables["reports"].empty
    assert tables["duplicates"].iloc[1].tolist() == ["report", 0, 0, 0, "0.0 %"]
