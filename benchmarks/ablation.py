"""Which of MELP's losses count: the paper's Table 5 and its missing pair, on the PTB-XL recordings at hand.

    python benchmarks/ablation.py --data STORE --runs DIR [--seeds 0] [--rows all,global] training.epochs=12
    python benchmarks/ablation.py --table --runs DIR

Every run has the recipe melp/laptop and the same language model (DIR/text, made first). Trained on folds 1-7,
judged on folds 9 and 10; the probe is trained on folds 1-7. Runs that are there are not done again, so that
several of these may share the work, each with its own seeds or rows.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import pandas as pd
from ptb_xl_judging import cell, judge

from melp.data.store import Store
from melp.evaluation.results import read_results
from melp.hub import load
from melp.recipes import load_recipe
from melp.training.pretrain import pretrain, pretrain_text
from melp.training.texts import texts_of

LOSSES = ("global", "caption", "local")
ROWS = {
    "global": ("global",),
    "caption": ("caption",),
    "local": ("local",),
    "global+caption": ("global", "caption"),
    "global+local": ("global", "local"),
    "caption+local": ("caption", "local"),
    "all": LOSSES,
}
TASKS = {"ptbxl-super": 1, "ptbxl-rhythm": 5}
"""Tasks, and the least positives of a class that counts."""


def train(row: str, seed: int, store: Store, runs: Path, options: list[str]) -> Path:
    """The run of a row and seed; the processor's time it took is kept beside it."""
    off = [f"method.{loss}_weight=0" for loss in LOSSES if loss not in ROWS[row]]
    recipe = load_recipe("melp", "melp/laptop", [*options, *off, f"training.seed={seed}"])
    text = runs / "text"
    pretrain_text(*texts_of([store.path], recipe.stage1.data), recipe.stage1, text)
    recipe.text = str(text)
    start, out = time.process_time(), runs / f"{row}-{seed}"
    pretrain("melp", store, recipe, out)
    if not (out / "seconds.json").exists():
        (out / "seconds.json").write_text(json.dumps(time.process_time() - start))
    return out


def table(runs: Path) -> str:
    """Mean and range over seeds, as Markdown."""
    lines = []
    for row in ROWS:
        for run in sorted(runs.glob(f"{row}-[0-9]*")):
            if not (run / "results.jsonl").exists():
                continue
            results = read_results(run)
            macro = results[results["metric"] == "auroc_macro"]
            seconds = json.loads((run / "seconds.json").read_text())
            for task, fraction, value in macro[["task", "fraction", "value"]].itertuples(index=False):
                kind = "zero-shot" if fraction == 0 else "probe"
                lines.append((row, run.name, f"{task} {kind}", value, seconds))
    frame = pd.DataFrame(lines, columns=["row", "run", "cell", "value", "seconds"])
    columns = [f"{task} {kind}" for task in TASKS for kind in ("zero-shot", "probe")]
    text = [
        "| losses | " + " | ".join(columns) + " | seeds | CPU seconds a run |",
        "|---" * (len(columns) + 3) + "|",
    ]
    for row in ROWS:
        mine = frame[frame["row"] == row]
        if mine.empty:
            continue
        cells = [cell(mine.loc[mine["cell"] == column, "value"]) for column in columns]
        text.append(
            f"| {row} | "
            + " | ".join(cells)
            + f" | {mine['run'].nunique()} | {mine['seconds'].min():.0f} to {mine['seconds'].max():.0f} |"
        )
    text += [
        "",
        "Mean (least to most) over the seeds. CPU seconds: stage 2 on one thread.",
    ]
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("options", nargs="*", help="key=value options of the recipe")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--table", action="store_true", help="only print the table of what is there")
    arguments = parser.parse_args()
    if not arguments.table:
        store = Store(arguments.data)
        for seed in map(int, arguments.seeds.split(",")):
            for row in arguments.rows.split(","):
                run = train(row, seed, store, arguments.runs, arguments.options)
                if not (run / "results.jsonl").exists():
                    judge(load(run), store, TASKS, run)
    print(table(arguments.runs))


if __name__ == "__main__":
    main()
