"""Cells with random scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from melp.data.store import Store
from melp.evaluation.cells import Cell, Evaluation, long_form, write_cell
from melp.evaluation.digests import store_digest
from melp.evaluation.metrics import metric_rows

PROBE = Cell("probe", "simclr", "w", "ptbxl-rhythm", folds="10", train_folds="1,2", fraction=100.0)


def save(store: Store, folder: Path, cell: Cell, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write a cell of half of the records in an order of its own; return its scores and labels.

    Fold 10 has the first half of the records, other folds the second.
    """
    generator = np.random.default_rng(seed)
    half = store.column("id")[:120] if cell.folds == "10" else store.column("id")[120:]
    ids = pd.Index(generator.permutation(half))
    labels = pd.DataFrame(generator.random((120, 2)) < 0.4, index=ids, columns=["B", "A"])
    scores = (labels + generator.normal(size=(120, 2))).astype("float32")
    if cell.protocol == "paper":
        scores = scores.rank(pct=True).astype("float32")
    cell = replace(cell, store=cell.store or store_digest(store))
    rows = metric_rows(scores, labels)
    write_cell(Evaluation(cell, rows, {"name": "m"}, long_form(scores, labels)), folder)
    return scores, labels
