"""Markdown tables and the numbers in their cells."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from melp.evaluation.results import Cell, Result, write_results
from melp.evaluation.tables import change_cell, markdown_table, mean_cell, read_runs


def test_mean_and_range() -> None:
    assert mean_cell([0.8, 0.91, 0.9]) == "0.870 (0.800 to 0.910)"
    assert mean_cell(pd.Series([0.12345], index=["a"])) == "0.123"
    assert mean_cell([]) == "-"


def test_change_has_a_sign() -> None:
    assert change_cell(0.0124, -0.002, 0.0214) == "+0.012 (-0.002 to +0.021)"


def test_columns_of_numbers_are_aligned_to_the_right() -> None:
    table = markdown_table(("class", "n", "change"), [("AFIB", 17084, "+0.5"), ("SR", 3, "")])
    assert table == "| class | n | change |\n| --- | ---: | ---: |\n| AFIB | 17,084 | +0.5 |\n| SR | 3 |  |\n"
    assert markdown_table(("a", "b"), [("0.5 (0.4 to 0.6)", "")]).splitlines()[1] == "| --- | --- |"
    assert markdown_table(("a", "b"), []) == "| a | b |\n| --- | --- |\n"


def test_runs_are_read_together(tmp_path: Path) -> None:
    for run, value in (("melp-0", 0.1), ("melp-1", 0.2)):
        write_results([Result(Cell("melp", run, "ptbxl-super"), "auroc_macro", value, 5)], tmp_path)
        (tmp_path / "results.jsonl").rename(tmp_path / f"{run}.jsonl")
    results = read_runs(tmp_path)
    assert list(zip(results["run"], results["value"], strict=True)) == [("melp-0", 0.1), ("melp-1", 0.2)]
