"""What each published defect of an evaluation changes: the cells of the plan laptop/defects as a table.

    melp bench laptop/defects stores.ptb-xl=STORE published_splits=DIR --out OUT
    python benchmarks/defects.py --experiment OUT

The cells go to benchmarks/results/defects; `benchmarks/tables.py` writes the table.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from _common import RESULTS, copy_cells, parser

from melp.evaluation.cells import read_cells
from melp.evaluation.defects import DEFECTS, TOGETHER
from melp.evaluation.tables import change_cell, markdown_table, score_cell

CELLS = RESULTS / "defects"
NO_CHANGE = "0"


def table(folder: Path = CELLS) -> str:
    """Return the change of the mean AUROC by each defect as Markdown: means over the seeds of the model."""
    cells = read_cells(folder)
    groups = cells.groupby(["task", "fraction", "metric", "class"])
    means = groups[["value", "lo", "hi"]].agg(lambda values: values.mean(skipna=False))
    records = groups["n"].first()
    rows = []
    for task, share in sorted(set(zip(cells["task"], cells["fraction"], strict=True))):
        base = (task, share, "auroc", "none")
        reading = f"probe, {share:g} %" if share else "zero-shot"
        changes = [_change(means, (task, share, "auroc_change", name)) for name in (*DEFECTS, TOGETHER)]
        rows.append((task, reading, int(records[base]), score_cell(means.loc[base, "value"]), *changes))
    names = ("task", "reading", "records", "without defects", *DEFECTS, TOGETHER)
    seeds = cells["training_seed"].nunique()
    note = f"Means over {seeds} trainings, with the means of their 95 % intervals over patients.\n"
    return markdown_table(names, rows) + "\n" + note


def _change(means: pd.DataFrame, key: tuple[object, ...]) -> str:
    if key not in means.index:
        return ""
    value, low, high = means.loc[key]
    if value == 0:
        return NO_CHANGE
    return change_cell(value, *(None if pd.isna(limit) else limit for limit in (low, high)))


def main() -> None:
    copy_cells(parser(__doc__, experiment=Path).parse_args().experiment, CELLS)
    print(table())


if __name__ == "__main__":
    main()
