"""What two cores make of some two thousand ECGs of PTB-XL: the recipe melp/laptop, both stages.

    python benchmarks/laptop.py --data STORE --runs DIR [--seeds 0,1,2] [--out FILE]
    python benchmarks/laptop.py --table --runs DIR [--out FILE]

Trained on folds 1-7, weights chosen by the loss on fold 8 (no labels), judged on folds 9 and 10; the probe is
trained on folds 1-7. Every seed has its own language model. Runs that are there are not done again.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import pandas as pd
from ptb_xl_judging import JUDGED, cell, judge

from melp.data.store import Store
from melp.evaluation.generation import generate, save_generation
from melp.evaluation.results import read_results
from melp.hub import load
from melp.recipes import load_recipe
from melp.training.pretrain import pretrain

TASKS = {"ptbxl-super": 1, "ptbxl-rhythm": 5, "ptbxl-sub": 5, "ptbxl-form": 5}
"""Tasks, and the least positives of a class that counts."""


def train(store: Store, out: Path, seed: int) -> None:
    """Both stages; the processor's time they took is kept beside them."""
    if (out / "seconds.json").exists():
        return
    start = time.process_time()
    options = [f"training.seed={seed}", f"stage1.training.seed={seed}"]
    pretrain("melp", store, load_recipe("melp", "melp/laptop", options), out)
    (out / "seconds.json").write_text(json.dumps(time.process_time() - start))


def judge_all(store: Store, run: Path) -> None:
    """Zero-shot, probe and written reports."""
    model = load(run)
    judge(model, store, TASKS, run)
    save_generation(generate(model, store, JUDGED, beams=3, seed=0), run / "reports")


def table(runs: Path) -> str:
    """Means and ranges over the seeds, as Markdown."""
    folders = sorted(run for run in runs.iterdir() if (run / "results.jsonl").exists())
    results = pd.concat([read_results(run).assign(run=run.name) for run in folders])
    macro = results[results["metric"] == "auroc_macro"]
    lines = ["| task | classes | zero-shot | linear probe |", "|---|---|---|---|"]
    for name, least in TASKS.items():
        mine = macro[macro["task"] == name]
        cells = [cell(mine.loc[mine["fraction"] == fraction, "value"]) for fraction in (0, 100)]
        classes = "all" if least == 1 else f"with at least {least} positives"
        lines.append(f"| {name} | {classes} | {cells[0]} | {cells[1]} |")
    seconds = [json.loads((run / "seconds.json").read_text()) for run in folders]
    written = pd.concat([read_results(run / "reports").assign(run=run.name) for run in folders])
    lines += ["", "| reports | BLEU-4 | ROUGE-L |", "|---|---|---|"]
    for method, rows in written.groupby("method", sort=False):
        cells = [cell(rows.loc[rows["metric"] == metric, "value"]) for metric in ("bleu4", "rouge_l")]
        lines.append(f"| {method} | {cells[0]} | {cells[1]} |")
    minutes = ", ".join(f"{second / 60:.1f}" for second in seconds)
    lines += ["", f"{len(folders)} seeds: mean (least to most). CPU minutes of both stages: {minutes}."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--out", type=Path, help="Markdown file for the table")
    parser.add_argument("--table", action="store_true", help="only the table of what is there")
    arguments = parser.parse_args()
    if not arguments.table:
        store = Store(arguments.data)
        for seed in arguments.seeds.split(","):
            run = arguments.runs / f"seed-{seed}"
            train(store, run, int(seed))
            if not (run / "results.jsonl").exists():
                judge_all(store, run)
    text = table(arguments.runs)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
