"""Linear probes of six tasks, three shares of the labels and five seeds, against scikit-learn.

    python benchmarks/probe_speed.py [--out benchmarks/results/probe_speed.md]

Features are random, with the unequal variances along their principal axes that embeddings have. The labels of
each task follow a logistic model of them; 0.2 to 30 % of the records have a class. A cell is a task, a share
and a seed: the stratified subset, the selection of one of ten C by cross-validation over patients, the fit,
the scores of 10,000 test records and their macro AUROC. All cells are computed and timed; those in the file
`--cells` are not computed again.

Scikit-learn's `LogisticRegression` computes some cells, with the same parts of patients; the time of the
others is estimated from its time per fit with the same share of the labels. Its tolerance is 1e-6:
with the default of 1e-4, and 2,000 records with 64 features, its macro AUROC differed by 1.4e-3 from that of
the solution. In the first seed of all tasks and shares, each class is also compared with Newton's method at
the selected C.
"""

from __future__ import annotations

import json
import os
import sys
import time
from itertools import product

import numpy as np
import pandas as pd
import sklearn
import torch
from _common import RESULTS, parser, publish
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from melp.evaluation.metrics import auroc
from melp.evaluation.probes.linear import C_VALUES, fit_probe
from melp.evaluation.probes.parts import held_out_scores, log_losses
from melp.evaluation.subsets import stratified_subset
from melp.evaluation.tables import markdown_table

CLASSES = {"ptbxl-super": 5, "ptbxl-sub": 23, "ptbxl-form": 19, "ptbxl-rhythm": 12, "cpsc2018": 9, "csn": 38}
COMPARED = {1: list(CLASSES), 10: ["ptbxl-super", "cpsc2018", "ptbxl-rhythm"], 100: ["ptbxl-super"]}
"""Tasks whose first cell is also computed by scikit-learn, for each share of the labels."""
TEST = 10_000
SUMS = ("cells", "fits", "wall", "processor", "compared", "compared_fits", "compared_processor")
NAMES = (
    "labels", "cells", "fits", "here: wall (s)", "processor (s)", "scikit-learn: cells", "processor (s)",
    "of all cells (min)", "largest difference of macro AUROC", "of a class's AUROC from Newton's method",
)  # fmt: skip


def simulate(records: int, width: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return features and, for each task, labels; the last records are for tests."""
    generator = np.random.default_rng(0)
    factors = generator.normal(size=(records + TEST, width))
    axes, deviations = np.linalg.qr(generator.normal(size=(width, width)))[0], np.geomspace(30, 0.03, width)
    labels = {}
    for task, classes in CLASSES.items():
        weights = generator.normal(size=(width, classes)) * np.sqrt(deviations)[:, None] / 10
        scores = factors @ weights + generator.logistic(size=(len(factors), classes))
        limits = [
            np.quantile(*one) for one in zip(scores.T, 1 - np.geomspace(0.3, 0.002, classes), strict=True)
        ]
        labels[task] = scores > limits
    # Scikit-learn fits in the precision of the features.
    return factors * deviations @ axes, labels


def by_scikit_learn(
    x: np.ndarray, y: np.ndarray, test: np.ndarray, c: float, tol: float = 1e-6, solver: str = "lbfgs"
) -> np.ndarray:
    """Return log-odds of the test records, one class at a time; 0 for a class that cannot be fitted."""
    scaler = StandardScaler().fit(x)
    learned, judged, scores = scaler.transform(x), scaler.transform(test), np.zeros((len(test), y.shape[1]))
    for column in np.flatnonzero(y.any(axis=0) & ~y.all(axis=0)):
        model = LogisticRegression(C=c, tol=tol, solver=solver, max_iter=2000).fit(learned, y[:, column])
        scores[:, column] = model.decision_function(judged)
    return scores


def select_by_scikit_learn(
    x: np.ndarray, y: np.ndarray, patients: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Return log-odds of the test records, with C selected as by `fit_probe`."""

    def score(training: np.ndarray, held_out: np.ndarray) -> np.ndarray:
        return np.stack([by_scikit_learn(x[training], y[training], x[held_out], c) for c in C_VALUES])

    losses = log_losses(held_out_scores(score, y, patients, seed=0), y)
    return by_scikit_learn(x, y, test, C_VALUES[int(np.argmin(losses))])


def measure(
    share: int, task: str, seed: int, features: np.ndarray, truth: np.ndarray, patients: np.ndarray
) -> dict[str, float]:
    """Compute a cell; return times, and the differences from scikit-learn if it is compared."""
    y, test, judged = truth[: len(patients)], features[len(patients) :], truth[len(patients) :]
    wall, processor = time.perf_counter(), time.process_time()
    rows = stratified_subset(y, share, seed)
    probe = fit_probe(features[rows], y[rows], patients[rows], seed=seed)
    areas = auroc(probe(test), judged)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    fits = y.shape[1] * (5 * len(C_VALUES) + 1)
    cell = {"labels": share, "cells": 1, "fits": fits, "wall": wall, "processor": processor}
    if not seed:
        exact = by_scikit_learn(features[rows], y[rows], test, probe.c, solver="newton-cholesky", tol=1e-8)
        cell["class"] = np.abs(auroc(exact, judged) - areas).max()
    if not seed and task in COMPARED[share]:
        start = time.process_time()
        other = select_by_scikit_learn(features[rows], y[rows], patients[rows], test)
        cell |= {"compared": 1, "compared_fits": fits, "compared_processor": time.process_time() - start}
        cell["macro"] = abs(auroc(other, judged).mean() - areas.mean())
    return {name: float(value) for name, value in cell.items()}


def row(name: str, sums: pd.Series, largest: pd.Series) -> tuple[str, ...]:
    """Return a row of the table."""
    counts = [f"{sums[column]:,.0f}" for column in SUMS if column != "compared_fits"]
    return name, *counts, f"{sums['minutes']:.0f}", f"{largest['macro']:.0e}", f"{largest['class']:.0e}"


def main() -> None:
    options = parser(
        __doc__, records=17000, width=256, seeds=5, threads=1, cells=RESULTS / "probe_speed.json", out=None
    ).parse_args()
    torch.set_num_threads(options.threads)
    features, labels = simulate(options.records, options.width)
    patients = np.random.default_rng(1).integers(options.records * 9 // 10, size=options.records)
    known = json.loads(options.cells.read_text()) if options.cells.exists() else {}
    for share, task, seed in product(COMPARED, labels, range(options.seeds)):
        name = f"{share}/{task}/{seed}"
        if name not in known and (share < 100 or not seed):
            with threadpool_limits(options.threads):
                known[name] = measure(share, task, seed, features, labels[task], patients)
            options.cells.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
            print(name, known[name], file=sys.stderr, flush=True)
    cells = pd.DataFrame(known.values())
    sums, largest = (
        cells.groupby("labels")[list(SUMS)].sum(),
        cells.groupby("labels")[["macro", "class"]].max(),
    )
    sums["minutes"] = sums["compared_processor"] / sums["compared_fits"] * sums["fits"] / 60
    rows = [row(f"{share:g} %", sums.loc[share], largest.loc[share]) for share in sums.index]
    minutes = sums["processor"] / 60
    note = (
        f"Tasks with {', '.join(map(str, CLASSES.values()))} classes, {options.records:,} records with "
        f"{options.width} features, {options.seeds} seeds (one with 100 % of the labels, as `melp probe`), "
        f"{len(C_VALUES)} strengths, five parts. Both sides compute on {options.threads} of {os.cpu_count()} "
        f"cores, on which other work ran at the same time (load {os.getloadavg()[2]:.0f}): the processor "
        f"time is what they need alone. All cells take {minutes.sum():.1f} minutes of one core; with "
        f"{options.seeds} seeds of 100 % too, it would be "
        f"{minutes.sum() + (options.seeds - 1) * minutes[100]:.1f}. Measured by "
        f"`benchmarks/probe_speed.py`, torch {torch.__version__} and scikit-learn {sklearn.__version__}."
    )
    table = markdown_table(NAMES, [*rows, row("all", sums.sum(), largest.max())])
    publish(options.out, "# Linear probes of all classes and strengths at once", note, table)


if __name__ == "__main__":
    main()
