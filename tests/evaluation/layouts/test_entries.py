"""Means over seeds, their intervals and their order, against slow versions."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from melp.evaluation.layouts.entries import FIELDS, add_average, arrange, summarise
from melp.evaluation.layouts.layout import AVERAGE, LAYOUTS, any_layout
from small_tables import cells, sweep

PROBE = LAYOUTS["linear-probe"]


def test_entries_are_means_over_seeds() -> None:
    generator = np.random.default_rng(0)
    rows = [
        {"training_seed": training, "seed": seed, "value": value, "lo": value - 0.1, "hi": value + 0.2}
        for (training, seed), value in zip(
            itertools.product(range(3), range(4)), generator.uniform(0.5, 0.8, 12), strict=True
        )
    ]
    rows.append({"name": "merl", "value": 0.7})
    entries = arrange(summarise(cells(rows), PROBE), PROBE)
    values = [float(row["value"]) for row in rows[:12]]  # type: ignore[arg-type]
    merl, melp = range(2)
    assert entries.value.iloc[melp, 0] == pytest.approx(100 * sum(values) / 12)
    assert entries.lo.iloc[melp, 0] == pytest.approx(100 * (sum(values) / 12 - 0.1))
    assert entries.hi.iloc[melp, 0] == pytest.approx(100 * (sum(values) / 12 + 0.2))
    by_training = [100 * sum(values[4 * seed : 4 * seed + 4]) / 4 for seed in range(3)]
    mean = sum(by_training) / 3
    expected = (sum((value - mean) ** 2 for value in by_training) / 2) ** 0.5
    assert entries.sd.iloc[melp, 0] == pytest.approx(expected)
    assert np.isnan(entries.sd.iloc[merl, 0]) and entries.value.iloc[merl, 0] == pytest.approx(70)
    assert entries.training_seeds.iloc[:, 0].tolist() == [1, 3]
    assert entries.label_seeds.iloc[:, 0].tolist() == [1, 4]


def test_a_cell_without_interval_takes_that_of_its_entry() -> None:
    entries = arrange(summarise(cells([{}, {"seed": 1, "lo": None, "hi": None}]), PROBE), PROBE)
    assert np.isnan(entries.lo.iloc[0, 0]) and entries.value.iloc[0, 0] == pytest.approx(50)


def test_order_of_rows_and_columns() -> None:
    names = ["zebra", "melp", "simclr", "ant", "merl", "untrained"]
    tasks = ["csn", "ptbxl-form", "ptbxl-sub", "ptbxl-rhythm"]
    table = sweep(dict.fromkeys(itertools.product(names, tasks, (100.0, 1.0, 10.0)), 0.5))
    entries = arrange(summarise(table.sample(frac=1, random_state=0), PROBE), PROBE)
    assert entries.value.index.get_level_values(0).tolist() == [
        "untrained", "simclr", "merl", "melp", "ant", "zebra",
    ]  # fmt: skip
    in_order = ["ptbxl-rhythm", "ptbxl-sub", "ptbxl-form", "csn"]
    assert entries.columns == list(itertools.product(in_order, (1.0, 10.0, 100.0)))
    # Table 5 has another order of tasks.
    losses = LAYOUTS["losses"]
    assert list(dict.fromkeys(task for task, _ in arrange(summarise(table, losses), losses).columns)) == [
        "ptbxl-rhythm", "ptbxl-form", "ptbxl-sub", "csn",
    ]  # fmt: skip


def test_numbers_are_sorted_as_numbers() -> None:
    layout = any_layout(["training_seed"], ["n_train"])
    rows = [{"training_seed": seed, "n_train": n} for seed, n in itertools.product((10, 9), (1000, 20))]
    entries = arrange(summarise(cells(rows), layout), layout)
    assert entries.value.index.tolist() == [(9,), (10,)] and entries.columns == [(20,), (1000,)]


def test_each_value_is_where_its_names_say() -> None:
    """A slow version of the pivot, with some cells missing."""
    generator = np.random.default_rng(1)
    places = [
        place
        for place in itertools.product(["byol", "crt", "melp"], ["csn", "ptbxl-sub"], (1.0, 100.0))
        if generator.random() < 0.8
    ]
    values = dict(zip(places, generator.uniform(size=len(places)), strict=True))
    entries = arrange(summarise(sweep(values), PROBE), PROBE)
    rows = [name for (name,) in entries.value.index]
    seen = {
        (name, *column): entries.value.iloc[row, place] / 100
        for (row, name), (place, column) in itertools.product(enumerate(rows), enumerate(entries.columns))
        if not np.isnan(entries.value.iloc[row, place])
    }
    assert seen == pytest.approx(values) and len(seen) < 12
    assert (entries.training_seeds.to_numpy() > 0).sum() == len(values)


def test_average_of_complete_rows() -> None:
    values = {("byol", "csn", 1.0): 0.5, ("byol", "csn", 10.0): 0.7, ("crt", "csn", 10.0): 0.9}
    layout = replace(PROBE, average=True)
    entries = add_average(arrange(summarise(sweep(values), layout), layout))
    assert entries.columns[-1] == (AVERAGE, "")
    assert entries.value.iloc[0, -1] == pytest.approx(60)
    assert np.isnan(entries.value.iloc[1, -1])
    assert (entries.lo.iloc[0, -1], entries.hi.iloc[0, -1]) == pytest.approx((40, 60))
    assert all(getattr(entries, name).shape == (2, 3) for name in FIELDS)
    assert isinstance(entries.value, pd.DataFrame) and np.isnan(entries.sd.iloc[0, -1])
