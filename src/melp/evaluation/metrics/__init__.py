"""Metrics of scores and labels as rows (metric, class, value, lo, hi, n, positives).

A metric is one function in `registry`. `metric_rows` computes the rows, with 95 % intervals over patients.
"""

from melp.evaluation.metrics.areas import MACRO, Auroc, aligned_scores, auroc, evaluate_auroc
from melp.evaluation.metrics.registry import METRICS, Metric
from melp.evaluation.metrics.rows import COLUMNS, metric_rows

__all__ = [
    "COLUMNS",
    "MACRO",
    "METRICS",
    "Auroc",
    "Metric",
    "aligned_scores",
    "auroc",
    "evaluate_auroc",
    "metric_rows",
]
