"""The figure of a store: its panels show the numbers of the tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from melp.data.build import build
from melp.data.describe import describe
from melp.data.store import Store
from melp.errors import MelpError
from melp.plots.figures import save
from melp.plots.store_page import plot_store
from small_ptb_xl import beats, make_tree, write_record


def words(file: Path) -> list[str]:
    """The texts of an SVG figure."""
    return [text.strip() for text in re.findall(r"<text[^>]*>(.*?)</text>", file.read_text())]


def test_numbers_are_those_of_the_tables(tmp_path: Path) -> None:
    raw = make_tree(tmp_path / "ptb-xl", 10, listed=12)
    (raw / "records500/00000/00008_hr.dat").write_bytes(b"")
    (raw / "records500/00000/00005_hr.dat").write_bytes((raw / "records500/00000/00007_hr.dat").read_bytes())
    build("ptb-xl", raw, tmp_path / "store", allow_missing=True)
    store = Store(tmp_path / "store")
    save(plot_store(store), tmp_path / "store.svg")
    texts = words(tmp_path / "store.svg")
    assert "ptb-xl: 9 records, 500 Hz, 10 s" in texts
    titles = ("flagged records", "left out", "most frequent labels", "age", "statements per report", "folds")
    for title in titles:
        assert title in texts
    assert "2 (16.7 %)" in texts and "1 (8.3 %)" in texts and {"not on disk", "truncated"} <= set(texts)
    for name, count in describe(store)["labels"].itertuples(index=False):
        assert name in texts and f"{count} ({100 * count / 9:.1f} %)" in texts
    assert "years (unknown: 0)" in texts and {"female (5)", "male (4)"} <= set(texts)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ptb-xl", "store", "store.svg"]


def test_store_with_little_metadata(tmp_path: Path) -> None:
    write_record(tmp_path / "one", beats(1))
    (tmp_path / "own.csv").write_text("path\none\n")
    build("table", tmp_path, tmp_path / "store", table=tmp_path / "own.csv")
    save(plot_store(Store(tmp_path / "store")), tmp_path / "store.svg")
    # Only the empty report is flagged; nothing is left out; there are no labels, ages or reports.
    assert words(tmp_path / "store.svg").count("none") == 4
    save(plot_store(Store(tmp_path / "store")), tmp_path / "store.png")
    assert (tmp_path / "store.png").read_bytes().startswith(b"\x89PNG")


def test_unknown_suffix(synthetic_store: Path, tmp_path: Path) -> None:
    with pytest.raises(MelpError, match=r"store\.bmp: suffix 'bmp' found, wanted one of .*png"):
        save(plot_store(Store(synthetic_store)), tmp_path / "store.bmp")
    assert not list(tmp_path.iterdir())
