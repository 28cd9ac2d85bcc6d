"""The list of the records that a model was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melp.data.store import Store
from melp.hub.records import identify_records, read_training_records, write_training_records
from melp.training.config import DataConfig


@pytest.fixture(scope="module")
def store(synthetic_store: Path) -> Store:
    return Store(synthetic_store)


def test_a_run_lists_the_records_of_its_training_folds(tiny_run: Path, store: Store) -> None:
    result = read_training_records(tiny_run)
    assert result is not None
    index = store.index[
        store.index["fold"].isin(DataConfig().train_folds) & (store.index["statements"].map(len) > 0)
    ]
    pd.testing.assert_frame_equal(
        result, index[["corpus", "id", "patient", "digest"]].reset_index(drop=True), check_dtype=False
    )
    assert result["digest"].dtype == np.int64


def test_records_of_the_initial_models_are_included(store: Store, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second", "third")]
    for folder in folders:
        folder.mkdir()
    write_training_records(folders[0], store, np.arange(5))
    write_training_records(folders[1], store, np.arange(3, 8), [folders[0]])
    assert set(read_training_records(folders[1])["id"]) == set(identify_records(store, np.arange(8))["id"])  # type: ignore[index]
    assert len(read_training_records(folders[1])) == 8  # type: ignore[arg-type]
    write_training_records(folders[2], store, np.arange(2), [folders[0], tmp_path / "older"])
    assert read_training_records(folders[2]) is None, "unknown if one of them is"
