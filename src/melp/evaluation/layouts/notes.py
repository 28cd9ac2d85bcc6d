"""The sentences below a table: what its entries are, what is missing, and where the protocols differ."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from melp.evaluation.layouts.entries import Entries
from melp.evaluation.layouts.layout import AVERAGE, TASKS, Layout
from melp.evaluation.layouts.published import PAPER, PRETRAINED_ON

__all__ = ["averaged", "caption", "compared", "missing", "not_shown", "protocols", "setting"]


def caption(layout: Layout, cells: pd.DataFrame, metric: str) -> str:
    """Return what the table shows: title, metric and protocol, and whether recordings are simulated."""
    unit = ", in per cent" if layout.scale == 100 else ""
    of_classes = " (mean over classes)" if metric in ("auroc", "auprc", "f1") else ""
    name = {"auroc": "AUROC", "auprc": "AUPRC"}.get(metric, metric)
    protocols = _list(cells["protocol"].unique())
    simulated = "options.simulated" in cells and (cells["options.simulated"] == "true").any()
    records = " Simulated recordings." if simulated else ""
    return f"{layout.title}: {name}{of_classes}{unit}. Protocol: {protocols}.{records}"


def averaged(cells: pd.DataFrame, entries: Entries, decimals: int) -> str:
    """Return over what the entries are means, and what their intervals are."""
    counts = entries.training_seeds.to_numpy()
    text = f"Means over {_range(counts[counts > 0], 'training seed')}"
    labels = cells[cells["fraction"] > 0].groupby("fraction")["seed"].nunique()
    if (labels > 1).any():
        by_size = _list(f"{number} at {fraction:g} %" for fraction, number in labels.items())
        text += f" and over subsets of the labels ({by_size})"
    spread = entries.sd.to_numpy()
    if np.isfinite(spread).any():
        middle, most = (f"{of(spread):.{decimals}f}" for of in (np.nanmedian, np.nanmax))
        text += f"; standard deviation over training seeds: {middle} (median), at most {most}"
    if entries.lo.notna().any(axis=None):
        text += ". Below each value: 95 % interval over patients, for the mean of these models"
    return text + "."


def missing(layout: Layout, entries: Entries) -> list[str]:
    """Return which columns of the layout have no cell, and how many single entries are missing."""
    notes = []
    found = set(entries.value.columns.get_level_values("task")) if layout.tasks else set()
    if absent := [TASKS[task] for task in layout.tasks if task not in found]:
        notes.append(f"No cells of {_list(absent)}.")
    if layout.fractions:
        there = set(entries.value.columns.get_level_values("fraction"))
        if lacking := [f"{value:g} %" for value in layout.fractions if value not in there]:
            notes.append(f"No cells with {_list(lacking)} of the labels.")
    of_cells = entries.value.columns.get_level_values(0) != AVERAGE
    absent_cells = entries.value.loc[:, of_cells].isna().to_numpy()
    if absent_cells.any():
        notes.append(f"A dash: no cell ({absent_cells.sum()} of {absent_cells.size}).")
    return notes


def not_shown(cells: pd.DataFrame, chosen: pd.DataFrame, layout: Layout) -> list[str]:
    """Return how many cells of the same models and kind the layout has no column for."""
    same = cells[(cells["kind"] == layout.kind) & cells["weights"].isin(chosen["weights"])]
    others = same[~same["key"].isin(chosen["key"])]
    if others.empty:
        return []
    places = others[["task", "fraction"]].drop_duplicates().sort_values(["task", "fraction"])
    named = (f"{task} with {fraction:g} %" for task, fraction in places.itertuples(index=False))
    return [f"Not shown: {others['key'].nunique()} cells of these models ({_list(named)})."]


def compared(clear: int, count: int, unknown: int, layout: Layout) -> str:
    """Return which entries are marked when they are compared."""
    rare = f"; {unknown} have a class with too few patients to compare" if unknown else ""
    means = "; means are not compared" if layout.average else ""
    columns = f"{clear} of {count} columns{rare}"
    return (
        f"Best and second-best are marked where they differ beyond chance ({columns}): "
        f"predictions paired over patients, seeds pooled, 5 % after Holm's correction over columns{means}."
    )


def setting(cells: pd.DataFrame) -> dict[str, str]:
    """Return the setting of the cells as words, by name."""
    probed = cells[cells["fraction"] > 0]
    facts = {
        "protocol": _list(cells["protocol"].unique()),
        "test folds": _list(cells["folds"].unique()),
        "training folds of the probes": _list(probed["train_folds"].unique()),
        "recipe": _list(sorted({_recipe(name) for name in cells["recipe"].dropna()})),
        "training seeds": str(cells["training_seed"].nunique()),
    }
    if not probed.empty:
        facts["subsets of labels"] = str(probed["seed"].nunique())
    return {name: value for name, value in facts.items() if value}


def protocols(cells: pd.DataFrame, layout: Layout, entries: Entries) -> str:
    """Return one line that says where the setting of the cells differs from the published one."""
    published = {
        "protocol": "paper",
        "test folds": "test",
        "training folds of the probes": "train",
        "recipe": "paper",
        "training seeds": "1",
        "subsets of labels": "1",
    }
    differing = [
        f"{name} {value} (published: {_SAID.get(name, published[name])})"
        for name, value in setting(cells).items()
        if value != published[name]
    ]
    ours = f"Ours differ: {'; '.join(differing)}." if differing else "The settings are the same."
    complete = len(entries.columns) == len(layout.tasks) * max(len(layout.fractions), 1)
    means = "" if complete or not layout.average else " Its averages are over the columns shown."
    return f"Published: {PAPER}.{means} {ours}"


_SAID = {
    "test folds": "the files of the published splits",
    "training folds of the probes": "the files of the published splits",
    "recipe": f"pretraining on {PRETRAINED_ON}",
    "training seeds": "not stated",
    "subsets of labels": "not stated",
}


def _recipe(name: str) -> str:
    """Return the setting of a recipe: "laptop" of "melp/laptop"."""
    return name.rpartition("/")[2]


def _list(values: Iterable[str]) -> str:
    return " and ".join(map(str, values)) if len(values := list(values)) < 3 else ", ".join(map(str, values))


def _range(counts: np.ndarray, unit: str) -> str:
    least, most = int(counts.min()), int(counts.max())
    if least == most:
        return f"{least} {unit}{'s' if least > 1 else ''}"
    return f"{least} to {most} {unit}s"
