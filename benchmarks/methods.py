"""Pretrain every method on the PTB-XL recordings at hand, each with its recipe NAME/laptop, and evaluate it.

    python benchmarks/methods.py --data STORE --runs DIR [--methods simclr,merl] [--seeds 0]
    python benchmarks/methods.py --data STORE --runs DIR --methods simclr,crt --supervised
    python benchmarks/methods.py --data STORE --runs DIR --methods melp,merl --begin clocs

Trains on folds 1-7, selects weights as the recipe says on fold 8 (no labels) and probes on folds 9 and 10 at
100 %, together with the same network untrained. Methods with text share one language model (DIR/text,
trained first). With --supervised, each run's network is also trained from random weights with the labels of
folds 1-7. With --begin, the encoder starts with the weights of another method's run of the same seed in DIR,
and the run is named METHOD+OTHER. Completed runs are not repeated. The rows of all runs in DIR go to
benchmarks/results/methods.json; `benchmarks/tables.py` writes the table.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _common import RESULTS, parser
from _ptb_xl import TEST, TRAINING, VALIDATION, seconds_of, train
from comparison import beyond_chance, nearest_without_reports, shown, star_note

from melp.data.store import Store
from melp.evaluation.cells import CELLS, read_evaluations
from melp.evaluation.comparison import compare
from melp.evaluation.effective_rank import effective_rank
from melp.evaluation.finetune import finetune, untrained
from melp.evaluation.probe import probe, probe_features
from melp.evaluation.results import read_results
from melp.evaluation.split import patients_of, split_records
from melp.evaluation.tables import change_cell, markdown_table, mean_cell
from melp.hub import load
from melp.hub.folder import CONFIG
from melp.methods import get_method, list_methods
from melp.plots.curves import read_log
from melp.recipes import load_recipe
from melp.tasks import get_task
from melp.training.callbacks import LOG
from melp.training.pretrain_text import pretrain_text, texts_of

ROWS = RESULTS / "methods.json"
TASK = "ptbxl-super"
SUMMARY, SUPERVISED, UNTRAINED = "summary.json", "supervised", "untrained"
"""In a run: a file of numbers, the folder of its network trained with labels, and of untrained networks."""
ENDS = 20
"""Steps whose losses are averaged at the beginning and at the end."""
DRAWS = (0, 1, 2)
"""Seeds of the untrained networks whose mean a method is compared with."""


def pretrain(name: str, seed: str, store: Store, run: Path, runs: Path, begin: Path | None) -> None:
    """Pretrain a method; the seconds of the run that it starts from count too."""
    changes = [f"training.seed={seed}", *([f"method.init_from={begin}"] if begin else [])]
    recipe = load_recipe(name, f"{name}/laptop", changes)
    if "text" in get_method(name).needs:
        stage1 = load_recipe("melp", "melp/laptop").stage1
        pretrain_text(*texts_of([store.path], stage1.data), stage1, runs / "text")
        recipe.text = str(runs / "text")
    train(name, store, recipe, run, seconds_of(begin) if begin else 0)


def evaluate_with_untrained(store: Store, run: Path) -> None:
    """Probe a run and its network untrained; write how the loss fell and how the embeddings spread."""
    model, task = load(run), get_task(TASK)
    networks = [model, *(untrained(model, run / f"{UNTRAINED}-{seed}", seed) for seed in DRAWS)]
    for network in networks:
        probe(network, store, [task], folds=TEST, train_folds=TRAINING, out=run)
    features = probe_features(model, store, split_records(task, store, TEST, TRAINING).test)
    losses = [value for _, value in read_log(run / LOG)["loss"].train]
    summary = {
        "first_loss": float(np.mean(losses[:ENDS])),
        "last_loss": float(np.mean(losses[-ENDS:])),
        "rank": effective_rank(features.to_numpy()),
        "dim": features.shape[1],
    }
    (run / SUMMARY).write_text(json.dumps(summary, indent=1) + "\n")


def supervise(store: Store, run: Path) -> None:
    """Train the run's network from random weights with labels; fold 8 selects the weights."""
    out, sides = run / SUPERVISED, {"folds": TEST, "train_folds": TRAINING, "validation_folds": VALIDATION}
    finetune(load(run), store, get_task(TASK), out, scratch=True, cells=out, **sides)


def row_of(run: Path, supervised: dict[str, float]) -> dict[str, Any]:
    """Return the areas, losses, rank and seconds of a run."""
    summary, config = (json.loads((run / name).read_text()) for name in (SUMMARY, CONFIG))
    areas = macro(run)
    bare = areas.index.map(is_untrained)
    return {
        "method": method_of(run),
        "seconds": seconds_of(run),
        "probe": areas[~bare].mean(),
        "untrained": areas[bare].mean(),
        "supervised": supervised.get(network(run)),
        "reading": config["method"].get("probe", "frames"),
        **summary,
    }


def macro(folder: Path) -> pd.Series[float]:
    """Return macro AUROCs by checkpoint."""
    results = read_results(folder)
    return results[results["metric"] == "auroc_macro"].set_index("checkpoint")["value"]


def is_untrained(checkpoint: str) -> bool:
    return Path(checkpoint).name.startswith(UNTRAINED)


def method_of(run: Path) -> str:
    return run.name.rpartition("-")[0]


def network(run: Path) -> str:
    """Return a key that is equal for runs whose networks are equal before training."""
    config = json.loads((run / CONFIG).read_text())
    options = {key: config["method"][key] for key in ("encoder", "encoder_options")}
    return json.dumps([options, config["preprocessing"]], sort_keys=True)


def gains(store: Store, runs: list[Path]) -> dict[str, dict[str, Any]]:
    """Return how far each method is ahead of its untrained network, over all its seeds."""
    split = split_records(get_task(TASK), store, TEST, TRAINING)
    labels, patients = split.labels.loc[split.test], patients_of(store, split.test)
    tables: dict[str, tuple[list[pd.DataFrame], list[pd.DataFrame]]] = defaultdict(lambda: ([], []))
    for run in runs:
        for one in read_evaluations(run):
            tables[method_of(run)][is_untrained(one.model["folder"])].append(one.scores)
    return {name: asdict(compare(*both, labels, patients)) for name, both in tables.items()}


def table(file: Path = ROWS) -> str:
    """Return the methods by their mean area, as Markdown."""
    committed = json.loads(file.read_text())
    runs = pd.DataFrame(committed["runs"]).groupby("method")
    gains = [{"task": TASK, **gain} for gain in committed["gains"].values()]
    stars = dict(zip(committed["gains"], beyond_chance(gains, least=1), strict=True))
    rows = []
    for name in runs["probe"].mean().sort_values(ascending=False).index:
        own, gain = runs.get_group(name), committed["gains"][name]
        rows.append(
            (
                name,
                own["reading"].iloc[0],
                mean_cell(own["probe"]),
                f"{own['untrained'].mean():.3f}",
                change_cell(gain["difference"], *shown({"task": TASK, **gain}, least=1)[:2], stars[name]),
                mean_cell(own["supervised"].dropna().drop_duplicates()),
                f"{own['first_loss'].mean():.3g} to {own['last_loss'].mean():.3g}",
                f"{own['rank'].mean():.0f} of {own['dim'].iloc[0]}",
                len(own),
                f"{own['seconds'].mean():.0f}",
            )
        )
    names = ("method", "reads", "probe", "untrained", "gain", "supervised", "loss, first to last")
    note = (
        f"{TASK}, macro AUROC of a linear probe on folds 9 and 10; with several seeds mean (least to most). "
        "The probe reads the network's vector (frames) or the means of all its stages (stages). Untrained: "
        f"the same network, mean of {len(DRAWS)}; the gain over it has its 95 % interval over patients "
        "(none where its measured coverage is too low). "
        f"{star_note(gains)} Nearest to melp without reports: {nearest_without_reports('melp')}. "
        "Supervised: the same network trained from random weights with all labels. Losses: means over "
        f"{ENDS} steps. CPU seconds: pretraining on one thread.\n"
    )
    return markdown_table((*names, "effective rank", "seeds", "CPU seconds"), rows) + "\n" + note


def main() -> None:
    options = parser(__doc__, data=Path, runs=Path, methods=",".join(list_methods()), seeds="0", begin="")
    options.add_argument("--supervised", action="store_true", help="also train each network with labels")
    arguments = options.parse_args()
    store, suffix = Store(arguments.data), f"+{arguments.begin}" if arguments.begin else ""
    for name in arguments.methods.split(","):
        for seed in arguments.seeds.split(","):
            begin = arguments.runs / f"{arguments.begin}-{seed}" if suffix else None
            run = arguments.runs / f"{name}{suffix}-{seed}"
            pretrain(name, seed, store, run, arguments.runs, begin)
            if not (run / SUMMARY).exists():
                evaluate_with_untrained(store, run)
            if arguments.supervised:
                supervise(store, run)
    runs = [file.parent for file in sorted(arguments.runs.glob(f"*/{SUMMARY}"))]
    trained = [run for run in runs if (run / SUPERVISED / CELLS).exists()]
    upper = {network(run): macro(run / SUPERVISED).mean() for run in trained}
    found = {"gains": gains(store, runs), "runs": [row_of(run, upper) for run in runs]}
    ROWS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(table())


if __name__ == "__main__":
    main()
