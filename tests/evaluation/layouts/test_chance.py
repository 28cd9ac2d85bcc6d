"""Entries compared by the predictions of their cells, against calls of `compare`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import Cell, Evaluation, long_form, metric_table, write_cell
from melp.evaluation.comparison import compare, holm
from melp.evaluation.digests import store_digest
from melp.evaluation.layouts.chance import Comparison, predictions_of
from melp.evaluation.layouts.choose import choose, where
from melp.evaluation.layouts.entries import arrange, summarise
from melp.evaluation.layouts.layout import LAYOUTS
from melp.evaluation.layouts.table import blocks_of
from small_tables import cells

LAYOUT = replace(LAYOUTS["zero-shot"], average=False)
QUALITY = {
    ("merl", "csn"): 0.4,
    ("melp", "csn"): 2.0,
    ("clocs", "csn"): 0.3,
    ("merl", "cpsc2018"): 1.0,
    ("melp", "cpsc2018"): 1.02,
    ("clocs", "cpsc2018"): 0.1,
    ("melp", "ptbxl-sub"): 1.0,
}
RECORDS = pd.Index([f"r{row}" for row in range(200)])
PATIENTS = pd.Series(np.arange(200) // 2, index=RECORDS)
LABELS = pd.DataFrame(np.random.default_rng(0).random((200, 2)) < 0.4, index=RECORDS, columns=["A", "B"])
Table = tuple[pd.DataFrame, dict[str, pd.DataFrame]]


@pytest.fixture(scope="module")
def table() -> Table:
    """Cells of two seeds, and the scores of each by key."""
    generator = np.random.default_rng(1)
    rows, scores = [], {}
    for (name, task), quality in QUALITY.items():
        for seed in range(2):
            noise = generator.normal(size=LABELS.shape)
            made = pd.DataFrame(quality * LABELS.to_numpy() + noise, RECORDS, LABELS.columns)
            value = roc_auc_score(LABELS, made)
            row = {"name": name, "task": task, "training_seed": seed, "value": value, "kind": "zero-shot"}
            rows.append({**row, "fraction": 0.0})
            scores[cells(rows)["key"].iloc[-1]] = made
    return choose(where(cells(rows), []), LAYOUT), scores


def comparison(table: Table) -> Comparison:
    return Comparison(table[0], LAYOUT, lambda key: (table[1][key], LABELS, PATIENTS))


def scores_of(table: Table, name: str, task: str) -> list[pd.DataFrame]:
    rows = table[0][(table[0]["name"] == name) & (table[0]["task"] == task)]
    return [table[1][key] for key in rows["key"]]


def test_seeds_are_pooled_over_the_same_patients(table: Table) -> None:
    found = comparison(table).difference(("melp", "csn"), ("merl", "csn"))
    first, second = (scores_of(table, name, "csn") for name in ("melp", "merl"))
    assert len(first) == len(second) == 2
    assert found == compare(first, second, LABELS, PATIENTS)
    values = arrange(summarise(table[0], LAYOUT), LAYOUT).value
    assert 100 * found.difference == pytest.approx(values.iloc[2, 0] - values.iloc[1, 0])


def test_columns_whose_best_is_beyond_chance(table: Table) -> None:
    values = arrange(summarise(table[0], LAYOUT), LAYOUT).value
    clear, count, unknown = comparison(table).clear_columns(values)
    # MELP and MERL are alike on CPSC2018; PTBXL-Sub has one model.
    p = holm(
        [
            compare(*(scores_of(table, name, task) for name in ordered(values, task)), LABELS, PATIENTS).p
            for task in ("csn", "cpsc2018")
        ]
    )
    assert p[0] is not None and p[1] is not None and p[0] < 0.05 <= p[1]
    assert (clear, count, unknown) == ([("csn",)], 2, 0)


@pytest.mark.parametrize(
    ("first", "second", "clear"),
    [(0.02, 0.04, [0, 1]), (0.03, 0.04, []), (0.001, None, [0]), (0.03, None, [])],
)
def test_p_values_are_corrected_for_the_columns(
    table: Table, first: float, second: float | None, clear: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = comparison(table)
    one = compared.difference(("melp", "csn"), ("merl", "csn"))
    made = iter([replace(one, p=first), replace(one, p=second)])
    monkeypatch.setattr(compared, "difference", lambda *_: next(made))
    values = arrange(summarise(table[0], LAYOUT), LAYOUT).value
    columns = [("csn",), ("cpsc2018",)]
    assert compared.clear_columns(values) == ([columns[place] for place in clear], 2, second is None)


def ordered(values: pd.DataFrame, task: str) -> list[str]:
    """The best and the second-best."""
    place = [column for (column,) in values.columns].index(task)
    names = [name for (name,) in values.index]
    column = dict(zip(names, values.iloc[:, place], strict=True))
    return sorted(column, key=lambda name: -column[name])[:2]


def test_marks_and_gains_of_a_compared_table(table: Table) -> None:
    def read(key: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
        return table[1][key], LABELS, PATIENTS

    (plain,), _ = blocks_of(table[0], LAYOUTS["zero-shot"])
    (block,), notes = blocks_of(table[0], LAYOUTS["zero-shot"], scores=read)
    tasks = [column[0] for column in block.entries.columns]
    assert tasks == ["csn", "ptbxl-sub", "cpsc2018", "Average"]
    assert (block.marks.iloc[:, 0] == plain.marks.iloc[:, 0]).all() and plain.marks.iloc[:, 2].any()
    assert (block.marks.iloc[:, 1:] == "").all(axis=None)
    assert notes[-1].startswith(
        "Best and second-best are marked where they differ beyond chance (1 of 2 columns)"
    )
    assert block.gains is not None
    for place, task in enumerate(tasks[:3]):
        if task == "ptbxl-sub":
            assert block.gains.iloc[place].isna().all()
            continue
        one = compare(scores_of(table, "melp", task), scores_of(table, "merl", task), LABELS, PATIENTS)
        limits = [100 * (one.lo or 0), 100 * (one.hi or 0)]
        assert block.gains.iloc[place].tolist() == pytest.approx([100 * one.difference, *limits])
    assert block.gains["lo"].isna().iloc[3]
    with pytest.raises(MelpError, match="metric: found 'auprc' with --data, wanted auroc"):
        blocks_of(table[0], LAYOUT, metric="auprc", scores=read)


def test_predictions_are_read_with_the_patients_of_their_store(synthetic_store: Path, tmp_path: Path) -> None:
    store = Store(synthetic_store)
    index = store.index.sample(frac=1, random_state=0)[:30]
    ids = pd.Index(index["id"].astype(str))
    labels = pd.DataFrame(np.arange(60).reshape(30, 2) % 3 == 0, index=ids, columns=["b", "a"])
    scores = pd.DataFrame(np.random.default_rng(0).random((30, 2)), index=ids, columns=["b", "a"])
    cell = Cell("zero-shot", "melp", "w", "csn", store=store_digest(store))
    made = Evaluation(cell, metric_table([]), predictions=long_form(scores, labels))
    write_cell(made, tmp_path)
    read = predictions_of({cell.key: tmp_path}, [synthetic_store])
    found, truth, patients = read(cell.key)
    pd.testing.assert_frame_equal(found, scores.astype("float32"), check_names=False)
    pd.testing.assert_frame_equal(truth, labels, check_names=False)
    assert patients[ids].tolist() == index["patient"].tolist()
    with pytest.raises(MelpError, match=f"data: found no store with digest {cell.store}, wanted that of csn"):
        predictions_of({cell.key: tmp_path}, [])(cell.key)
