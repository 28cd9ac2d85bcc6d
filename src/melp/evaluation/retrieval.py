"""Retrieval: the report of an ECG among all reports, and the ECG of a report among all ECGs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import Evaluation
from melp.evaluation.digests import tokenizer_digest
from melp.evaluation.embed import embed_rows, require
from melp.evaluation.evaluate import cell_of, evaluate_missing
from melp.evaluation.questions import evaluation_of
from melp.evaluation.ranking import SIDE, Places, chance_places, first_hits_both_ways
from melp.evaluation.rates import patient_bootstrap, rate_interval
from melp.evaluation.split import join_folds
from melp.hub import Model

__all__ = ["RECALLS", "Reports", "embed_reports", "place_rows", "reports_of", "retrieval_places", "retrieve"]

RECALLS = (1, 5, 10)
_BATCH = 256
ECG_TO_REPORT, REPORT_TO_ECG = "ecg-to-report", "report-to-ecg"


def retrieval_places(
    ecg: Float[Tensor, "record dim"],
    texts: Float[Tensor, "text dim"],
    text_of: Int[np.ndarray, " record"],
    *,
    side: int = SIDE,
) -> dict[str, tuple[Places, Places]]:
    """Return, for both directions, the place of the first hit of each record and that by chance.

    The items are the reports of all records, or all ECGs. Records of the same report are hits of each other.

    Args:
        ecg, texts: unit vectors of the records, and of the different reports.
        text_of: number of the report of each record; each report has a record.
        side: see `first_hits`.
    """
    reports, copies = np.arange(len(texts)), np.bincount(text_of, minlength=len(texts))
    chance = chance_places(copies[text_of], len(ecg))
    found, of_texts = first_hits_both_ways(ecg, texts, text_of, reports, copies, side=side)
    of_records = Places(of_texts.above[text_of], of_texts.tied[text_of], of_texts.hits[text_of])
    return {
        ECG_TO_REPORT: (found, chance),
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


@dataclass(frozen=True)
class Reports:
    """The records of some folds that have a report.

    Attributes:
        rows: row numbers of the records in the store.
        texts: the different reports, each as its statements.
        text_of: number of the report of each record.
    """

    rows: Int[np.ndarray, " record"]
    texts: list[tuple[str, ...]]
    text_of: Int[np.ndarray, " record"]


def reports_of(store: Store, folds: Sequence[int]) -> Reports:
    """Return the records of some folds that have a report, and their reports.

    Raises:
        MelpError: there are none, or an id is repeated.
    """
    store.require_unique_ids()
    statements = store.lists("statements")
    rows = np.flatnonzero(np.isin(store.column("fold"), folds))
    rows = rows[[len(statements[int(row)]) > 0 for row in rows]]
    if not len(rows):
        raise MelpError(f"{store.path}: no reports in folds {join_folds(folds)}")
    numbers: dict[tuple[str, ...], int] = {}
    text_of = [numbers.setdefault(tuple(statements[int(row)]), len(numbers)) for row in rows]
    return Reports(rows, list(numbers), np.array(text_of))


def embed_reports(model: Model, reports: Sequence[Sequence[str]]) -> Float[Tensor, "report dim"]:
    """Return the unit vectors of reports in the space shared with ECGs."""
    require(model, "embed_text")
    parts = [reports[start : start + _BATCH] for start in range(0, len(reports), _BATCH)]
    with torch.inference_mode():
        return torch.cat([model.method.embed_text(part).float() for part in parts])


def retrieve(
    model: Model, store: Store, folds: Sequence[int] = (10,), *, out: Path | None = None
) -> Evaluation:
    """Evaluate retrieval over the records of some folds that have a report.

    Args:
        model: a loaded model folder of a method with text.
        store: the records and their reports.
        folds: folds whose records are the queries and the items.
        out: folder of cells; a cell in it is not computed again.

    Returns:
        Rows of metrics: recall@1, @5, @10 and median_rank, with the classes "ecg-to-report" and
        "report-to-ecg", and the predictions id, direction and rank.

    Raises:
        MelpError: the method has no text, an id is repeated, or no record has a report.
    """
    require(model, "project_ecg")
    reports = reports_of(store, folds)
    options = {"tokenizer": tokenizer_digest(model)}
    cell = replace(cell_of("retrieval", model, store, "reports"), folds=join_folds(folds), options=options)

    def evaluate(_: list[int]) -> Iterator[Evaluation]:
        ecg = torch.from_numpy(embed_rows(model, store, reports.rows, space="text")).to(model.device)
        places = retrieval_places(ecg, embed_reports(model, reports.texts), reports.text_of)
        ids = pd.Index(store.column("id")[reports.rows])
        patients = store.column("patient")[reports.rows]
        rows = [row for name, pair in places.items() for row in place_rows(name, *pair, patients)]
        ranks = [
            pd.DataFrame({"id": ids, "direction": name, "rank": found.ranks})
            for name, (found, _) in places.items()
        ]
        yield evaluation_of(
            cell, model, store, ids, rows, pd.concat(ranks, ignore_index=True), _notes(model, reports)
        )

    return evaluate_missing([cell], out, evaluate)[0]


def _notes(model: Model, reports: Reports) -> list[str]:
    """Return a line about the reports of which the model reads only the first statements, if any."""
    encoder = getattr(model.method, "reports", None)
    if encoder is None:  # a method of another package, with a tokenizer of its own
        return []
    cut = sum(sum(map(encoder.length, text)) > encoder.room for text in reports.texts)
    return (
        [f"reports: {cut} of {len(reports.texts)} have more than {encoder.room} word pieces"] if cut else []
    )
