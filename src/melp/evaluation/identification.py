"""Identification of patients: later recordings (probes) against the first of each patient (the gallery)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn.functional import normalize

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import Evaluation
from melp.evaluation.digests import digest
from melp.evaluation.embed import embed_rows, rows_of
from melp.evaluation.evaluate import cell_of, evaluate_missing
from melp.evaluation.questions import evaluation_of
from melp.evaluation.ranking import Places, chance_places, first_hits
from melp.evaluation.retrieval import place_rows
from melp.evaluation.split import join_folds
from melp.evaluation.verification import verification
from melp.hub import Model
from melp.io.tables import read_csv

__all__ = ["first_and_later", "identify", "read_ids"]

RANKS = (1, 5)
_ID_COLUMNS = ("id", "ecg_id")
_TIME = "recording_date"


def first_and_later(
    store: Store, folds: Sequence[int]
) -> tuple[Int[np.ndarray, " gallery"], Int[np.ndarray, " probe"], str]:
    """Return the rows of each patient's first recording and of later ones, and how "first" is known.

    The first is the earliest by the time of the recording, or, in a store without times, the first of the
    store. Patients with one recording are in the gallery only.

    Raises:
        MelpError: no patient has two recordings.
    """
    columns = ["patient", "fold", *([_TIME] if _TIME in store.index.columns else [])]
    table = store.index.loc[np.isin(store.column("fold"), folds), columns]
    ordered = table.sort_values(columns[2:], kind="stable") if columns[2:] else table
    later = ordered["patient"].duplicated()
    if not later.any():
        raise MelpError(
            f"{store.path}: no patient has two recordings in folds {join_folds(folds)}, wanted at least one"
        )
    order = "the time of the recording" if columns[2:] else "their order in the store"
    return np.sort(ordered.index[~later]), np.sort(ordered.index[later]), order


def read_ids(path: Path, store: Store) -> Int[np.ndarray, " record"]:
    """Return the rows of the records that a CSV file lists in a column `id` or `ecg_id`.

    Raises:
        MelpError: the file cannot be read, has no such column, or names a record that the store lacks.
    """
    table = read_csv(path, dtype=str)
    column = next((name for name in _ID_COLUMNS if name in table.columns), None)
    if column is None:
        raise MelpError(f"{path}: found the columns {', '.join(table.columns)}, wanted id or ecg_id")
    rows = rows_of(store, pd.Index(table[column]))
    if (rows < 0).any():
        absent = table[column][rows < 0]
        raise MelpError(
            f"{path}: {column}: {len(absent)} of {len(rows)} records are not in {store.path} (the first: "
            f"{absent.iloc[0]}), wanted all of them"
        )
    return rows


def identify(
    model: Model,
    store: Store,
    folds: Sequence[int] = (10,),
    *,
    gallery: Path | None = None,
    probes: Path | None = None,
    out: Path | None = None,
) -> Evaluation:
    """Evaluate whether the embedding of a recording identifies its patient, by cosines.

    Args:
        model: a loaded model folder.
        store: the records.
        folds: folds whose patients are identified; see `first_and_later`.
        gallery, probes: CSV files of ids instead, such as the published ones of PTB-XL.
        out: folder of cells; a cell in it is not computed again.

    Returns:
        Rows of metrics: rank@1, rank@5 (shares of the probes) and median_rank; auroc and equal_error_rate of
        pairs of a probe and a record of the gallery, same against different patients.

    Raises:
        MelpError: one list without the other, a list that cannot be used, a probe whose patient is not in the
            gallery, or no patient with two recordings.
    """
    store.require_unique_ids()
    first, later, order = _recordings(store, folds, gallery, probes)
    ids = store.column("id")
    options = {"lists": digest([ids[first].tolist(), ids[later].tolist()])}
    cell = cell_of("identification", model, store, "patients")
    cell = replace(cell, folds="" if gallery else join_folds(folds), options=options)

    def evaluate(_: list[int]) -> Iterator[Evaluation]:
        known, asked = (
            normalize(torch.from_numpy(embed_rows(model, store, rows)), dim=-1) for rows in (first, later)
        )
        people, wanted = store.column("patient")[first], store.column("patient")[later]
        rows, places = _rows(known, asked, people, wanted)
        table = pd.DataFrame({"id": ids[later], "patient": wanted, "rank": places.ranks})
        notes = [
            f"identification: {len(later)} recordings of {len(set(wanted))} patients against a gallery of "
            f"{len(first)} recordings of {len(set(people))} patients (first recordings by {order})"
        ]
        evaluated = pd.Index(ids[np.union1d(first, later)])
        yield evaluation_of(cell, model, store, evaluated, rows, table, notes)

    return evaluate_missing([cell], out, evaluate)[0]


def _rows(
    known: Float[Tensor, "gallery dim"],
    asked: Float[Tensor, "probe dim"],
    people: Shaped[np.ndarray, " gallery"],
    wanted: Shaped[np.ndarray, " probe"],
) -> tuple[list[dict[str, object]], Places]:
    """Return the metrics, and the place of each probe's patient in the gallery."""
    names = pd.Index(people).unique()
    groups, numbers = names.get_indexer(people), names.get_indexer(wanted)
    places = first_hits(asked, known, numbers, groups)
    hits = np.bincount(groups)[numbers]
    rows = place_rows(None, places, chance_places(hits, len(known)), wanted, RANKS, "rank")
    for name, (value, low, high) in verification((asked @ known.t()).numpy(), wanted, people).items():
        pairs = {"n": len(known) * len(asked), "positives": int(hits.sum())}
        rows.append({"metric": name, "value": value, "lo": low, "hi": high, "chance": 0.5, **pairs})
    return rows, places


def _recordings(
    store: Store, folds: Sequence[int], gallery: Path | None, probes: Path | None
) -> tuple[Int[np.ndarray, " gallery"], Int[np.ndarray, " probe"], str]:
    """Return the rows of the gallery and the probes, and where they are from."""
    if (gallery is None) != (probes is None):
        raise MelpError("gallery, probes: found one of two lists, wanted both or neither")
    first, later, order = (
        (read_ids(gallery, store), read_ids(probes, store), "lists")
        if gallery and probes
        else first_and_later(store, folds)
    )
    _check(store.column("patient")[first], store.column("patient")[later])
    return first, later, order


def _check(gallery: np.ndarray, probes: np.ndarray) -> None:
    unknown = sorted(set(probes) - set(gallery))
    if unknown:
        raise MelpError(
            f"probes: {len(unknown)} patients are not in the gallery (the first: {unknown[0]}), wanted none"
        )
    if len(set(gallery)) < 2:
        raise MelpError("gallery: found one patient, wanted at least two")
