"""From a folder of cells to files."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pandas as pd
import pytest

from melp.errors import MelpError
from melp.evaluation.cells import Cell, Evaluation, metric_table, write_cell
from melp.evaluation.layouts import write_table

SUFFIXES = ["md", "tex", "csv", "pdf", "svg", "png"]


def put(folder: Path, name: str, task: str, value: float, weights: str = "", **fields: object) -> None:
    """Write a cell of a probe with an AUROC."""
    settings = {"kind": "probe", "folds": "9,10", "fraction": 10, **fields}
    cell = Cell(method="melp", weights=weights or name, task=task, **settings)  # type: ignore[arg-type]
    row = {"metric": "auroc", "class": None, "value": value, "lo": value - 0.1, "hi": value + 0.05, "n": 40}
    model = {"name": name, "recipe": "melp/laptop", "seed": 0}
    write_cell(Evaluation(cell, metric_table([row, {**row, "class": "A", "value": 0.1}]), model), folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    values = itertools.product(("simclr", "merl", "melp"), ("csn", "ptbxl-sub"))
    for place, (name, task) in enumerate(values):
        for seed, further in enumerate((-0.01, 0.01)):
            put(tmp_path / "cells-of-mine", name, task, 0.5 + place / 50 + further, seed=seed)
    # Not of the layout: another task, another kind, and a model that is in no row.
    for name, seed, fraction in (("melp", 0, 10), ("merl", 1, 10), ("merl", 1, 50), ("local", 0, 10)):
        put(tmp_path / "cells-of-mine", name, "code-test", 0.9, seed=seed, fraction=fraction)
    put(tmp_path / "cells-of-mine", "melp", "csn", 0.9, kind="knn")
    return tmp_path / "cells-of-mine"


def test_files_of_a_table(folder: Path, tmp_path: Path) -> None:
    files = write_table(folder, "linear-probe", tmp_path / "out", published=True)
    assert files == [tmp_path / "out" / f"linear-probe.{suffix}" for suffix in SUFFIXES]
    assert sorted(files) == sorted((tmp_path / "out").iterdir())
    table = pd.read_csv(files[2]).set_index(["block", "name", "task", "fraction"])
    assert table.loc[("ours", "melp", "csn", 10.0), "value"] == pytest.approx(58)
    assert table.loc[("ours", "melp", "csn", 10.0), "lo"] == pytest.approx(48)
    assert table.loc[("published", "melp", "csn", 10.0), "value"] == 84.83
    text = files[0].read_text()
    assert "| MELP | **60.00**<br><sub>50.0–65.0</sub> |" in text
    assert "\n\nNot shown: 3 cells of these models (code-test with 10 % and code-test with 50 %).\n" in text
    assert [file.read_bytes()[:4] for file in (files[3], files[5])] == [b"%PDF", b"\x89PNG"]
    assert "<svg" in files[4].read_text()


def test_a_table_has_the_same_bytes_every_time(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if another folder has some of the cells again."""
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    for file in sorted((other / "cells").iterdir())[::2]:
        file.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))  # no pdflatex
    first = write_table(folder, "linear-probe", tmp_path / "a")
    second = write_table([folder, other], "linear-probe", tmp_path / "b")
    assert all(one.read_bytes() == two.read_bytes() for one, two in zip(first, second, strict=True))


def test_nothing_is_written_if_cells_are_refused(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        MelpError, match="empty: found no cells, wanted a folder that an evaluation has written"
    ):
        write_table([folder, tmp_path / "empty"], "linear-probe", out)
    with pytest.raises(
        MelpError, match=r"layout zero-shot: found kind knn, probe; .*, wanted kind zero-shot; tasks"
    ):
        write_table(folder, "zero-shot", out)
    put(folder, "melp", "csn", 0.5, weights="other")
    with pytest.raises(MelpError, match="found weights 'melp' and 'other', wanted one"):
        write_table(folder, "linear-probe", out)
    put(folder, "melp", "csn", 0.5, protocol="paper")
    with pytest.raises(MelpError, match="cells: found protocol 'corrected' and 'paper', wanted one"):
        write_table(folder, "linear-probe", out)
    assert not out.exists()
