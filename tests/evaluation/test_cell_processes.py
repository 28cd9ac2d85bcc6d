"""Many processes write cells into one folder; a writer that is killed leaves no half cell."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from melp.evaluation.cells import (
    CELLS,
    Cell,
    Evaluation,
    is_written,
    metric_table,
    read_cells,
    read_evaluations,
    write_cell,
)

PROCESSES, WRITERS, CELLS_EACH = 2, 20, 4
SCRIPT = """
import sys, threading
from pathlib import Path
import pandas as pd
from melp.evaluation.cells import Cell, Evaluation, long_form, metric_table, write_cell
process, writers, cells, folder = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
labels = pd.DataFrame({"A": [True, False], "B": [False, True]}, index=["x", "y"])
def write(writer):
    for seed in range(cells + 1):
        # The last cell is the same for all writers.
        name = "everyone" if seed == cells else f"method{writer}"
        cell = Cell("probe", name, "w", "ptbxl-super", seed=seed)
        rows = metric_table([{"metric": "auroc", "value": seed / 10, "n": 2}])
        write_cell(Evaluation(cell, rows, predictions=long_form(labels * (seed / 10), labels)), folder)
threads = [threading.Thread(target=write, args=(process * writers + number,)) for number in range(writers)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_forty_writers_lose_nothing(tmp_path: Path) -> None:
    arguments = [[str(number), str(WRITERS), str(CELLS_EACH), str(tmp_path)] for number in range(PROCESSES)]
    processes = [subprocess.Popen([sys.executable, "-c", SCRIPT, *words]) for words in arguments]
    assert [process.wait() for process in processes] == [0] * PROCESSES
    expected = {
        Cell("probe", f"method{writer}", "w", "ptbxl-super", seed=seed)
        for writer in range(PROCESSES * WRITERS)
        for seed in range(CELLS_EACH)
    } | {Cell("probe", "everyone", "w", "ptbxl-super", seed=CELLS_EACH)}
    evaluations = read_evaluations(tmp_path)
    assert {one.cell for one in evaluations} == expected and len(evaluations) == len(expected)
    for one in evaluations:
        np.testing.assert_allclose(one.scores.to_numpy(), np.eye(2) * one.cell.seed / 10, rtol=1e-6)
    assert len(list((tmp_path / CELLS).iterdir())) == 2 * len(expected)
    assert len(read_cells(tmp_path)) == len(expected)


@pytest.mark.parametrize("stop_after", ["to_parquet", "write_text"])
def test_a_killed_writer_leaves_no_half_cell(tmp_path: Path, stop_after: str) -> None:
    """Killed when the predictions, or the metrics, are written and not yet renamed."""
    place = {"to_parquet": "pd.DataFrame.to_parquet", "write_text": "Path.write_text"}[stop_after]
    kill = f"import os, signal\n{place} = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
    script = SCRIPT.replace("labels =", f"{kill}labels =", 1)
    done = subprocess.run([sys.executable, "-c", script, "0", "1", "1", str(tmp_path)], check=False)
    assert done.returncode < 0
    cell = Cell("probe", "method0", "w", "ptbxl-super", seed=0)
    assert not is_written(tmp_path, cell.key) and read_cells(tmp_path).empty
    write_cell(Evaluation(cell, metric_table([{"metric": "auroc", "value": 0.5, "n": 2}])), tmp_path)
    (one,) = read_evaluations(tmp_path)
    assert one.cell == cell and json.loads(next((tmp_path / CELLS).glob("*.json")).read_text())
    assert [path.name for path in tmp_path.iterdir()] == [CELLS]
