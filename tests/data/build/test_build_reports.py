"""Reports of a build: their language, the flag of those that are not understood, and the counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from melp.data.build import build
from melp.errors import MelpError
from small_corpora import make_mimic, mimic_signal
from small_ptb_xl import beats, make_tree, write_record

REPORTS = [
    ("Sinusrhythmus. Linkstyp.", ["sinus rhythm", "leftward axis"], True),
    ("Sinusrhythmus, Xyzzy der Plugh, Xyzzy", ["sinus rhythm", "xyzzy der plugh", "xyzzy"], False),
    ("Complete heart block. Torsades.", ["complete heart block", "torsades"], True),
    ("Sinusrhythmus. Infarkt nicht xyzzy.", ["sinus rhythm", "infarkt nicht xyzzy"], False),
    ("Förmaksflimmer, ingen ischemi", ["atrial fibrillation", "no ischemia"], True),
]


@pytest.fixture
def listed(tmp_path: Path) -> dict[str, Any]:
    """A table of five recordings with reports."""
    lines = ["path;fold;report"]
    for at, (report, _, _) in enumerate(REPORTS):
        write_record(tmp_path / "raw" / f"r{at}", beats(at))
        lines.append(f"r{at}.hea;1;{report}")
    table = tmp_path / "own.csv"
    table.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return {"raw": tmp_path / "raw", "table": table}


def rows_of(store: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(store / "index.parquet").to_pylist()
    return rows


def test_reports_that_are_not_understood_are_flagged_and_counted(
    tmp_path: Path, listed: dict[str, Any]
) -> None:
    summary = build("table", out=tmp_path / "store", **listed)
    rows = rows_of(tmp_path / "store")
    assert [row["statements"] for row in rows] == [statements for _, statements, _ in REPORTS]
    flagged = ["report not understood" not in row["flags"] for row in rows]
    assert flagged == [understood for _, _, understood in REPORTS]
    assert summary.flags == {"report not understood": 2}
    counted = (summary.not_understood, summary.unknown_words, summary.frequent_words)
    assert counted == (2, 4, {"xyzzy": 3, "plugh": 1})
    assert list(summary.frequent_words) == ["xyzzy", "plugh"]
    manifest = json.loads((tmp_path / "store" / "manifest.json").read_text())
    assert manifest["language"] == "auto"
    assert list(manifest["reports"].values()) == [*counted, 0, {}]


def test_reports_without_recording_are_counted_too(tmp_path: Path) -> None:
    raw = make_tree(tmp_path / "raw", 3, listed=5)
    database = pd.read_csv(raw / "ptbxl_database.csv")
    database["report"] = ["sinusrhythmus", "infarkt nicht xyzzy", "", "plugh xyzzy infarkt", "linkstyp"]
    database.to_csv(raw / "ptbxl_database.csv", index=False)
    for workers in (1, 2):
        out = tmp_path / f"store-{workers}"
        summary = build("ptb-xl", raw, out, allow_missing=True, workers=workers)
        assert (summary.texts, summary.not_understood, summary.unknown_words) == (2, 2, 3)
        assert summary.frequent_words == {"xyzzy": 2, "plugh": 1}
    texts = pq.read_table(out / "texts.parquet")["statements"].to_pylist()
    assert texts == [["plugh xyzzy infarkt"], ["leftward axis"]]


def test_the_language_is_part_of_the_store(tmp_path: Path, listed: dict[str, Any]) -> None:
    build("table", out=tmp_path / "store", language="en", **listed)
    rows = rows_of(tmp_path / "store")
    assert rows[1]["statements"] == ["sinusrhythmus, xyzzy der plugh, xyzzy"]
    assert all(row["flags"] == [] for row in rows)
    assert json.loads((tmp_path / "store" / "manifest.json").read_text())["language"] == "en"
    with pytest.raises(MelpError, match="contains a different store"):
        build("table", out=tmp_path / "store", language="de", **listed)
    with pytest.raises(MelpError, match="--language: 'fr', wanted en, de, sv or auto"):
        build("table", out=tmp_path / "other", language="fr", **listed)


def test_a_long_report_of_another_corpus_is_not_taken_for_cut(tmp_path: Path, listed: dict[str, Any]) -> None:
    ending = "Vorderwandinfarkt"
    report = f"{'Sinusrhythmus.':{255 - len(ending)}}{ending}"
    listed["table"].write_text(f"path;report\nr0.hea;{report}\n", encoding="utf-8")
    build("table", out=tmp_path / "store", **listed)
    assert rows_of(tmp_path / "store")[0]["statements"] == ["sinus rhythm", "anterior myocardial infarction"]


def test_machine_lines_with_unknown_words_are_counted(tmp_path: Path) -> None:
    lines = [["Sinus rhythm", f"Unicorn pattern {number % 12}, plugh"] for number in range(14)]
    lines.append(["Sinus rhythm.", "1st degree A-V block", "Borderline ECG"])
    signals = [mimic_signal(0) for _ in lines]
    raw = make_mimic(tmp_path / "raw", [None, *signals[1:]], lines)
    for workers in (1, 2):
        out = tmp_path / f"store-{workers}"
        summary = build("mimic-iv-ecg", raw, out, allow_missing=True, workers=workers)
        # The first recording is missing; the statements of its report are kept, and counted.
        assert (summary.records, summary.texts, summary.unknown_statements) == (14, 1, 14)
        first = {"unicorn pattern 0, plugh": 2, "unicorn pattern 1, plugh": 2}
        assert list(summary.frequent_statements.items())[:2] == list(first.items())
        assert list(summary.frequent_statements.values()) == [2, 2, *[1] * 8]
    manifest = json.loads((out / "manifest.json").read_text())["reports"]
    assert manifest["unknown_statements"] == 14
    assert manifest["most_frequent_statements"] == summary.frequent_statements
    assert "sinus rhythm" not in manifest["most_frequent_statements"]
