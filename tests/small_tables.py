"""Tables of cells with made-up values, in the form of `read_cells`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

COLUMNS = {
    "kind": "probe",
    "method": "melp",
    "weights": "",
    "task": "csn",
    "protocol": "corrected",
    "folds": "9,10",
    "train_folds": "1,2,3",
    "fraction": 100.0,
    "n_train": 900,
    "seed": 0,
    "min_positives": 1,
    "store": "s",
    "train_store": "",
    "options": "{}",
    "name": "melp",
    "recipe": "melp/laptop",
    "training_seed": 0,
    "metric": "auroc",
    "class": None,
    "value": 0.5,
    "lo": 0.4,
    "hi": 0.6,
    "n": 50,
    "positives": None,
}


def cells(rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """One row for each mapping; what it does not give has a default."""
    table = pd.DataFrame([{**COLUMNS, **row} for row in rows])
    weights = table["name"].astype(str) + "/" + table["training_seed"].astype(str)
    table["weights"] = table["weights"].where(table["weights"] != "", weights)
    decides = [name for name in COLUMNS if name not in ("metric", "class", "value", "lo", "hi", "recipe")]
    table["key"] = ["-".join(map(str, row)) for row in table[decides].itertuples(index=False)]
    return table


def sweep(values: Mapping[tuple[str, str, float], float], **further: object) -> pd.DataFrame:
    """One cell for each (name, task, fraction), with a value from 0 to 1."""
    rows = (
        {"name": name, "task": task, "fraction": fraction, "value": value, **further}
        for (name, task, fraction), value in values.items()
    )
    return cells(rows)
