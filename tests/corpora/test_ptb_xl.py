from __future__ import annotations

import ast
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from melp.corpora import Options, get_corpus, list_corpora, ptb_xl
from melp.corpora.ptb_xl import labels, list_entries, load
from melp.data.build import build
from melp.errors import MelpError
from small_ptb_xl import make_tree


def test_corpora_are_files() -> None:
    assert "ptb-xl" in list_corpora()
    with pytest.raises(MelpError, match=r"corpus: found 'mimic', wanted one of .*ptb-xl"):
        get_corpus("mimic")


def test_labels_of_any_likelihood_without_underscore() -> None:
    cell = "{'NST_': 100.0, 'ISC_': 0.0, 'STD_': 15.0, 'STE_': 1.0, 'NT_': 2.0, 'PRC(S)': 0.0, 'SR': 0.0}"
    assert labels(cell) == ("NST", "ISC", "STD", "STE", "NT", "PRC(S)", "SR")


def test_entries(tmp_path: Path) -> None:
    listing = list_entries(make_tree(tmp_path, 3, listed=5), Options())
    first, second, third, *rest = listing.entries
    assert (first.id, first.patient, first.fold, first.sex, first.age) == ("1", "101", 1, "female", 41.0)
    assert second.age == 90 and second.sex == "male"  # 300 means over 89
    assert third.report == ""
    assert [(entry.id, entry.source) for entry in rest] == [("4", None), ("5", None)]
    assert listing.text_folds == (1, 2, 3, 4, 5, 6, 7, 8)
    assert load(first).rate == 500


def test_unknown_age(tmp_path: Path) -> None:
    table = pd.read_csv(make_tree(tmp_path, 1) / "ptbxl_database.csv")
    table["age"] = float("nan")
    table.to_csv(tmp_path / "ptbxl_database.csv", index=False)
    assert math.isnan(next(iter(list_entries(tmp_path, Options()).entries)).age)


def test_100_hz_recordings_only_for_low_rates(tmp_path: Path) -> None:
    both = make_tree(tmp_path / "both", 2, rates=(500, 100))
    assert load(next(iter(list_entries(both, Options(rate=100)).entries))).rate == 500
    low = make_tree(tmp_path / "low", 2, rates=(100,))
    assert load(next(iter(list_entries(low, Options(rate=100)).entries))).rate == 100
    with pytest.raises(MelpError, match=r"none of the 2 recordings found for 500 Hz.*found: records100"):
        list(list_entries(low, Options(rate=500)).entries)


def test_record_without_signal_file(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, 2)
    (tree / "records500/00000/00002_hr.dat").unlink()
    entries = list_entries(tree, Options()).entries
    assert [entry.id for entry in entries if entry.source is None] == ["2"]


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(MelpError, match="ptb-xl: no folder given, wanted --raw"):
        list_entries(None, Options())
    with pytest.raises(MelpError, match=r"no ptbxl_database.csv found, wanted the folder of ptb-xl"):
        list_entries(tmp_path, Options())
    (tmp_path / "ptbxl_database.csv").write_text("ecg_id,report\n1,x\n")
    with pytest.raises(MelpError, match="no column patient_id, age, sex, scp_codes"):
        list_entries(tmp_path, Options())
    (tmp_path / "ptbxl_database.csv").write_bytes(b"\x89PNG\xff\x00\n")
    with pytest.raises(MelpError, match=r"ptbxl_database.csv: "):
        list_entries(tmp_path, Options())
    make_tree(tmp_path, 1)
    text = (tmp_path / "ptbxl_database.csv").read_text()
    (tmp_path / "ptbxl_database.csv").write_text(text.replace("'SR': 0.0}", "'SR'"))
    with pytest.raises(MelpError, match=r"ptbxl_database.csv: record 1 cannot be parsed"):
        list(list_entries(tmp_path, Options()).entries)


def test_further_columns(tmp_path: Path) -> None:
    raw = make_tree(tmp_path / "raw", 3)
    table = pd.read_csv(raw / "ptbxl_database.csv", dtype=str)
    cells = {
        "recording_date": ["1984-11-09 09:17:34", "", "1990-01-01 00:00:00"],
        "device": ["CS-12   E", "AT-6", ""],
        "nurse": ["2.0", "", "0"],
        "site": ["0.0", "13.0", "x"],
        "height": ["170", "", "nan"],
        "weight": ["63.5", "70.0", ""],
        "second_opinion": ["False", "True", ""],
        "validated_by_human": ["True", "1", "0"],
        "static_noise": [" , I-V1,  ", "", ""],
        "pacemaker": ["", "ja, pacemaker", ""],
        "scp_codes": ["{'NORM': 80.0, 'SR': 0.0}", "{'IMI': 15.0}", "{}"],
    }
    table.assign(**cells, age=["56", "300", "old"], sex=["1", "0.0", "2"]).to_csv(
        raw / "ptbxl_database.csv", index=False
    )
    summary = build("ptb-xl", raw, tmp_path / "store")
    index = pq.read_table(summary.path / "index.parquet")
    rows = index.select(list(ptb_xl._MORE)).to_pylist()
    kept = [{name: value for name, value in row.items() if value is not None} for row in rows]
    assert kept == [
        {"recording_date": "1984-11-09 09:17:34", "device": "CS-12   E", "likelihoods": [80.0, 0.0],
         "height": 170.0, "weight": 63.5, "nurse": 2, "site": 0, "second_opinion": False,
         "validated_by_human": True, "static_noise": ", I-V1,"},
        {"device": "AT-6", "likelihoods": [15.0], "weight": 70.0, "site": 13, "second_opinion": True,
         "validated_by_human": True, "pacemaker": "ja, pacemaker"},
        {"recording_date": "1990-01-01 00:00:00", "likelihoods": [], "nurse": 0, "validated_by_human": False},
    ]  # fmt: skip
    types = {name: str(index.schema.field(name).type) for name in ("nurse", "second_opinion", "height")}
    assert types == {"nurse": "int64", "second_opinion": "bool", "height": "double"}
    assert np.array_equal(index["age"].to_numpy(), [56, 90, np.nan], equal_nan=True)
    assert index["sex"].to_pylist() == ["female", "male", ""]
    assert [note.partition(" cells not read")[0] for note in summary.notes] == [
        "column site: 1",
        "column age: 1",
        "column sex: 1",
    ]


@pytest.mark.data
def test_real_table(ptb_xl: Path) -> None:
    entries = list(list_entries(ptb_xl, Options()).entries)
    present = [entry for entry in entries if entry.source is not None]
    table = pd.read_csv(ptb_xl / "ptbxl_database.csv", index_col="ecg_id")
    assert len(entries) == len(table)
    assert len(present) == len(list((ptb_xl / "records500").rglob("*.hea")))
    codes = {code for entry in entries for code in entry.labels}
    assert len(codes) == 71 and not any(code.endswith("_") for code in codes)
    for entry in present[::300]:
        row = table.loc[int(entry.id)]
        assert entry.fold == row["strat_fold"] and entry.report == row["report"]
        assert len(entry.labels) == len(ast.literal_eval(row["scp_codes"]))
