"""How the benchmarks on the PTB-XL recordings at hand judge a run, and write a cell of their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from melp.data.store import Store
from melp.evaluation.judging import Judged, save
from melp.evaluation.probe import probe
from melp.evaluation.results import PREDICTIONS
from melp.evaluation.zero_shot import zero_shot
from melp.hub import Model
from melp.tasks import get_task

TRAINED, SELECTING, JUDGED = tuple(range(1, 8)), (8,), (9, 10)


def judge(model: Model, store: Store, tasks: Mapping[str, int], run: Path) -> None:
    """Linear probe, and zero-shot where there is a common space; results and predictions go to the run.

    Args:
        model: loaded from the run.
        store: with the recordings.
        tasks: names, and the least positives of a class that counts.
        run: its folder.
    """
    judged: list[Judged] = []
    for name, least in tasks.items():
        task = get_task(name)
        if model.config["method"]["global_weight"]:
            judged.append(zero_shot(model, store, task, folds=JUDGED, min_positives=least))
        judged += probe(model, store, task, folds=JUDGED, train_folds=TRAINED, min_positives=least)
    save(judged, run)


def score_tables(folder: Path, by: Sequence[str]) -> dict[Any, pd.DataFrame]:
    """Scores that were saved in a folder, a row a record and a column a class, one table a group of `by`."""
    groups = pd.read_parquet(folder / PREDICTIONS).groupby(list(by))
    return {key: rows.pivot_table(index="id", columns="class", values="score") for key, rows in groups}


def cell(values: pd.Series[float]) -> str:
    """Mean, and range over seeds where there are several."""
    if values.empty:
        return "-"
    mean, several = f"{values.mean():.3f}", f" ({values.min():.3f} to {values.max():.3f})"
    return mean if len(values) == 1 else mean + several
