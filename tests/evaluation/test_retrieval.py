"""Retrieval on a store against a loop over all pairs, and what is written of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import read_cells
from melp.evaluation.retrieval import reports_of, retrieve
from melp.hub import Model
from small_judging import FINDINGS, direction

FOLDS = (9, 10)


def _cosine(ecg: np.ndarray, statements: list[str]) -> float:
    text = sum(map(direction, statements))
    return float(ecg @ text / np.linalg.norm(ecg) / np.linalg.norm(text))


def test_retrieval_equals_a_loop_over_pairs(model: Model, store: Store) -> None:
    index = store.index
    records = index[index["fold"].isin(FOLDS) & (index["statements"].map(len) > 0)]
    ecg = store.signals(records.index.to_numpy()).mean(-1) / 1000
    reports = [list(statements) for statements in records["statements"]]
    similarity = np.array([[_cosine(vector, report) for report in reports] for vector in ecg])
    same = np.array([[one == other for other in reports] for one in reports])
    found = retrieve(model, store, FOLDS)
    for name, values in {"ecg-to-report": similarity, "report-to-ecg": similarity.T}.items():
        recall, ranks = {1: [], 5: [], 10: []}, []
        for row, hits in zip(values, same, strict=True):
            above = (row > row[hits].max() + 1e-6).sum()
            tied = np.abs(row - row[hits].max()) <= 1e-6
            ranks.append(above + (tied.sum() + 1) / ((tied & hits).sum() + 1))
            for k, list_of in recall.items():
                # Here only copies of the report are tied with it.
                list_of.append(float(above < k))
        for k, list_of in recall.items():
            row = found.metric(f"recall@{k}", name)
            assert row["value"] == pytest.approx(np.mean(list_of))
            assert row["lo"] <= row["value"] <= row["hi"] and row["n"] == len(records)
        assert found.metric("median_rank", name)["value"] == pytest.approx(np.median(ranks))
        table = found.predictions.query("direction == @name").set_index("id")
        np.testing.assert_allclose(table.loc[records["id"], "rank"], ranks)
    shares = same.sum(axis=1) / len(records)
    assert found.metric("recall@1", "ecg-to-report")["chance"] == pytest.approx(shares.mean())


def test_records_without_a_report_or_in_another_fold_are_left_out(store: Store) -> None:
    reports = reports_of(store, FOLDS)
    index = store.index.iloc[reports.rows]
    assert set(index["fold"]) == set(FOLDS) and index["statements"].map(len).min() > 0
    assert [list(reports.texts[number]) for number in reports.text_of] == index["statements"].map(
        list
    ).tolist()
    assert len(reports.texts) == len(set(reports.texts)) == len(FINDINGS)


def test_a_cell_is_written_and_read_again(model: Model, store: Store, tmp_path: Path) -> None:
    first = retrieve(model, store, FOLDS, out=tmp_path)
    again = retrieve(model, store, FOLDS, out=tmp_path)
    assert again.cell == first.cell and again.version
    table = read_cells(tmp_path)
    assert set(table["kind"]) == {"retrieval"} and set(table["folds"]) == {"9,10"} and len(table) == 8
    assert table["chance"].notna().all()


def test_retrieval_errors(model: Model, blind_model: Model, store: Store) -> None:
    with pytest.raises(MelpError, match="blind has no space shared with text"):
        retrieve(blind_model, store)
    with pytest.raises(MelpError, match="no reports in folds 77"):
        retrieve(model, store, (77,))
