"""Result lines and predictions: replaced cell by cell, whole or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melp import __version__
from melp.errors import MelpError
from melp.evaluation.results import (
    Cell,
    Result,
    config_hash,
    read_predictions,
    read_results,
    write_predictions,
    write_results,
)

CELL = Cell("melp", "runs/a", "ptbxl-super", fraction=10, seed=1, folds="9,10", train_folds="1,2")


def test_a_line_has_the_fields_of_the_design(tmp_path: Path) -> None:
    write_results([Result(CELL, "auroc_macro", 0.8, 451, 0.7, 0.9, ("PMI",), "abc")], tmp_path)
    (line,) = map(json.loads, (tmp_path / "results.jsonl").read_text().splitlines())
    date = line.pop("date")
    assert date.endswith("+00:00")
    assert line == {
        "method": "melp",
        "checkpoint": "runs/a",
        "task": "ptbxl-super",
        "protocol": "corrected",
        "fraction": 10,
        "seed": 1,
        "folds": "9,10",
        "train_folds": "1,2",
        "metric": "auroc_macro",
        "value": 0.8,
        "lo": 0.7,
        "hi": 0.9,
        "n": 451,
        "n_train": 0,
        "left_out": ["PMI"],
        "shared_records": None,
        "shared_patients": None,
        "version": __version__,
        "config_hash": "abc",
    }


def test_the_same_cell_is_replaced_with_all_its_metrics(tmp_path: Path) -> None:
    other = replace(CELL, seed=2)
    first = [Result(CELL, "auroc_macro", 0.1, 5), Result(CELL, "auroc/MI", 0.2, 5)]
    write_results([*first, Result(other, "auroc_macro", 0.3, 5)], tmp_path)
    write_results([Result(CELL, "auroc_macro", 0.4, 5, lo=float("nan"))], tmp_path)
    table = read_results(tmp_path)
    assert sorted(table["value"]) == [0.3, 0.4]
    assert table["lo"].isna().all()
    assert [path.name for path in tmp_path.iterdir()] == ["results.jsonl"]


def test_a_line_that_is_no_result_is_named(tmp_path: Path) -> None:
    assert read_results(tmp_path).empty
    (tmp_path / "results.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(MelpError, match=r"results\.jsonl:1: found"):
        write_results([Result(CELL, "auroc_macro", 0.1, 5)], tmp_path)
    assert (tmp_path / "results.jsonl").read_text() == '{"a": 1}\n'


def test_predictions_are_joined_by_name_and_replaced(tmp_path: Path) -> None:
    labels = pd.DataFrame({"A": [True, False], "B": [False, True]}, index=["x", "y"])
    scores = pd.DataFrame({"B": [0.1, 0.2], "A": [0.3, 0.4]}, index=["y", "x"])
    write_predictions([(CELL, scores * 0, labels), (replace(CELL, seed=2), scores, labels)], tmp_path)
    write_predictions([(CELL, scores, labels)], tmp_path)
    table = pd.read_parquet(tmp_path / "predictions.parquet")
    assert len(table) == 8
    here = table[table["seed"] == 1]
    assert list(zip(here["id"], here["class"], here["label"], strict=True)) == [
        ("x", "A", True),
        ("x", "B", False),
        ("y", "A", False),
        ("y", "B", True),
    ]
    np.testing.assert_allclose(here["score"], [0.4, 0.2, 0.3, 0.1], rtol=1e-6)
    assert {"task", "fraction", "seed", "id", "class", "score", "label"} <= set(table.columns)


def test_predictions_are_read_as_written(tmp_path: Path) -> None:
    labels = pd.DataFrame({"A": [True, False], "B": [False, True]}, index=["x", "y"])
    scores = pd.DataFrame({"A": [0.25, 0.5], "B": [0.75, 1.0]}, index=["x", "y"], dtype="float32")
    zero_shot = replace(CELL, fraction=0, seed=0, train_folds="")
    write_predictions([(CELL, scores, labels), (zero_shot, 2 * scores, ~labels)], tmp_path)
    cells = {cell: tables for cell, *tables in read_predictions(tmp_path)}
    assert set(cells) == {CELL, zero_shot}
    for cell, wanted in ((CELL, (scores, labels)), (zero_shot, (2 * scores, ~labels))):
        for table, values in zip(cells[cell], wanted, strict=True):
            pd.testing.assert_frame_equal(table, values, check_names=False)


def test_config_hash_depends_on_values_only() -> None:
    assert config_hash({"a": 1, "b": [2]}) == config_hash({"b": [2], "a": 1})
    assert config_hash({"a": 1}) != config_hash({"a": 2})
    assert len(config_hash({})) == 12


@pytest.mark.parametrize(
    ("field", "other"),
    [("method", "merl"), ("checkpoint", "runs/b"), ("task", "csn"), ("protocol", "paper"), ("fraction", 1),
     ("seed", 2), ("folds", "10"), ("train_folds", "1")],
)  # fmt: skip
def test_cells_that_differ_in_a_field_are_kept_apart(field: str, other: object, tmp_path: Path) -> None:
    labels = pd.DataFrame({"A": [True, False]}, index=["x", "y"])
    for number, cell in enumerate((CELL, replace(CELL, **{field: other}))):
        write_results([Result(cell, "auroc_macro", number / 2, 2)], tmp_path)
        write_predictions([(cell, labels + number, labels)], tmp_path)
    assert sorted(read_results(tmp_path)["value"]) == [0, 0.5]
    assert {cell: scores.max().item() for cell, scores, _ in read_predictions(tmp_path)} == {
        CELL: 1,
        replace(CELL, **{field: other}): 2,
    }
