"""Markdown tables and the numbers in their cells."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from melp.errors import MelpError
from melp.evaluation.cells import Cell, Evaluation, metric_table, write_cell
from melp.evaluation.results import copy_results
from melp.evaluation.tables import (
    TIMES,
    change_cell,
    interval_cell,
    markdown_table,
    mean_cell,
    read_runs,
    read_times,
    score_cell,
)


def test_mean_and_range() -> None:
    assert mean_cell([0.8, 0.91, 0.9]) == "0.870 (0.800 to 0.910)"
    assert mean_cell(pd.Series([0.12345], index=["a"])) == "0.123"
    assert mean_cell([]) == "-"


def test_score_and_interval() -> None:
    assert (score_cell(0.8504), interval_cell(0.84, 0.8606)) == ("0.850", "0.840 to 0.861")
    assert interval_cell(None, None) == interval_cell(float("nan"), float("nan")) == "-"


def test_change_has_a_sign() -> None:
    assert change_cell(0.0124, -0.002, 0.0214) == "+0.012 (-0.002 to +0.021)"
    assert change_cell(0.0124, 0.002, 0.0214, beyond_chance=True) == "+0.012 (+0.002 to +0.021) *"
    assert change_cell(-0.0124, None, None) == "-0.012 (-)"


def test_columns_of_numbers_are_aligned_to_the_right() -> None:
    table = markdown_table(("class", "n", "change"), [("AFIB", 17084, "+0.5"), ("SR", 3, "")])
    assert table == "| class | n | change |\n| --- | ---: | ---: |\n| AFIB | 17,084 | +0.5 |\n| SR | 3 |  |\n"
    assert markdown_table(("a", "b"), [("0.5 (0.4 to 0.6)", "")]).splitlines()[1] == "| --- | --- |"
    assert markdown_table(("a", "b"), []) == "| a | b |\n| --- | --- |\n"


def test_runs_are_written_and_read_together(tmp_path: Path) -> None:
    for run, value in (("melp-0", 0.1), ("melp-1", 1 / 3)):
        rows = metric_table(
            [{"metric": "auroc", "class": name, "value": value, "n": 5} for name in (None, "A")]
        )
        cell = Cell("probe", "melp", run, "ptbxl-super")
        write_cell(Evaluation(cell, rows, {"folder": f"/runs/{run}"}), tmp_path / run)
        copy_results([tmp_path / run, tmp_path / "reports"], tmp_path / "rows" / f"{run}.jsonl")
    results = read_runs(tmp_path / "rows")
    assert results["run"].tolist() == ["melp-0"] * 2 + ["melp-1"] * 2
    assert results["value"].tolist() == [0.1, 0.1, 1 / 3, 1 / 3] and results["lo"].isna().all()
    assert results["checkpoint"].tolist() == results["run"].tolist()
    assert results["metric"].tolist() == ["auroc_macro", "auroc/A"] * 2
    (tmp_path / "rows" / "melp-1.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(MelpError, match=r"melp-1\.jsonl:1: found"):
        read_runs(tmp_path / "rows")


def test_training_times(tmp_path: Path) -> None:
    (tmp_path / TIMES).write_text('{"clock": "CPU time", "seconds": {"all": [1.5, 2]}}')
    assert read_times(tmp_path) == ("CPU time", {"all": [1.5, 2]})
