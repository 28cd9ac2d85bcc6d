"""Embeddings of a store's records, and one recording against labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.embed import ABILITIES, embed_folds, embed_rows, require, write_embeddings
from melp.hub import Model
from melp.methods import get_method


def test_embeddings_of_millivolts_in_the_given_order(model: Model, store: Store) -> None:
    rows = np.array([7, 3, 200, 3])
    vectors = embed_rows(model, store, rows, batch_size=3)
    expected = store.signals(rows).astype(np.float32).mean(-1) / 1000
    np.testing.assert_allclose(vectors, expected, rtol=1e-5)
    assert vectors.dtype == np.float32
    unit = embed_rows(model, store, rows, space="text")
    np.testing.assert_allclose(unit, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), rtol=1e-5)


def test_embeddings_must_be_finite(model: Model, store: Store) -> None:
    plain = model.method.embed
    model.method.embed = lambda ecg: torch.where(plain(ecg) == plain(ecg)[1], torch.nan, plain(ecg))
    with pytest.raises(MelpError, match="embedding of record r001 is not finite"):
        embed_rows(model, store, np.arange(4))


def test_embeddings_of_folds(model: Model, store: Store) -> None:
    vectors, records = embed_folds(model, store, (3, 9))
    rows = np.flatnonzero(np.isin(store.column("fold"), (3, 9)))
    np.testing.assert_array_equal(vectors, embed_rows(model, store, rows))
    assert records["id"].tolist() == store.column("id")[rows].tolist() and set(records["fold"]) == {3, 9}
    assert len(embed_folds(model, store)[0]) == len(store)
    with pytest.raises(MelpError, match="no record in folds 77, 78"):
        embed_folds(model, store, (77, 78))
    with pytest.raises(MelpError, match="space: found 'x'"):
        embed_folds(model, store, space="x")


def test_written_embeddings_match_their_ids(store: Store, tmp_path: Path) -> None:
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    write_embeddings(vectors, store.index.iloc[[5, 2, 9]], tmp_path / "out")
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "embeddings.npy"), vectors)
    ids = pd.read_parquet(tmp_path / "out" / "ids.parquet")
    assert ids["id"].tolist() == ["r005", "r002", "r009"] and list(ids.columns) == ["id", "patient", "fold"]


@pytest.mark.parametrize(
    ("name", "ability", "option"),
    [("melp", "generate", "caption_weight"), ("melp", "embed_text", "global_weight"),
     ("merl", "project_ecg", "cross_modal_weight")],
)  # fmt: skip
def test_untrained_abilities_are_rejected(model: Model, name: str, ability: str, option: str) -> None:
    kind = get_method(name)
    method = SimpleNamespace(requires_loss=kind.requires_loss, config=kind.Config(), **{ability: None})
    require(replace(model, method=method), ability)
    method.config = replace(method.config, **{option: 0.0})
    with pytest.raises(MelpError, match=rf"method\.{option}=0, so it has no {ABILITIES[ability][0]}"):
        require(replace(model, method=method), ability)
