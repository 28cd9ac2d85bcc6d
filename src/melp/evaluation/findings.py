"""Precision, recall and F1 of the clinical findings of generated reports.

The findings of both texts are read by the same grammar (`melp.reports.findings`). A generated finding is a
hit if the true report has the same one: the same side and territory, stated in both or denied in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Shaped

from melp.evaluation.cells import metric_table
from melp.evaluation.rates import patient_bootstrap
from melp.reports.findings import read_findings

__all__ = ["ClinicalScores", "clinical_scores"]

METRICS = ("precision", "recall", "f1")


@dataclass(frozen=True)
class ClinicalScores:
    """Scores of generated reports.

    Attributes:
        rows: metric (`clinical_precision`, `clinical_recall`, `clinical_f1`), class (a finding, such as "no
            inferior st depression"; None: over all findings of all reports), value, lo, hi, n, positives.
        unknown: number of statements of the generated and of the true reports without a known finding.
    """

    rows: pd.DataFrame
    unknown: tuple[int, int]


def clinical_scores(
    generated: Sequence[str], true: Sequence[str], patients: Shaped[np.ndarray, " record"]
) -> ClinicalScores:
    """Return the scores of English reports; those over all findings have intervals (bootstrap over patients).

    A precision without any generated finding, and a recall without any true one, is 0.

    Args:
        generated, true: a report of each record.
        patients: the patient of each record.
    """
    sides = [[read_findings(report) for report in side] for side in (generated, true)]
    names = sorted({finding for side in sides for found, _ in side for finding in found})
    ours, theirs = (
        np.array([[finding in found for finding in names] for found, _ in side], dtype=bool) for side in sides
    )
    counts = _counts(ours, theirs)
    rows = [_rows(None, counts.sum(axis=2), len(true), patients)]
    rows += [_rows(str(name), counts[:, :, place], len(true)) for place, name in enumerate(names)]
    unknown = tuple(sum(number for _, number in side) for side in sides)
    return ClinicalScores(metric_table(row for part in rows for row in part), (unknown[0], unknown[1]))


def _counts(
    ours: Bool[np.ndarray, "record finding"], theirs: Bool[np.ndarray, "record finding"]
) -> Int[np.ndarray, "3 record finding"]:
    """Return hits, generated findings and true findings."""
    return np.stack([ours & theirs, ours, theirs]).astype(int)


def _scores(totals: Int[np.ndarray, " 3"]) -> Float[np.ndarray, " 3"]:
    hits, ours, theirs = totals
    return hits / np.maximum([ours, theirs, (ours + theirs) / 2], 0.5)


def _rows(
    name: str | None,
    counts: Int[np.ndarray, "3 record"],
    records: int,
    patients: Shaped[np.ndarray, " record"] | None = None,
) -> list[dict[str, Any]]:
    values = _scores(counts.sum(axis=1))
    limits = [(np.nan, np.nan)] * len(METRICS)
    if patients is not None:
        limits = []
        for metric in range(len(METRICS)):

            def score(rows: Int[np.ndarray, " row"], metric: int = metric) -> float:
                return float(_scores(counts[:, rows].sum(axis=1))[metric])

            limits.append(patient_bootstrap(score, patients))
    return [
        {
            "metric": f"clinical_{metric}",
            "class": name,
            "value": float(value),
            "lo": low,
            "hi": high,
            "n": records,
            "positives": int(counts[2].sum()),
        }
        for metric, value, (low, high) in zip(METRICS, values, limits, strict=True)
    ]
