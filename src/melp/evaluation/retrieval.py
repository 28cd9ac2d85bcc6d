"""Retrieval: the report of an ECG among all reports, and the ECG of a report among all ECGs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from melp.evaluation.ranking import PAIRS, Places, chance_places, first_hits
from melp.evaluation.rates import patient_bootstrap, rate_interval

__all__ = ["RECALLS", "place_rows", "retrieval_places"]

RECALLS = (1, 5, 10)
ECG_TO_REPORT, REPORT_TO_ECG = "ecg-to-report", "report-to-ecg"


def retrieval_places(
    ecg: Float[Tensor, "record dim"],
    texts: Float[Tensor, "text dim"],
    text_of: Int[np.ndarray, " record"],
    *,
    pairs: int = PAIRS,
) -> dict[str, tuple[Places, Places]]:
    """Return, for both directions, the place of the first hit of each record and that by chance.

    The items are the reports of all records, or all ECGs. Records of the same report are hits of each other.

    Args:
        ecg, texts: unit vectors of the records, and of the different reports.
        text_of: number of the report of each record; each report has a record.
        pairs: see `first_hits`.
    """
    reports, copies = np.arange(len(texts)), np.bincount(text_of, minlength=len(texts))
    chance = chance_places(copies[text_of], len(ecg))
    found = first_hits(texts, ecg, reports, text_of, pairs=pairs)
    of_records = Places(found.above[text_of], found.tied[text_of], found.hits[text_of])
    return {
        ECG_TO_REPORT: (first_hits(ecg, texts, text_of, reports, copies, pairs=pairs), chance),
        REPORT_TO_ECG: (of_records, chance),
    }


def place_rows(
    name: str | None,
    places: Places,
    chance: Places,
    patients: Shaped[np.ndarray, " query"],
    recalls: Sequence[int] = RECALLS,
    metric: str = "recall",
) -> list[dict[str, object]]:
    """Return rows of metrics: the recall at each of `recalls`, and the median rank of the first hit.

    Intervals are over the patients of the queries: those of recalls are Wilson's, that of the median is a
    bootstrap. The column `chance` is the value of a model that gives all pairs the same similarity.
    """
    rows = []
    for k in recalls:
        values = places.recall(k)
        low, high = rate_interval(values, patients)
        mean, by_chance = float(values.mean()), float(chance.recall(k).mean())
        rows.append((f"{metric}@{k}", mean, low, high, by_chance))
    ranks = places.ranks
    low, high = patient_bootstrap(lambda rows: float(np.median(ranks[rows])), patients)
    rows.append(("median_rank", float(np.median(ranks)), low, high, float(np.median(chance.ranks))))
    keys = ("metric", "value", "lo", "hi", "chance")
    return [{"class": name, "n": len(ranks), **dict(zip(keys, row, strict=True))} for row in rows]
