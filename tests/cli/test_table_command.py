"""`melp table`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from melp.cli import app, table  # noqa: F401
from melp.errors import MelpError
from melp.evaluation.cells import Cell, Evaluation, metric_table, write_cell


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place, (name, protocol) in enumerate((("a", "corrected"), ("b", "corrected"), ("a", "paper"))):
        cell = Cell("probe", "melp", name, "csn", protocol=protocol, fraction=1)
        row = {"metric": "auroc", "value": place / 10, "n": 4}
        write_cell(Evaluation(cell, metric_table([row]), {"name": name, "seed": 0}), tmp_path / "cells-here")
    return tmp_path / "cells-here"


def run(*arguments: object) -> list[Path]:
    result = CliRunner().invoke(app, ["table", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return [Path(line) for line in result.output.splitlines()]


def test_options_reach_the_table(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    chosen = ("--where", "protocol=corrected", "--rename", "b=melp", "--published")
    files = run(folder, "--layout", "linear-probe", "--out", out, *chosen)
    assert files == [out / f"linear-probe.{suffix}" for suffix in ("md", "tex", "csv", "pdf", "svg", "png")]
    rows = pd.read_csv(files[2]).set_index(["block", "name"])
    assert rows.loc[("ours", "melp"), "value"] == 10
    assert rows.loc[("published", "melp"), "value"] == 78.25


def test_any_layout(folder: Path, tmp_path: Path) -> None:
    files = run(folder, "--layout", "any", "--rows", "protocol,name", "--columns", "task", "--out", tmp_path)
    lines = files[0].read_text().splitlines()
    assert lines[2] == "| protocol | name | CSN | Seeds |"
    assert lines[4:7] == [
        "| corrected | a | 0.000 | 1 |",
        "| corrected | b | <ins>0.100</ins> | 1 |",
        "| paper | a | **0.200** | 1 |",
    ]


def test_invalid_options(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MelpError, match="rename: found 'melp', wanted NAME=NEW"):
        run(folder, "--layout", "any", "--out", tmp_path, "--rename", "melp")
    with pytest.raises(MelpError, match="layout losses: found rows or columns"):
        run(folder, "--layout", "losses", "--out", tmp_path, "--rows", "name")
