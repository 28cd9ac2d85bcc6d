"""Metrics of scores and labels as rows (metric, class, value, lo, hi, n, positives).

A metric is one function in `registry`. `metric_rows` computes the rows, with 95 % intervals over patients.
"""

from melp.evaluation.metrics.areas import aligned_scores, auroc
from melp.evaluation.metrics.registry import METRICS, Metric
from melp.evaluation.metrics.rows import COLUMNS, metric_rows

__all__ = [
    "COLUMNS",
    "METRICS",
    "Metric",
    "aligned_scores",
    "auroc",
    "metric_rows",
]
