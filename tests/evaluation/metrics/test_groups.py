"""Groups of records by columns of an index."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.metrics.groups import groups_of
from small_judging import write_store

COLUMNS = {
    "age": [39.9, 40.0, 59.0, 60.0, 79.9, 80.0, np.nan, 12.0],
    "sex": ["female", "male", "", "male", "male", "", "female", "male"],
    "flags": [["flat lead"], [], ["short", "flat lead"], [], [], ["short"], [], ["short", "short"]],
    "device": ["CS-12 ", "CS-12", "AT-6", "AT-6", None, "", "AT-6", "AT-6"],
    "height": [1.0, 2.0, np.nan, 1.5, 1.5, 1.5, 1.5, 2.0],
}
GROUPS = {
    "age": {"<40": "07", "40-59": "12", "60-79": "34", ">=80": "5", "unknown": "6"},
    "sex": {"female": "06", "male": "1347", "unknown": "25"},
    "flags": {"flat lead": "02", "short": "257", "none": "1346"},
    "device": {"AT-6": "2367", "CS-12": "01", "unknown": "45"},
    "height": {"1": "0", "1.5": "3456", "2": "17", "unknown": "2"},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """240 records with the values of `COLUMNS` in turn."""
    folder = write_store(tmp_path_factory.mktemp("store")).path
    index = pd.read_parquet(folder / "index.parquet")
    index.assign(**{name: values * 30 for name, values in COLUMNS.items()}).to_parquet(
        folder / "index.parquet"
    )
    return Store(folder)


@pytest.mark.parametrize("column", COLUMNS)
def test_groups(store: Store, column: str) -> None:
    """The last eight records, in another order than in the store."""
    ids = pd.Index([f"r{number:03d}" for number in reversed(range(232, 240))])
    groups = groups_of(store, ids, column)
    expected = {name: {f"r{232 + int(n)}" for n in numbers} for name, numbers in GROUPS[column].items()}
    assert {name: set(own) for name, own in groups.items()} == expected
    assert list(groups) == list(expected) and all(own.is_unique for own in groups.values())


def test_invalid_groups(store: Store) -> None:
    ids = pd.Index(store.column("id"))
    with pytest.raises(MelpError, match="no column 'brand', wanted one of id, patient"):
        groups_of(store, ids, "brand")
    with pytest.raises(MelpError, match="column 'id' has 240 values, wanted at most 100"):
        groups_of(store, ids, "id")
    with pytest.raises(MelpError, match="1 of 2 records are not in the store"):
        groups_of(store, pd.Index(["r001", "x"]), "sex")
