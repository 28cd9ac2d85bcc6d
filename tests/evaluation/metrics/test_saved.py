"""Metrics of saved cells: joined with the patients, groups and thresholds that are theirs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import brier_score_loss, f1_score

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.metrics import COLUMNS, metric_rows
from melp.evaluation.metrics.groups import groups_of
from melp.evaluation.metrics.saved import metrics_of_cells
from melp.evaluation.split import patients_of
from small_cells import PROBE, save
from small_judging import write_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """240 records of 120 patients, every third a man's."""
    folder = write_store(tmp_path_factory.mktemp("store")).path
    index = pd.read_parquet(folder / "index.parquet")
    index["sex"] = np.where(np.arange(240) % 3, "female", "male")
    index.to_parquet(folder / "index.parquet")
    return Store(folder)


def test_patients_and_groups_are_those_of_the_store(store: Store, tmp_path: Path) -> None:
    scores, labels = save(store, tmp_path, replace(PROBE, min_positives=5))
    table, notes = metrics_of_cells(tmp_path, ["auroc"], stores=[store])
    patients = patients_of(store, labels.index)
    expected = metric_rows(scores, labels, patients, min_positives=5)
    pd.testing.assert_frame_equal(table[list(COLUMNS)], expected, check_dtype=False)
    assert not notes and set(table["name"]) == {"m"} and set(table["protocol"]) == {"corrected"}
    assert not np.allclose(expected["lo"], metric_rows(scores, labels)["lo"])
    table, _ = metrics_of_cells(tmp_path, ["auroc", "auprc"], by="sex", stores=[store])
    groups = groups_of(store, labels.index, "sex")
    for name in ("auroc", "auprc"):
        expected = metric_rows(scores, labels, patients, metrics=[name], groups=groups, min_positives=5)
        own = table[table["metric"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(own[[*COLUMNS, "group"]], expected, check_dtype=False)


def test_without_its_store_a_cell_has_no_intervals(store: Store, tmp_path: Path) -> None:
    save(store, tmp_path, replace(PROBE, store="another"))
    for stores in ([], [store]):
        table, notes = metrics_of_cells(tmp_path, ["auroc"], stores=stores)
        assert table["value"].notna().all() and table[["lo", "hi"]].isna().all(axis=None)
        assert notes == [
            "1 of 1 cells: no intervals, because --data does not name their store, which knows the patients"
        ]
    with pytest.raises(MelpError, match="its store is not in --data, which --by sex needs"):
        metrics_of_cells(tmp_path, ["auroc"], by="sex", stores=[store])


def test_thresholds_are_those_of_the_same_model(store: Store, tmp_path: Path) -> None:
    """Three probes; the validation records of two."""
    results, others = tmp_path / "test", tmp_path / "validation"
    cells = [replace(PROBE, seed=seed) for seed in range(3)]
    tests = [save(store, results, cell, seed) for seed, cell in enumerate(cells)]
    pairs = [save(store, others, replace(cell, folds="9"), 10 + cell.seed) for cell in cells[:2]]
    table, notes = metrics_of_cells(results, ["f1", "sensitivity"], stores=[store], validation=others)
    for seed, (chosen, true) in enumerate(pairs):
        (scores, labels), found = tests[seed], table[(table["seed"] == seed) & (table["metric"] == "f1")]
        above = chosen["B"].to_numpy()[:, None] >= chosen["B"].to_numpy()
        hits = (above & true[["B"]].to_numpy()).sum(axis=0)
        cut = chosen["B"].iloc[np.argmax(2 * hits / (above.sum(axis=0) + true["B"].sum()))]
        expected = f1_score(labels["B"], scores["B"] >= cut)
        assert found.set_index("class")["value"]["B"] == pytest.approx(expected, abs=1e-12)
        assert set(found["threshold"]) == {"validation"}
    last = table[table["seed"] == 2]
    assert set(last["metric"]) == {"sensitivity"} and set(last["threshold"]) == {"same records"}
    assert notes == [
        "1 of 3 cells: no f1, because there are no validation scores to choose a threshold on",
        "1 of 3 cells: sensitivity at a threshold that is chosen on the same records",
    ]
    with pytest.raises(MelpError, match=r"120 records of cell .* wanted other records"):
        metrics_of_cells(results, ["f1"], validation=results)
    save(store, others, replace(cells[0], folds="8"))
    with pytest.raises(MelpError, match="differ in their folds alone, wanted one"):
        metrics_of_cells(results, ["f1"], validation=others)


def test_probabilities(store: Store, tmp_path: Path) -> None:
    """Log-odds of a probe, probabilities under protocol "paper", similarities of zero-shot."""
    cells = [PROBE, replace(PROBE, protocol="paper"), replace(PROBE, kind="zero-shot")]
    saved = [save(store, tmp_path, cell) for cell in cells]
    table, notes = metrics_of_cells(tmp_path, ["brier", "auroc"], stores=[store])
    means = table[table["class"].isna()].set_index(["kind", "protocol", "metric"])["value"]
    (odds, labels), (shares, _), _ = saved
    expected = np.mean([brier_score_loss(labels[c], expit(odds[c].astype(float))) for c in "AB"])
    assert means["probe", "corrected", "brier"] == pytest.approx(expected)
    expected = np.mean([brier_score_loss(labels[c], shares[c]) for c in "AB"])
    assert means["probe", "paper", "brier"] == pytest.approx(expected)
    assert len(means) == 5 and ("zero-shot", "corrected", "auroc") in means.index
    assert notes == ["1 of 3 cells: no brier, because scores of kind zero-shot are not probabilities"]
