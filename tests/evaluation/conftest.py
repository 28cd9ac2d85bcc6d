"""A store of a few records and models that need no training."""

from __future__ import annotations

import pytest

from melp.data.store import Store
from small_judging import BlindMethod, FakeModel, write_store


@pytest.fixture
def model() -> FakeModel:
    """A model that tells the findings of `store` apart."""
    return FakeModel()


@pytest.fixture
def blind_model() -> FakeModel:
    """A model that knows no text."""
    return FakeModel(method=BlindMethod(), name="blind")


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """240 records of three findings; see `write_store`."""
    return write_store(tmp_path_factory.mktemp("store"))
