"""A store of a few records and models that need no training."""

from __future__ import annotations

import pytest

from melp.data.store import Store
from melp.hub import Model
from small_judging import BlindMethod, HashingMethod, small_model, write_store


@pytest.fixture
def model() -> Model:
    """A model that separates the findings of `store`."""
    return small_model(HashingMethod())


@pytest.fixture
def blind_model() -> Model:
    """A model without a text tower."""
    return small_model(BlindMethod(), "blind")


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """240 records of three findings; see `write_store`."""
    return write_store(tmp_path_factory.mktemp("store"))
