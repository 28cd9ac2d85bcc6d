"""Coverage of 95 % intervals of AUROC, simulated on the published label matrices.

    python benchmarks/intervals.py --splits DIR --ptb-xl DIR [--rounds 180] [--only PART]

The two folders contain the label files of MERL and MELP, and PTB-XL as downloaded. The labels are those of
the test files, of a quarter of their patients, and of the recordings of PTB-XL at hand in folds 9 and 10.
The scores are drawn from binormal models with known areas (0.6 to 0.95) and three spreads of the positives
(`tests/small_scores.py`). An interval covers if it contains the true area, macro mean or difference.
Bootstraps are drawn in every fifth round (on the recordings at hand in each). The counts go to
benchmarks/results/intervals.json; `benchmarks/tables.py` writes the tables. `melp.evaluation.intervals`
returns an interval only where at least 93 % are covered here.
"""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from _bootstrap import bca, bootstrap_auroc
from _common import parser
from _interval_tables import AT_HAND, BCA, BOOTSTRAP, DELONG, EDGES, FILE, OURS, table
from scipy.special import expit, logit
from scipy.stats import norm

from melp.evaluation.bootstrap import percentile
from melp.evaluation.intervals import Areas, areas_of, class_intervals, macro_interval, mean_difference
from melp.tasks import get_task
from melp.tasks.published_labels import read_label_files
from small_scores import AREAS, SPREADS, binormal, draw_noise

TASKS = ("ptbxl-super", "ptbxl-sub", "ptbxl-form", "ptbxl-rhythm", "cpsc2018", "csn")
RESAMPLES, EVERY = 200, 5
RESAMPLES_AT_HAND = 1000
LEAST = 5


Rows = list[dict[str, object]]


@dataclass(frozen=True)
class Matrix:
    """Labels [record, class] and the patient of each record."""

    task: str
    part: str
    labels: np.ndarray
    patients: np.ndarray

    def some(self, keep: np.ndarray, part: str) -> Matrix:
        """Return the records of the patients to keep, and their classes with a positive and a negative."""
        rows = keep[self.patients]
        labels = self.labels[rows]
        labels = labels[:, labels.any(axis=0) & ~labels.all(axis=0)]
        return Matrix(self.task, part, labels, pd.factorize(self.patients[rows])[0])


def matrices(splits: Path, ptb_xl: Path) -> Iterator[Matrix]:
    """Yield the label matrices of all tasks."""
    generator = np.random.default_rng(0)
    yield from at_hand(ptb_xl)
    for task in TASKS:
        file = read_label_files(splits, get_task(task))["test"]
        people = file.about.get("patient_id", file.labels.index)
        whole = Matrix(task, "test file", file.labels.to_numpy(), pd.factorize(np.asarray(people))[0])
        number = int(whole.patients.max()) + 1
        yield whole.some(np.ones(number, dtype=bool), "test file")
        yield whole.some(generator.random(number) < 0.25, "quarter")


def at_hand(ptb_xl: Path) -> Iterator[Matrix]:
    """Yield the labels of the recordings of PTB-XL in a folder, in folds 9 and 10."""
    table = pd.read_csv(ptb_xl / "ptbxl_database.csv")
    there = np.array([(ptb_xl / f"{name}.hea").is_file() for name in table["filename_hr"]])
    table = table[there & table["strat_fold"].isin((9, 10))]
    codes = [list(ast.literal_eval(text)) for text in table["scp_codes"]]
    index = pd.DataFrame({"id": table["ecg_id"], "labels": codes})
    people = pd.Series(table["patient_id"].to_numpy(), index=table["ecg_id"])
    for task in TASKS[:4]:
        labels = get_task(task).labels(index)
        patients = pd.factorize(np.asarray(people.loc[labels.index]))[0]
        matrix = Matrix(task, AT_HAND, labels.to_numpy(), patients)
        yield matrix.some(np.ones(int(patients.max()) + 1, dtype=bool), AT_HAND)


def logit_delong(areas: Areas) -> np.ndarray:
    """Return intervals without the lower bound of the error; NaN where there is no error."""
    error = np.sqrt(np.square(areas.influence).sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = norm.ppf(0.975) * error / (areas.values * (1 - areas.values))
        limits = expit(logit(areas.values)[:, None] + np.stack([-reach, reach], axis=1))
    return np.where((error > 0)[:, None] & np.isfinite(limits), limits, np.nan)


class Counts:
    """How often intervals were drawn, how often they covered the truth, and the sum of their widths."""

    def __init__(self) -> None:
        self.counts: dict[tuple[object, ...], list[float]] = defaultdict(lambda: [0, 0, 0.0])

    def add(self, key: tuple[object, ...], low: float, high: float, truth: float) -> None:
        """Count an interval; one that does not exist covers nothing."""
        count = self.counts[key]
        count[0] += 1
        count[1] += bool(low <= truth <= high)
        count[2] += float(np.nan_to_num(high - low))

    def rows(self, names: tuple[str, ...]) -> list[dict[str, object]]:
        """Return one row per key."""
        return [
            dict(zip(names, key, strict=True))
            | {"drawn": n, "covered": covered, "width": round(width / n, 4)}
            for key, (n, covered, width) in self.counts.items()
        ]


def one_round(matrix: Matrix, number: int, classes: Counts, means: Counts, pairs: Counts) -> None:
    """Draw two models' scores once, and count which intervals cover."""
    generator = np.random.default_rng((number, *matrix.task.encode(), *matrix.part.encode()))
    labels, patients = matrix.labels, matrix.patients
    truth = np.array([AREAS[(number + c) % len(AREAS)] for c in range(labels.shape[1])])
    other = np.clip(truth + 0.03 * generator.normal(size=len(truth)), 0.5, 0.98)
    spread = SPREADS[number % len(SPREADS)]
    common, *own = (draw_noise(generator, patients, labels.shape[1]) for _ in range(3))
    scores = [
        binormal(np.sqrt(0.6) * common + np.sqrt(0.4) * noise, labels, areas, spread)
        for noise, areas in zip(own, (truth, other), strict=True)
    ]
    first, second = (areas_of(each, labels, patients) for each in scores)
    resamples = RESAMPLES_AT_HAND if matrix.part == AT_HAND else RESAMPLES
    drawn = [
        bootstrap_auroc(each, labels, patients, resamples=resamples, seed=number)
        for each in scores
        if number % EVERY == 0 or matrix.part == AT_HAND
    ]
    limits = {DELONG: logit_delong(first), OURS: class_intervals(first)}
    if drawn:
        limits |= {BOOTSTRAP: percentile(drawn[0]), BCA: bca(drawn[0], first.values, first.influence)}
    for method, found in limits.items():
        for c, (low, high) in enumerate(found):
            key = (method, _bin(int(first.fewest[c])), AREAS.index(truth[c]), number % len(SPREADS))
            classes.add(key, low, high, truth[c])
    records = labels.sum(axis=0)
    for least, counted in {
        "1": records >= 1,
        str(LEAST): records >= LEAST,
        f"{LEAST} patients": first.fewest >= LEAST,
    }.items():
        if counted.any():
            key = (matrix.task, matrix.part, least)
            _means(means, key, first, drawn, counted, float(truth[counted].mean()))
            true = float((truth - other)[counted].mean())
            _pairs(pairs, key, (first, second), drawn, counted, true)


def _means(
    counts: Counts,
    key: tuple[object, ...],
    areas: Areas,
    drawn: list[np.ndarray],
    counted: np.ndarray,
    truth: float,
) -> None:
    mean, influence = areas.values[counted].mean(), areas.influence[:, counted].mean(axis=1)
    reach = norm.ppf(0.975) * np.sqrt(np.square(influence).sum()) / (mean * (1 - mean))
    counts.add((*key, DELONG), *expit(logit(mean) + np.array([-reach, reach])), truth)
    counts.add((*key, OURS), *macro_interval(areas, counted), truth)
    if drawn:
        resampled = np.nanmean(drawn[0][counted], axis=0)
        counts.add((*key, BOOTSTRAP), *percentile(resampled), truth)
        counts.add((*key, BCA), *bca(resampled[None], np.array([mean]), influence[:, None])[0], truth)


def _pairs(
    counts: Counts,
    key: tuple[object, ...],
    models: tuple[Areas, Areas],
    drawn: list[np.ndarray],
    counted: np.ndarray,
    truth: float,
) -> None:
    first, second = (areas.values[counted].mean() for areas in models)
    influence = [areas.influence[:, counted].mean(axis=1) for areas in models]
    low, high, _ = mean_difference(influence[0] - influence[1], float(first - second))
    counts.add((*key, OURS), low, high, truth)
    if drawn:
        resampled = np.subtract(*(np.nanmean(each[counted], axis=0) for each in drawn))
        counts.add((*key, BOOTSTRAP), *percentile(resampled), truth)


def _bin(number: int) -> int:
    """Return the largest edge that is not above a number of patients."""
    return max(edge for edge in EDGES if edge <= number)


def main() -> None:
    arguments = parser(__doc__, splits=Path, ptb_xl=Path, rounds=180, only="").parse_args()
    classes, means, pairs = Counts(), Counts(), Counts()
    for matrix in matrices(arguments.splits, arguments.ptb_xl):
        if arguments.only not in f"{matrix.task}, {matrix.part}":
            continue
        for number in range(arguments.rounds):
            one_round(matrix, number, classes, means, pairs)
        print(f"{matrix.task}, {matrix.part}: {matrix.labels.shape[0]} records", flush=True)
    key = ("task", "part", "least", "method")
    rows: dict[str, Rows] = {
        "classes": classes.rows(("method", "positives", "area", "spread")),
        "means": means.rows(key),
        "differences": pairs.rows(key),
    }
    if arguments.only:
        rows = kept(json.loads(FILE.read_text()), rows)
    FILE.write_text(json.dumps(rows, indent=None).replace("}, ", "},\n") + "\n", encoding="utf-8")
    print(table())


def kept(old: dict[str, Rows], new: dict[str, Rows]) -> dict[str, Rows]:
    """Return the old counts, with those of macro means and differences of some matrices counted again."""
    again = {(row["task"], row["part"]) for row in new["means"]}
    parts = {
        name: [row for row in old[name] if (row["task"], row["part"]) not in again] + new[name]
        for name in ("means", "differences")
    }
    return {"classes": old["classes"]} | parts


if __name__ == "__main__":
    main()
