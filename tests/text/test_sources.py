"""Texts from stores and files, and their copy on disk."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melp.data.build import build
from melp.data.store import Store
from melp.errors import MelpError
from melp.recipes import load_text_recipe
from melp.text.sources import ReportSentences, Texts, iterate_reports, read_text_file, write_corpus
from melp.text.tokenizer import train_tokenizer
from melp.training.config import DataConfig
from melp.training.pretrain_text import pretrain_text, reports_of, texts_of
from small_ptb_xl import make_tree


def texts_in(file: Path) -> list[list[str]]:
    return [text for text, _ in read_text_file(file)]


def test_text_file_has_one_text_per_line(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text(
        "sinus rhythm. normal ecg\n\n  atrial fibrillation \r\nvorhofflimmern, möglich", encoding="utf-8"
    )
    assert list(read_text_file(file)) == [
        (["sinus rhythm. normal ecg"], None),
        (["atrial fibrillation"], None),
        (["vorhofflimmern, möglich"], None),
    ]


def test_parquet_of_texts_or_statements(tmp_path: Path) -> None:
    file = tmp_path / "texts.parquet"
    pd.DataFrame({"id": [1, 2, 3], "text": ["sinus rhythm", "", None]}).to_parquet(file)
    assert list(read_text_file(file)) == [(["sinus rhythm"], None)]
    table = {
        "text": ["not this", "nor this", ""],
        "statements": [["a", "", "b"], [], ["c"]],
        "fold": [1, 2, 9],
    }
    pd.DataFrame(table).to_parquet(file)
    assert list(read_text_file(file)) == [(["a", "b"], 1), (["c"], 9)]


def test_unreadable_files_raise(tmp_path: Path) -> None:
    with pytest.raises(MelpError, match=r"absent\.txt: cannot be read"):
        texts_in(tmp_path / "absent.txt")
    with pytest.raises(MelpError, match=r"absent\.parquet: cannot be read"):
        texts_in(tmp_path / "absent.parquet")
    (tmp_path / "latin.txt").write_bytes("möglich".encode("latin-1"))
    with pytest.raises(MelpError, match=r"latin\.txt: cannot be read as UTF-8"):
        texts_in(tmp_path / "latin.txt")
    (tmp_path / "junk.parquet").write_bytes(b"PAR1 junk")
    with pytest.raises(MelpError, match=r"junk\.parquet: cannot be read as Parquet"):
        texts_in(tmp_path / "junk.parquet")
    pd.DataFrame({"id": [1], "note": ["x"]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(MelpError, match="columns id, note found, wanted text or statements"):
        texts_in(tmp_path / "other.parquet")
    for column, values in (("text", [3, 4]), ("statements", [[1, 2]])):
        pd.DataFrame({column: values}).to_parquet(tmp_path / "numbers.parquet")
        with pytest.raises(MelpError, match="wanted strings or lists of them"):
            texts_in(tmp_path / "numbers.parquet")
    with pytest.raises(MelpError, match=r"wanted a store, a \.txt or a \.parquet file"):
        read_text_file(tmp_path / "notes.docx")


def test_stores_and_files_together(synthetic_store: Path, tmp_path: Path) -> None:
    file = tmp_path / "more.txt"
    file.write_text("\n".join(f"text {number}" for number in range(101)))
    folds = DataConfig()
    train, validation = texts_of([synthetic_store, str(file)], folds)
    store = Store(synthetic_store)
    reports = list(reports_of(store, folds.train_folds))
    assert reports == store.index.loc[store.index["fold"].isin(range(1, 8)), "statements"].tolist()
    assert list(train) == reports + [[f"text {number}"] for number in range(101) if number % 50]
    held_out = store.index.loc[store.index["fold"] == 8, "statements"].tolist()
    assert list(validation) == [*held_out, ["text 0"], ["text 50"], ["text 100"]]
    (tmp_path / "none.txt").write_text("\n")
    with pytest.raises(MelpError, match="no texts found to train on"):
        texts_of([tmp_path / "none.txt"], folds)


@given(st.lists(st.lists(st.text(max_size=5), max_size=3), max_size=12), st.integers(1, 5))
def test_texts_on_disk_are_a_sequence(texts: list[list[str]], rows: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("melp.text.sources._ROWS", rows)
        on_disk = Texts.of(iter(texts))
    wanted = [text for text in texts if text]
    assert list(on_disk) == wanted and len(on_disk) == len(wanted)
    assert [on_disk[row] for row in range(-len(wanted), len(wanted))] == wanted * 2
    assert on_disk[1:] == wanted[1:] and on_disk[::-2] == wanted[::-2]
    assert list(pickle.loads(pickle.dumps(on_disk))) == wanted
    with pytest.raises(IndexError):
        on_disk[len(wanted)]


def test_texts_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    texts = Texts.of([f"text {number}"] for number in range(10_000))
    assert not list(tmp_path.iterdir()) and texts[9_999] == ["text 9999"]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """19 MB of texts, as Parquet and as lines."""
    folder = tmp_path_factory.mktemp("large")
    part = pa.table({"text": [f"sinus rhythm number {number} " * 15 for number in range(5_000)]})
    with pq.ParquetWriter(folder / "large.parquet", part.schema) as writer:
        for _ in range(10):
            writer.write_table(part)
    (folder / "large.txt").write_text("".join(text + "\n" for text in part["text"].to_pylist()) * 10)
    return folder


@pytest.mark.parametrize("name", ["large.parquet", "large.txt"])
def test_files_are_streamed(large: Path, name: str) -> None:
    """Of a large file, only a few thousand texts are in memory at a time."""
    assert (large / "large.txt").stat().st_size > 18e6
    before, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        texts = Texts.of(text for text, _ in read_text_file(large / name))
        assert sum(1 for _ in ReportSentences(texts)) == 50_000
        assert tracemalloc.get_traced_memory()[1] + pool.max_memory() < 12e6
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)


def test_tokenizers_of_stream_and_list_are_equal() -> None:
    texts = [["sinus rhythm", "Normal ECG."], ["ST-Strecke: möglich ähnlich"], ["sinus rhythm"]] * 30
    listed = [sentence.removesuffix(".") + "." for text in texts for sentence in text]
    streamed = train_tokenizer(ReportSentences(Texts.of(texts)), 120).get_vocab()
    assert streamed == train_tokenizer(listed, 120).get_vocab()
    assert {"##a", "##e", "##."} <= set(streamed) and "##ä" not in streamed
    with pytest.raises(TypeError, match="found an iterator, wanted an iterable that can be iterated twice"):
        train_tokenizer(iter(listed), 120)


def test_reports_of_a_store(tmp_path: Path) -> None:
    raw = make_tree(tmp_path / "ptb-xl", 4, listed=12)
    build("ptb-xl", raw, tmp_path / "store", allow_missing=True)
    reports = list(iterate_reports(Store(tmp_path / "store")))
    statements = ["sinus rhythm", "normal ecg"]
    # Record 3 has no report; reports without a recording are in training folds.
    assert reports == [
        (str(number), (number - 1) % 10 + 1, statements) for number in (1, 2, 4, *range(5, 9), 11, 12)
    ]
    assert [name for name, _, _ in iterate_reports(Store(tmp_path / "store"), [2, 5])] == ["2", "5", "12"]


def test_corpus_of_stores(synthetic_store: Path, tmp_path: Path) -> None:
    store = Store(synthetic_store)
    assert write_corpus([store, store], tmp_path / "new" / "corpus.parquet") == 240
    table = pd.read_parquet(tmp_path / "new" / "corpus.parquet")
    index = store.index
    wanted = [" ".join(statement + "." for statement in statements) for statements in index["statements"]]
    assert table["text"].tolist() == wanted * 2 and table["id"].tolist() == index["id"].tolist() * 2
    assert table["fold"].tolist() == index["fold"].tolist() * 2
    # Divided by fold, like stores.
    train, validation = texts_of([tmp_path / "new" / "corpus.parquet"], DataConfig())
    by_fold = [[text] for text, fold in zip(wanted * 2, index["fold"].tolist() * 2, strict=True) if fold <= 7]
    assert list(train) == by_fold and len(validation) == 2 * int((index["fold"] == 8).sum())


def test_stage_1_is_equal_from_disk_and_from_a_list(synthetic_store: Path, tmp_path: Path) -> None:
    options = ["training.max_steps=4", "training.batch_size=8", "model.dim=16", "model.vocabulary=300"]
    recipe = load_text_recipe(None, [*options, "training.precision=fp32", "data.statement_sampling=0.5"])
    train, validation = texts_of([synthetic_store], recipe.data)

    def losses(train: Sequence[Sequence[str]], validation: Sequence[Sequence[str]], run: Path) -> list[float]:
        pretrain_text(train, validation, recipe, run, progress=False)
        lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        return [line["loss"] for line in lines if "loss" in line]

    on_disk = losses(train, validation, tmp_path / "disk")
    assert len(on_disk) == 4 and on_disk == losses(list(train), list(validation), tmp_path / "list")
