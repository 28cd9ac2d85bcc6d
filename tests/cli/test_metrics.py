"""`melp metrics`, from the cells to the table and the file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from small_cells import PROBE, save
from small_cli import Run, refused
from small_judging import write_store


def test_metrics(run: Run, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    store = write_store(tmp_path / "store")
    save(store, tmp_path, PROBE)
    words = ("metrics", tmp_path, "--data", store.path, "--metric", "auroc, brier", "--by", "age")
    code, out, error = run(*words, "--out", tmp_path / "rows.parquet")
    assert (code, error) == (0, "")
    rows = pd.read_parquet(tmp_path / "rows.parquet")
    assert rows["class"].fillna("mean").tolist() == 2 * ["mean", "B", "A"] and len(out.splitlines()) == 1 + 2
    mean = rows.iloc[0]
    expected = f"40-59\tauroc\t{mean['value']:.3f}\t{mean['lo']:.3f} to {mean['hi']:.3f}\t120\n"
    assert expected in out and "40-59\tbrier\t" in out
    for name, read in (("rows.csv", pd.read_csv), ("rows.json", pd.read_json)):
        assert run(*words, "--out", tmp_path / name)[0] == 0
        pd.testing.assert_series_equal(read(tmp_path / name)["value"], rows["value"])


def test_invalid_options(run: Run, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    store = write_store(tmp_path / "store")
    save(store, tmp_path, PROBE)
    for words, message in (
        (("--out", "rows.txt"), "rows.txt: found the ending '.txt', wanted .csv, .json, .parquet"),
        (("--metric", "auc"), "metric: found 'auc', wanted one of auroc"),
        (("--data", store.path, "--by", "brand"), "no column 'brand'"),
        (("--by", "sex"), "its store is not in --data, which --by sex needs"),
    ):
        refused(run("metrics", tmp_path, *words), message)
    refused(run("metrics", tmp_path / "none"), "found no cells with scores")
