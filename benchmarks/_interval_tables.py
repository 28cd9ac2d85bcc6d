"""Tables of `intervals.py`: the coverage of intervals, from committed counts."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from _common import RESULTS

from melp.evaluation.tables import markdown_table
from small_scores import AREAS, SPREADS

FILE = RESULTS / "intervals.json"
AT_HAND = "at hand"
EDGES = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100)
WANTED = 93
"""Least measured coverage of an interval that is printed, in per cent."""
BOOTSTRAP, BCA, DELONG, OURS = "percentile bootstrap", "BCa bootstrap", "logit DeLong", "bounded logit DeLong"


def coverage(rows: pd.DataFrame, by: list[str]) -> pd.Series[float]:
    """Return the per cent of intervals that cover, by some columns."""
    sums = rows.groupby(by, sort=False)[["covered", "drawn"]].sum()
    return 100 * sums["covered"] / sums["drawn"]


def paired_coverage(task: str, least: int, method: str = BOOTSTRAP, file: Path = FILE) -> float:
    """Return the coverage of an interval of a difference on the recordings of PTB-XL at hand, in per cent."""
    rows = pd.DataFrame(json.loads(file.read_text())["differences"])
    return float(coverage(rows, ["part", "task", "least", "method"])[AT_HAND, task, str(least), method])


def table(file: Path = FILE) -> str:
    """Return coverage by number of positives, of the macro means and of differences, as Markdown."""
    rows = {name: pd.DataFrame(part) for name, part in json.loads(file.read_text()).items()}
    return "\n".join(
        (_class_table(rows["classes"]), _mean_table(rows["means"]), _pair_table(rows["differences"]))
    )


def _class_table(rows: pd.DataFrame) -> str:
    every = coverage(rows, ["positives", "method"])
    settings = coverage(rows, ["positives", "method", "area", "spread"]).sort_index()
    widths = rows[rows["method"] == OURS].groupby("positives")["width"].mean()
    lines = []
    for place, edge in enumerate(EDGES):
        after = EDGES[place + 1] if place + 1 < len(EDGES) else None
        name = (
            f"{edge} or more"
            if after is None
            else f"{edge}"
            if after == edge + 1
            else f"{edge} to {after - 1}"
        )
        cells = [f"{every[edge, method]:.1f}" for method in (BOOTSTRAP, BCA, DELONG, OURS)]
        lines.append((name, *cells, f"{settings.loc[edge, OURS].min():.1f}", f"{widths[edge]:.2f}"))
    names = ("patients with the class", BOOTSTRAP, BCA, DELONG, OURS, "its least", "its width")
    note = (
        "Per cent of 95 % intervals of a class's AUROC that contain the true one, by the number of patients "
        f"with (or, if fewer, without) the class. Its least: over {len(AREAS)} areas and {len(SPREADS)} "
        "spreads of the positives.\n"
    )
    return markdown_table(names, lines) + "\n" + note


def _mean_table(rows: pd.DataFrame) -> str:
    key = ["task", "part", "least", "method"]
    every, rounds = coverage(rows, key), rows.groupby(key)["drawn"].sum()
    lines = [
        (*cell, *(f"{every[*cell, m]:.1f}" for m in (BOOTSTRAP, BCA, DELONG, OURS)), int(rounds[*cell, OURS]))
        for cell in every.index.droplevel("method").unique()
    ]
    names = ("task", "records", "least positives", BOOTSTRAP, BCA, DELONG, OURS, "rounds")
    return (
        markdown_table(names, lines)
        + "\nPer cent of 95 % intervals of the macro AUROC that contain the true one. Rounds: samples drawn; "
        "bootstraps in a fifth of them, at hand in all.\n"
    )


def _pair_table(rows: pd.DataFrame) -> str:
    every = coverage(rows, ["task", "part", "least", "method"])
    lines = [
        (task, part, least, *(f"{every[task, part, least, m]:.1f}" for m in (BOOTSTRAP, OURS)))
        for task, part, least in every.index.droplevel("method").unique()
    ]
    names = ("task", "records", "least positives", BOOTSTRAP, "influence, Student's t")
    note = "Per cent of 95 % intervals of a difference between two models that contain the true one.\n"
    return markdown_table(names, lines) + "\n" + note
