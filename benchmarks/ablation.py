"""MELP with each subset of its losses (the paper's Table 5 and its missing pair) on PTB-XL.

    python benchmarks/ablation.py --data STORE --runs DIR [--seeds 0,1,2] [training.epochs=12 ...]

Every run has the recipe melp/laptop and the same language model (DIR/text, trained first). Trains on folds
1-7 and evaluates on folds 9 and 10; the probe is trained on folds 1-7. Completed runs are not repeated. The
rows go to benchmarks/results/ablation; `benchmarks/tables.py` writes the table.
"""

from __future__ import annotations

from pathlib import Path

from _common import RESULTS, parser
from _ptb_xl import commit_runs, evaluate_run, train

from melp.data.store import Store
from melp.evaluation.tables import markdown_table, mean_cell, read_runs, read_times
from melp.recipes import load_recipe
from melp.training.pretrain_text import pretrain_text, texts_of

ROWS = RESULTS / "ablation"
LOSSES = ("global", "caption", "local")
SUBSETS = {
    "global": ("global",),
    "caption": ("caption",),
    "local": ("local",),
    "global+caption": ("global", "caption"),
    "global+local": ("global", "local"),
    "caption+local": ("caption", "local"),
    "all": LOSSES,
}
TASKS = {"ptbxl-super": 1, "ptbxl-rhythm": 5}
"""Tasks, and the fewest positives of a class that counts."""


def table(folder: Path = ROWS) -> str:
    """Return means and ranges over the seeds as Markdown."""
    results = read_runs(folder)
    macro = results[results["metric"] == "auroc_macro"]
    macro = macro.assign(losses=macro["run"].str.rpartition("-")[0])
    values = macro.groupby(["losses", "task", "fraction"])["value"].apply(list)
    columns = [(task, fraction) for task in TASKS for fraction in (0, 100)]
    clock, seconds = read_times(folder)
    rows = [
        (
            losses,
            *(mean_cell(values.get((losses, *column), [])) for column in columns),
            macro.loc[macro["losses"] == losses, "run"].nunique(),
            f"{min(seconds[losses]):.0f} to {max(seconds[losses]):.0f}",
        )
        for losses in SUBSETS
    ]
    names = [f"{task} {'probe' if fraction else 'zero-shot'}" for task, fraction in columns]
    note = f"Mean (least to most) over the seeds. Seconds: stage 2, {clock}.\n"
    return markdown_table(("losses", *names, "seeds", "seconds per run"), rows) + "\n" + note


def main() -> None:
    options = parser(__doc__, data=Path, runs=Path, seeds="0,1,2")
    options.add_argument("options", nargs="*", help="key=value options of the recipe")
    arguments = options.parse_args()
    store, text = Store(arguments.data), arguments.runs / "text"
    runs = {}
    for seed in arguments.seeds.split(","):
        for losses, kept in SUBSETS.items():
            run = arguments.runs / f"{losses}-{seed}"
            off = [f"method.{loss}_weight=0" for loss in LOSSES if loss not in kept]
            recipe = load_recipe("melp", "melp/laptop", [*arguments.options, *off, f"training.seed={seed}"])
            pretrain_text(*texts_of([store.path], recipe.stage1.data), recipe.stage1, text)
            recipe.text = str(text)
            train("melp", store, recipe, run)
            evaluate_run(run, store, TASKS)
            runs[run] = losses
    commit_runs(runs, ROWS)
    print(table())


if __name__ == "__main__":
    main()
