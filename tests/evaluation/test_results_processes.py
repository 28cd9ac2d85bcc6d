"""Several processes write results into one folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from melp.evaluation.results import Cell, read_predictions, read_results
from small_processes import together

PROCESSES, CELLS = 8, 10
SCRIPT = """
import sys
from pathlib import Path
import pandas as pd
from melp.evaluation.results import Cell, Result, write_predictions, write_results
method, cells, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
labels = pd.DataFrame({"A": [True, False], "B": [False, True]}, index=["x", "y"])
for seed in range(cells):
    cell = Cell(method, "runs/a", "ptbxl-super", seed=seed)
    write_predictions([(cell, labels * (seed / 10), labels)], folder)
    write_results([Result(cell, "auroc_macro", seed / 10, 2)], folder)
"""


def test_no_cell_is_lost(tmp_path: Path) -> None:
    together(SCRIPT, [[f"method{number}", str(CELLS), str(tmp_path)] for number in range(PROCESSES)])
    cells = [
        Cell(f"method{number}", "runs/a", "ptbxl-super", seed=seed)
        for number in range(PROCESSES)
        for seed in range(CELLS)
    ]
    table = read_results(tmp_path)
    rows = zip(table["method"], table["seed"], table["value"], strict=True)
    assert sorted(rows) == [(cell.method, cell.seed, cell.seed / 10) for cell in cells]
    predictions = {cell: scores for cell, scores, _ in read_predictions(tmp_path)}
    assert sorted(predictions, key=str) == sorted(cells, key=str)
    for cell, scores in predictions.items():
        np.testing.assert_allclose(scores.to_numpy(), np.eye(2) * cell.seed / 10, rtol=1e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["predictions.parquet", "results.jsonl"]
