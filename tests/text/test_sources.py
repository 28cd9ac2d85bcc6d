"""Texts from files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from melp.data.store import Store
from melp.errors import MelpError
from melp.text.sources import read_texts
from melp.training.pretrain import TextRecipe, reports_of, texts_of


def test_a_text_a_line(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text(
        "sinus rhythm. normal ecg\n\n  atrial fibrillation \r\nvorhofflimmern, möglich", encoding="utf-8"
    )
    assert read_texts(file) == [
        ["sinus rhythm. normal ecg"],
        ["atrial fibrillation"],
        ["vorhofflimmern, möglich"],
    ]


def test_parquet_of_texts_or_statements(tmp_path: Path) -> None:
    file = tmp_path / "texts.parquet"
    pd.DataFrame({"id": [1, 2, 3], "text": ["sinus rhythm", "", None]}).to_parquet(file)
    assert read_texts(file) == [["sinus rhythm"]]
    table = {"text": ["not this", "nor this", ""], "statements": [["a", "", "b"], [], ["c"]]}
    pd.DataFrame(table).to_parquet(file)
    assert read_texts(file) == [["a", "b"], ["c"]]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(MelpError, match=r"absent\.txt: cannot be read"):
        read_texts(tmp_path / "absent.txt")
    with pytest.raises(MelpError, match=r"absent\.parquet: cannot be read"):
        read_texts(tmp_path / "absent.parquet")
    (tmp_path / "latin.txt").write_bytes("möglich".encode("latin-1"))
    with pytest.raises(MelpError, match=r"latin\.txt: cannot be read as UTF-8"):
        read_texts(tmp_path / "latin.txt")
    (tmp_path / "junk.parquet").write_bytes(b"PAR1 junk")
    with pytest.raises(MelpError, match=r"junk\.parquet: cannot be read as Parquet"):
        read_texts(tmp_path / "junk.parquet")
    pd.DataFrame({"id": [1], "note": ["x"]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(MelpError, match="columns id, note found, wanted text or statements"):
        read_texts(tmp_path / "other.parquet")
    for column, values in (("text", [3, 4]), ("statements", [[1, 2]])):
        pd.DataFrame({column: values}).to_parquet(tmp_path / "numbers.parquet")
        with pytest.raises(MelpError, match="wanted strings or lists of them"):
            read_texts(tmp_path / "numbers.parquet")
    with pytest.raises(MelpError, match=r"wanted a store, a \.txt or a \.parquet file"):
        read_texts(tmp_path / "notes.docx")


def test_stores_and_files_together(synthetic_store: Path, tmp_path: Path) -> None:
    file = tmp_path / "more.txt"
    file.write_text("\n".join(f"text {number}" for number in range(101)))
    recipe = TextRecipe()
    train, validation = texts_of([synthetic_store, file], recipe)
    store = Store(synthetic_store)
    own = reports_of(store, recipe.data.train_folds)
    assert own == store.index.loc[store.index["fold"].isin(range(1, 8)), "statements"].tolist()
    assert train == own + [[f"text {number}"] for number in range(101) if number % 50]
    held_out = store.index.loc[store.index["fold"] == 8, "statements"].tolist()
    assert validation == [*held_out, ["text 0"], ["text 50"], ["text 100"]]
    (tmp_path / "none.txt").write_text("\n")
    with pytest.raises(MelpError, match="no texts found to train on"):
        texts_of([tmp_path / "none.txt"], recipe)
