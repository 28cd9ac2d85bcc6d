"""A store of a few records, the same records as files, and models that need no training."""

from __future__ import annotations

from pathlib import Path

import pytest

from melp.data.store import Store
from melp.hub import Model
from small_judging import HashingMethod, small_model, write_store
from small_ptb_xl import write_record


@pytest.fixture
def model() -> Model:
    """A model that separates the findings of `store`."""
    return small_model(HashingMethod())


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """240 records of three findings; see `write_store`."""
    return write_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def files(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first six records of `store` as WFDB records in a folder, and a file that is none: r002x.hea."""
    folder = tmp_path_factory.mktemp("files")
    for record in store.index["id"][:6]:
        microvolt = store.ecg(record).microvolt
        assert microvolt is not None
        write_record(folder / record, microvolt, rate=50)
    (folder / "r002x.hea").write_text("no header\n")
    return folder
