"""Every method pretrained on the PTB-XL recordings at hand, each with its recipe NAME/laptop, and judged.

    python benchmarks/methods.py --data STORE --runs DIR [--methods simclr,merl] [--seeds 0] [--text FOLDER]
    python benchmarks/methods.py --data STORE --runs DIR --methods simclr,crt --supervised
    python benchmarks/methods.py --data STORE --runs DIR --methods melp,merl --begin clocs
    python benchmarks/methods.py --data STORE --runs DIR --table [--out FILE]

Trained on folds 1-7, weights chosen as the recipe says on fold 8 (no labels), probed on folds 9 and 10 at
100 %, beside the same network untrained. Methods with text share one language model (DIR/text, made first,
or --text). With --supervised, each run's network is also trained from scratch with the labels of folds 1-7.
With --begin, the encoder begins as another method's run of the same seed in DIR left it, and the run is
called METHOD+OTHER. Runs that are there are not done again.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ptb_xl_judging import JUDGED, SELECTING, TRAINED, cell, score_tables

from melp.data.store import Store
from melp.evaluation.comparison import Difference, compare
from melp.evaluation.effective_rank import effective_rank
from melp.evaluation.finetune import finetune, untrained
from melp.evaluation.judging import divide, patients_of, save
from melp.evaluation.probe import probe, probe_features
from melp.evaluation.results import PREDICTIONS, RESULTS, read_results
from melp.hub import load
from melp.hub.folder import CONFIG
from melp.methods import get_method, list_methods
from melp.plots.curves import read_log
from melp.recipes import load_recipe
from melp.tasks import get_task
from melp.training.callbacks import LOG
from melp.training.pretrain import pretrain, pretrain_text
from melp.training.texts import texts_of

TASK = "ptbxl-super"
SUMMARY = "summary.json"
SECONDS = "seconds.json"
SUPERVISED = "supervised"
"""Folder in a run's, of its network trained from scratch with labels."""
ENDS = 20
"""Steps whose losses are averaged at the beginning and at the end."""
UNTRAINED = "untrained"
"""Names of untrained networks begin with it."""
DRAWS = (0, 1, 2)
"""Seeds of the untrained networks whose mean a method is compared with."""


def train(name: str, seed: int, store: Store, out: Path, text: Path, begin: Path | None) -> None:
    """The run of a method and seed; the processor's time that it took is kept beside it."""
    if (out / SECONDS).exists():
        return
    changes = [f"training.seed={seed}", *([f"method.init_from={begin}"] if begin else [])]
    recipe = load_recipe(name, f"{name}/laptop", changes)
    if "text" in get_method(name).needs:
        stage1 = load_recipe("melp", "melp/laptop").stage1
        pretrain_text(*texts_of([store.path], stage1.data), stage1, text)
        recipe.text = str(text)
    start = time.process_time()
    pretrain(name, store, recipe, out)
    before = _seconds(begin) if begin else 0.0
    (out / SECONDS).write_text(json.dumps(before + time.process_time() - start))


def judge(store: Store, run: Path) -> None:
    """Probes of the run and of its network untrained; how its loss fell, how its embeddings spread."""
    model, task = load(run), get_task(TASK)
    part = divide(task, store, JUDGED, TRAINED)
    ids = part.judged.union(part.trained, sort=False)
    features = probe_features(model, store, ids)
    judged = probe(model, store, task, folds=JUDGED, train_folds=TRAINED, features=features)
    for seed in DRAWS:
        bare = untrained(model, run / f"{UNTRAINED}-{seed}", seed)
        judged += probe(bare, store, task, folds=JUDGED, train_folds=TRAINED)
    save(judged, run)
    rank = effective_rank(features.loc[part.judged].to_numpy())
    summary = {**_losses(run), "rank": rank, "dim": features.shape[1]}
    (run / SUMMARY).write_text(json.dumps(summary, indent=1) + "\n")


def supervise(store: Store, run: Path) -> None:
    """The run's network trained from scratch with labels; fold 8 selects the weights."""
    out = run / SUPERVISED
    if not (out / RESULTS).exists():
        judged = finetune(
            load(run),
            store,
            get_task(TASK),
            out,
            scratch=True,
            folds=JUDGED,
            train_folds=TRAINED,
            validation_folds=SELECTING,
        )
        save([judged], out)


def _losses(run: Path) -> dict[str, float]:
    """Of the last stage, in which the weights are made that are probed."""
    values = [value for _, value in read_log(run / LOG)["loss"].train]
    return {"first_loss": float(np.mean(values[:ENDS])), "last_loss": float(np.mean(values[-ENDS:]))}


def rows(runs: Path) -> pd.DataFrame:
    """A row a run: method, areas, losses, rank, seconds."""
    found: list[dict[str, Any]] = []
    trained = [results.parent for results in runs.glob(f"*/{SUPERVISED}/{RESULTS}")]
    upper = {_network(out.parent): _macro(out) for out in trained}
    for summary in sorted(runs.glob(f"*/{SUMMARY}")):
        run = summary.parent
        values = json.loads(summary.read_text())
        row: dict[str, Any] = {"method": _method(run), "seconds": _seconds(run)}
        row |= {"probe": _macro(run), "untrained": _macro(run, untrained=True)}
        row |= {"supervised": upper.get(_network(run))}
        row |= {"rank": values["rank"], "dim": values["dim"], "reading": _reading(run)}
        found.append(row | {key: values[key] for key in ("first_loss", "last_loss")})
    return pd.DataFrame(found)


def gains(store: Store, runs: Path) -> dict[str, Difference]:
    """How far each method is ahead of its untrained network, over all its seeds."""
    part = divide(get_task(TASK), store, JUDGED, TRAINED)
    tables: dict[str, tuple[list[pd.DataFrame], list[pd.DataFrame]]] = {}
    for file in sorted(runs.glob(f"*/{PREDICTIONS}")):
        trained_and_not = tables.setdefault(_method(file.parent), ([], []))
        for (checkpoint,), table in score_tables(file.parent, ["checkpoint"]).items():
            trained_and_not[_is_untrained(checkpoint)].append(table)
    labels, patients = part.labels.loc[part.judged], patients_of(store, part.judged)
    return {name: compare(*both, labels, patients) for name, both in tables.items()}


def _method(run: Path) -> str:
    return run.name.rpartition("-")[0]


def _macro(folder: Path, untrained: bool = False) -> float:
    results = read_results(folder)
    macro = results[(results["metric"] == "auroc_macro") & (results["task"] == TASK)]
    return float(macro.loc[macro["checkpoint"].map(_is_untrained) == untrained, "value"].mean())


def _is_untrained(checkpoint: str) -> bool:
    return Path(checkpoint).name.startswith(UNTRAINED)


def _network(run: Path) -> str:
    """What two runs have in common whose networks are the same when they begin."""
    config = json.loads((run / CONFIG).read_text())
    options = {key: config["method"][key] for key in ("encoder", "encoder_options")}
    return json.dumps([options, config["preprocessing"]], sort_keys=True)


def _seconds(run: Path) -> float:
    return float(json.loads((run / SECONDS).read_text()))


def _reading(run: Path) -> str:
    return str(json.loads((run / CONFIG).read_text())["method"].get("probe", "frames"))


def table(frame: pd.DataFrame, gains: dict[str, Difference]) -> str:
    """Methods by their mean area, as Markdown."""
    head = ("method", "reads", "probe", "untrained", "gain", "supervised", "loss, first to last")
    lines = [
        "| " + " | ".join((*head, "effective rank", "seeds", "CPU seconds")) + " |",
        "|---" * 10 + "|",
    ]
    best_first = frame.groupby("method")["probe"].mean().sort_values(ascending=False).index
    for name in best_first:
        mine = frame[frame["method"] == name]
        gain = gains[name]
        falls = f"{mine['first_loss'].mean():.3g} to {mine['last_loss'].mean():.3g}"
        rank = f"{mine['rank'].mean():.0f} of {mine['dim'].iloc[0]}"
        upper = cell(mine["supervised"].dropna().drop_duplicates())
        ahead = f"{gain.difference:+.3f} ({gain.lo:+.3f} to {gain.hi:+.3f})"
        areas = f"{cell(mine['probe'])} | {mine['untrained'].mean():.3f} | {ahead} | {upper}"
        lines.append(
            f"| {name} | {mine['reading'].iloc[0]} | {areas} | {falls} | {rank} | {len(mine)} "
            f"| {mine['seconds'].mean():.0f} |"
        )
    lines += [
        "",
        f"{TASK}, macro AUROC of a linear probe on folds 9 and 10; with several seeds mean (least to most). "
        "It reads the network's vector (frames) or the means of all its stages. Untrained: the same network, "
        f"mean of {len(DRAWS)}; the gain over it has its 95 % interval over patients. Supervised: the same "
        f"network trained from scratch with all labels. Losses: means over {ENDS} steps. CPU seconds: "
        "pretraining on one thread.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--methods", default=",".join(list_methods()))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--text", type=Path, help="language model that is there already")
    parser.add_argument(
        "--supervised", action="store_true", help="each network from scratch with labels, too"
    )
    parser.add_argument("--begin", help="method whose runs in DIR the encoders begin with")
    parser.add_argument("--table", action="store_true", help="only the table of what is there")
    parser.add_argument("--out", type=Path, help="Markdown file for the table; its rows go beside it as JSON")
    arguments = parser.parse_args()
    store = Store(arguments.data)
    if not arguments.table:
        for name in arguments.methods.split(","):
            for seed in arguments.seeds.split(","):
                begin = arguments.runs / f"{arguments.begin}-{seed}" if arguments.begin else None
                run = arguments.runs / f"{name}{f'+{arguments.begin}' if begin else ''}-{seed}"
                train(name, int(seed), store, run, arguments.text or arguments.runs / "text", begin)
                if not (run / SUMMARY).exists():
                    judge(store, run)
                if arguments.supervised:
                    supervise(store, run)
    frame = rows(arguments.runs)
    text = table(frame, gains(store, arguments.runs))
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")
        frame.to_json(arguments.out.with_suffix(".json"), orient="records", indent=1)
    print(text)


if __name__ == "__main__":
    main()
