"""Coverage of percentile bootstrap intervals of metrics, by the number of patients with the class.

    python benchmarks/metric_intervals.py [--rounds 1000]

Patients have one or two records, and a class with a fixed probability. Scores are drawn as in `intervals.py`,
from binormal models with known areas. Thresholds are chosen on as many other patients. An interval covers if
it contains the value of the metric in the population. The counts go to
benchmarks/results/metric_intervals.json; `benchmarks/tables.py` writes the table. `Metric.least` and
`Metric.least_mean` are the smallest numbers from which on at least 93 % cover.
"""

from __future__ import annotations

import json

import numpy as np
from _common import parser
from _metric_interval_tables import EDGES, FILE, table
from intervals import Counts
from scipy.special import expit
from scipy.stats import norm

from melp.evaluation.bootstrap import patient_weights, percentile
from melp.evaluation.intervals import areas_of
from melp.evaluation.metrics import METRICS
from melp.evaluation.metrics.records import Records
from small_scores import AREAS, SPREADS, binormal, draw_noise

PATIENTS = (400, 2000)
EXPECTED = (7, 12, 17, 25, 40, 70, 140)
"""Patients with each class, on average; each number with each area."""
RESAMPLES = 1000
SHARE = np.repeat(EXPECTED, len(AREAS)).astype(float)
COMMON = np.full(len(SHARE), 140.0)
"""For means over many classes, of which none is rare: there a common bias is largest beside the width."""
TRUE_AREAS = np.tile(AREAS, len(EXPECTED))
GRID = np.linspace(-12, 12, 4001)


def draw(generator: np.random.Generator, patients: np.ndarray, share: np.ndarray, spread: float) -> Records:
    """Draw labels and scores, as probabilities, of patients with one or two records."""
    labels = (generator.random((int(patients.max()) + 1, len(share))) < share)[patients]
    scores = binormal(draw_noise(generator, patients, len(share)), labels, TRUE_AREAS, spread)
    return Records(expit(scores - 1), labels)


def truth(name: str, share: np.ndarray, spread: float, thresholds: np.ndarray | None) -> np.ndarray:
    """Return the value of a metric in the population, for each class."""
    moved = norm.ppf(TRUE_AREAS) * np.sqrt(1 + spread**2)
    present, absent = norm(moved[:, None], spread), norm(0, 1)
    if thresholds is not None:
        cut = np.log(thresholds / (1 - thresholds)) + 1
        found, false = share * present.sf(cut[:, None])[:, 0], (1 - share) * absent.sf(cut)
        return {
            "f1": 2 * found / (found + false + share),
            "accuracy": found + 1 - share - false,
            "sensitivity": found / share,
        }[name]
    density = present.pdf(GRID)
    if name == "brier":
        chance = expit(GRID - 1)
        mixed = share[:, None] * density * (1 - chance) ** 2
        mixed += (1 - share[:, None]) * absent.pdf(GRID) * chance**2
        return np.trapezoid(mixed, GRID, axis=1)
    found = share[:, None] * present.sf(GRID)
    precision = found / (found + (1 - share[:, None]) * absent.sf(GRID))
    return np.trapezoid(density * precision, GRID, axis=1)


def one_round(number: int, size: int, expected: np.ndarray, counts: Counts) -> None:
    """Draw records once, and count which intervals of classes and of means cover."""
    seed = (number, size) if expected is SHARE else (number, size, int(expected[0]))
    generator, spread, share = np.random.default_rng(seed), SPREADS[number % len(SPREADS)], expected / size
    patients = np.r_[np.arange(size), np.arange(0, size, 3)]
    others, records = (draw(generator, patients, share, spread) for _ in range(2))
    weights = list(patient_weights(patients, RESAMPLES, number))
    fewest = areas_of(records.scores, records.labels, patients).fewest
    for name in ("auprc", "f1", "accuracy", "sensitivity", "brier"):
        own = METRICS[name].with_thresholds(records, others)
        drawn = np.hstack([METRICS[name].compute(own, chunk) for chunk in weights])
        true = truth(name, share, spread, own.thresholds)
        if expected is COMMON:
            counts.add((name, size, "many", 1), *percentile(drawn.mean(axis=0)), true.mean())
            continue
        for c, (low, high) in enumerate(percentile(drawn)):
            if np.isfinite(true[c]) and fewest[c]:
                edge = max(edge for edge in EDGES if edge <= fewest[c])
                counts.add((name, size, "class", edge), low, high, true[c])
        for edge in EDGES:
            counted = (fewest >= edge) & np.isfinite(true)
            if counted.any():
                low, high = percentile(drawn[counted].mean(axis=0))
                counts.add((name, size, "mean", edge), low, high, true[counted].mean())


def main() -> None:
    arguments, counts = parser(__doc__, rounds=1000).parse_args(), Counts()
    for number in range(arguments.rounds):
        for size in PATIENTS:
            one_round(number, size, SHARE, counts)
        one_round(number, PATIENTS[-1], COMMON, counts)
        print(f"round {number}", flush=True)
    rows = counts.rows(("metric", "patients", "of", "least"))
    FILE.write_text(json.dumps(rows, indent=None).replace("}, ", "},\n") + "\n", encoding="utf-8")
    print(table())


if __name__ == "__main__":
    main()
