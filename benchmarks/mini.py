"""Make the model that is part of the package, `mini`, and its card.

    python benchmarks/mini.py --data STORE --experiment DIR [--out FOLDER]

Runs the plan `mini` in DIR, calibrates the model on fold 8, and writes it with the scores of folds 9 and 10
to FOLDER, by default src/melp/hub/mini. STORE is PTB-XL at 100 Hz. What is complete is not repeated.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from _common import parser
from _ptb_xl import VALIDATION

from melp.data.store import Store
from melp.evaluation.calibration import calibrate
from melp.evaluation.cells import read_cells
from melp.hub import load
from melp.hub.folder import write_model
from melp.hub.model import INSIDE
from melp.plans.read import read_plan
from melp.plans.run import bench
from melp.tasks import get_task

PLAN = "mini"
SHOWN = ("auroc", "clinical_f1")
"""The metrics of the card."""


def card_scores(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the card: the areas of zero-shot, macro areas of the rest, findings of reports."""
    shown = cells[cells["metric"].isin(SHOWN) & ~cells["method"].str.endswith("-report")]
    shown = shown[(shown["kind"] == "zero-shot") | shown["class"].isna()]
    options = shown["options"].map(json.loads)
    shown = shown[options.map(lambda one: one.get("by", "zero-shot")) == "zero-shot"]
    leads = options.map(lambda one: f"zero-shot, {one.get('condition')} only")
    shown = shown.assign(kind=shown["kind"].mask(shown["kind"] == "robustness", leads))
    return shown.sort_values(["kind", "task", "class"], na_position="first", kind="stable")


def main() -> None:
    options = parser(__doc__, data=Path, experiment=Path, out=INSIDE).parse_args()
    plan = read_plan(PLAN, [f"stores.ptb-xl={options.data}"])
    bench(plan, options.experiment)
    model, store = load(options.experiment / "runs" / "mini-0"), Store(options.data)
    for name in plan.evaluations["zero-shot"].tasks:
        calibrate(model, store, get_task(name), VALIDATION)
    write_model(model, options.out, card_scores(read_cells(options.experiment)))
    print(f"{options.out}: {sum(file.stat().st_size for file in options.out.iterdir()):,} bytes")


if __name__ == "__main__":
    main()
