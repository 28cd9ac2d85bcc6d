"""Time of bootstraps over patients, against a loop of scikit-learn over the drawn records.

    python benchmarks/metrics_speed.py [--loop 10]      (writes benchmarks/results/metrics_speed.md)

Simulated scores with ties, of the size of the test file of PTB-XL. scikit-learn is timed on some of the
resamples, and its time is scaled to all of them. Both sides draw the same patients, and their values are
compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from _common import RESULTS, parser, publish
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from melp.evaluation.bootstrap import patient_weights
from melp.evaluation.metrics import METRICS
from melp.evaluation.metrics.records import Records
from melp.evaluation.tables import markdown_table

RECORDS, PATIENTS, CLASSES, RESAMPLES = 2158, 1900, 23, 1000
CUT = 1.0
SLOW: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "auroc": lambda labels, scores: roc_auc_score(labels, scores, average=None),
    "auprc": lambda labels, scores: average_precision_score(labels, scores, average=None),
    "f1": lambda labels, scores: f1_score(labels, scores >= CUT, average=None),
}


def sample() -> tuple[Records, np.ndarray]:
    """Draw scores of two decimals and labels of 3 to 40 % of the records, and their patients."""
    generator = np.random.default_rng(0)
    labels = generator.random((RECORDS, CLASSES)) < np.linspace(0.03, 0.4, CLASSES)
    scores = (generator.normal(size=labels.shape) + labels).round(2)
    extra = generator.choice(PATIENTS, RECORDS - PATIENTS, replace=False)
    return Records(scores, labels, np.full(CLASSES, CUT)), np.r_[np.arange(PATIENTS), extra]


def ours(name: str, records: Records, patients: np.ndarray) -> np.ndarray:
    """Return a metric in all resamples."""
    compute = METRICS[name].compute
    return np.hstack([compute(records, weights) for weights in patient_weights(patients, RESAMPLES)])


def loop(name: str, records: Records, weights: np.ndarray) -> np.ndarray:
    """Return a metric in some resamples, by scikit-learn on the drawn records."""
    values = []
    for counts in weights.T.astype(int):
        drawn = np.repeat(np.arange(len(counts)), counts)
        values.append(SLOW[name](records.labels[drawn], records.scores[drawn]))
    return np.stack(values, axis=1)


def seconds(
    work: Callable[[str, Records, np.ndarray], np.ndarray], *given: object
) -> tuple[float, np.ndarray]:
    """Return the processor seconds of a function and its result."""
    start = time.process_time()
    result = work(*given)
    return time.process_time() - start, result


def main() -> None:
    some = parser(__doc__, loop=10).parse_args().loop
    rows = []
    for name in SLOW:
        records, patients = sample()
        weights = next(patient_weights(patients, RESAMPLES))[:, :some]
        own, found = seconds(ours, name, records, patients)
        slow, expected = seconds(loop, name, records, weights)
        slow *= RESAMPLES / some
        apart = np.abs(found[:, :some] - expected).max()
        rows.append((name, f"{own:.2f}", f"{slow:.1f}", f"{slow / own:.0f}", f"{apart:.0e}"))
    note = (
        f"{RESAMPLES:,} resamples of {PATIENTS:,} patients, {RECORDS:,} records, {CLASSES} classes. "
        "Processor seconds in one thread, with the drawing of the patients. scikit-learn: a loop over the "
        f"drawn records, of {some} resamples, scaled to all. Apart: largest difference of a value in these."
    )
    names = ("metric", "seconds", "scikit-learn, seconds", "ratio", "apart")
    publish(RESULTS / "metrics_speed.md", note, markdown_table(names, rows))


if __name__ == "__main__":
    main()
