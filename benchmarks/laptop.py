"""The recipe melp/laptop, both stages, on some two thousand ECGs of PTB-XL.

    python benchmarks/laptop.py --data STORE --runs DIR [--seeds 0,1,2]

Trains on folds 1-7, selects weights by the loss on fold 8 (no labels) and evaluates on folds 9 and 10; the
probe is trained on folds 1-7. Every seed trains its own language model. Completed runs are not repeated. The
rows go to benchmarks/results/laptop; `benchmarks/tables.py` writes the table.
"""

from __future__ import annotations

from pathlib import Path

from _common import RESULTS, parser
from _ptb_xl import TEST, commit_runs, evaluate_run, train

from melp.data.store import Store
from melp.evaluation.generation import TASK, generate, save_generation
from melp.evaluation.tables import markdown_table, mean_cell, read_runs, read_times
from melp.hub import load
from melp.recipes import load_recipe

ROWS = RESULTS / "laptop"
TASKS = {"ptbxl-super": 1, "ptbxl-rhythm": 5, "ptbxl-sub": 5, "ptbxl-form": 5}
"""Tasks, and the fewest positives of a class that counts."""


def table(folder: Path = ROWS) -> str:
    """Return means and ranges over the seeds as Markdown."""
    results = read_runs(folder)
    values = results.groupby(["task", "metric", "fraction"])["value"].apply(list)
    areas = [
        (
            name,
            "all" if least == 1 else f"with at least {least} positives",
            *(mean_cell(values[name, "auroc_macro", fraction]) for fraction in (0, 100)),
        )
        for name, least in TASKS.items()
    ]
    written = results[results["task"] == TASK].groupby(["method", "metric"], sort=False)["value"].apply(list)
    reports = [
        (method, *(mean_cell(written[method, metric]) for metric in ("bleu4", "rouge_l")))
        for method in written.index.unique("method")
    ]
    clock, seconds = read_times(folder)
    minutes = ", ".join(f"{time / 60:.1f}" for time in seconds["melp"])
    return "\n".join(
        (
            markdown_table(("task", "classes", "zero-shot", "linear probe"), areas),
            markdown_table(("reports", "BLEU-4", "ROUGE-L"), reports),
            f"{results['run'].nunique()} seeds: mean (least to most). Minutes of training, both stages: "
            f"{minutes} ({clock}).\n",
        )
    )


def main() -> None:
    options = parser(__doc__, data=Path, runs=Path, seeds="0,1,2").parse_args()
    store = Store(options.data)
    runs = [options.runs / f"seed-{seed}" for seed in options.seeds.split(",")]
    for run in runs:
        seed = run.name.removeprefix("seed-")
        changes = [f"training.seed={seed}", f"stage1.training.seed={seed}"]
        train("melp", store, load_recipe("melp", "melp/laptop", changes), run)
        reports = run / "reports"
        save_generation(generate(load(run), store, TEST, beams=3, seed=0, out=reports), reports)
        evaluate_run(run, store, TASKS)
    commit_runs(dict.fromkeys(runs, "melp"), ROWS)
    print(table())


if __name__ == "__main__":
    main()
