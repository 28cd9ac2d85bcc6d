"""The commands that answer about recordings: forms of tables, what cannot be read, and exit codes."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melp.data.store import Store
from melp.evaluation.split import labels_of
from melp.hub import Model
from melp.tasks import get_task
from small_cli import Run, refused
from small_judging import HashingMethod, small_model, write_store
from small_ptb_xl import beats, write_record

LABELS = ("--label", "atrial fibrillation", "--label", "sinus bradycardia")
MODEL = ("--model", "model")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return write_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four recordings, the second of which is broken, and the third doubtful."""
    folder = tmp_path_factory.mktemp("files")
    for number, name in enumerate("acd"):
        signal = beats(number)
        if name == "c":
            signal[7] = 3  # V2 is flat
        write_record(folder / name, signal)
    (folder / "b.hea").write_text("broken\n")
    return folder


@pytest.fixture(autouse=True)
def known_model(monkeypatch: pytest.MonkeyPatch) -> Model:
    model = small_model(HashingMethod())
    monkeypatch.setattr("melp.hub.load", lambda folder, device="cpu": model)
    return model


def test_a_folder_is_answered_in_order_and_what_is_broken_is_listed(run: Run, files: Path) -> None:
    code, out, err = run("classify", files, *MODEL, *LABELS, "--jobs", "3")
    header, *rows = [line.split("\t") for line in out.splitlines()]
    assert code == 1 and header == ["id", "rank", "label", "score", "measure", "doubts"]
    assert [Path(row[0]).stem for row in rows] == ["a", "a", "c", "c", "d", "d"]
    assert [row[1] for row in rows] == ["1", "2"] * 3
    flags = {Path(row[0]).stem: row[5] for row in rows}
    assert "flat lead (V2)" in flags["c"] and "flat lead" not in flags["a"] + flags["d"]
    note, reason, count = err.splitlines()
    assert "Not a medical device" in note and "b.hea: not a readable WFDB record" in reason
    assert count == "melp: 1 of 4 recordings cannot be used"


def test_one_file_that_cannot_be_read_is_an_error(run: Run, files: Path) -> None:
    refused(run("classify", files / "b.hea", *MODEL, *LABELS), "b.hea: not a readable WFDB record")
    refused(run("classify", files / "no.hea", *MODEL, *LABELS), "no.hea: no such file")
    code, out, err = run("classify", files / "b.hea", files / "no.hea", *MODEL, *LABELS)
    assert (code, out) == (1, "") and err.endswith("melp: 2 of 2 recordings cannot be used\n")


def test_all_forms_have_the_same_table(run: Run, files: Path, tmp_path: Path, known_model: Model) -> None:
    words = ("classify", files / "a.hea", files / "d.hea", *MODEL, *LABELS)
    paths = [str(files / "a.hea"), str(files / "d.hea")]
    wanted = known_model.classify(paths, [LABELS[1], LABELS[3]])
    wanted = wanted.assign(note=wanted.attrs["note"])
    printed = run(*words, "--format", "csv")[1]
    lines = run(*words, "--format", "jsonl")[1].splitlines()
    for ending in ("csv", "jsonl", "parquet"):
        assert run(*words, "--out", tmp_path / f"t.{ending}")[:2] == (0, "")
    assert (tmp_path / "t.csv").read_text() == printed
    assert (tmp_path / "t.jsonl").read_text().splitlines() == lines
    tables = {
        "csv": pd.read_csv(StringIO(printed), keep_default_na=False),
        "jsonl": pd.DataFrame([json.loads(line) for line in lines]),
        "parquet": pd.read_parquet(tmp_path / "t.parquet"),
    }
    for table in tables.values():
        pd.testing.assert_frame_equal(table, wanted, check_dtype=False)
    refused(
        run(*words, "--out", tmp_path / "t.txt"), "t.txt found, wanted an ending .csv, .jsonl or .parquet"
    )
    refused(run(*words, "--format", "parquet"), "format: parquet without --out found")
    assert len(list(tmp_path.iterdir())) == 3


def test_reports_comparisons_and_explanations(run: Run, files: Path, tmp_path: Path) -> None:
    both = (files / "a.hea", files / "d.hea", *MODEL)
    code, out, _ = run("report", *both)
    assert code == 0 and out.startswith("id\treport\tdoubts\n")
    assert "sinus rhythm. " in out and len(out.splitlines()) == 3
    code, out, _ = run("compare", *both, *LABELS)
    assert code == 0 and [line.split("\t")[0] for line in out.splitlines()] == ["number", "1", "1", "2", "2"]
    assert run("compare", *both, *LABELS, "--plot", tmp_path / "time.svg")[0] == 0
    drawn = (tmp_path / "time.svg").read_text()
    assert "similarity" in drawn and "atrial fibrillation" in drawn
    refused(run("explain", files / "a.hea", *MODEL, "--label", "x"), "method hashing has no beats")


def test_search_reads_stores_and_embeddings(run: Run, store: Store, tmp_path: Path) -> None:
    words = ("--text", "atrial fibrillation", "-k", "3", *MODEL)
    code, out, _ = run("search", store.path, *words)
    header, *rows = [line.split("\t") for line in out.splitlines()]
    assert code == 0 and header[:3] == ["rank", "id", "score"] and "labels" in header
    assert len(rows) == 3 and all("AFIB" in row[header.index("labels")] for row in rows)
    assert run("embed", store.path, *MODEL, "--space", "text", "--out", tmp_path / "e")[0] == 0
    again = [line.split("\t")[:3] for line in run("search", tmp_path / "e", *words)[1].splitlines()]
    assert again == [header[:3], *(row[:3] for row in rows)]
    refused(run("search", store.path, *MODEL), "search: found both or neither of --text and --like")
    refused(run("search", tmp_path / "e", "--like", tmp_path / "x.hea", *MODEL), "x.hea: no such file")


def test_embeddings_are_a_folder_or_a_table(
    run: Run, files: Path, tmp_path: Path, known_model: Model
) -> None:
    both = [str(files / "a.hea"), str(files / "d.hea")]
    assert run("embed", *both, *MODEL, "--out", tmp_path / "e")[0] == 0
    wanted = known_model.embed(both)
    np.testing.assert_array_equal(np.load(tmp_path / "e" / "embeddings.npy"), wanted.to_numpy())
    assert pd.read_parquet(tmp_path / "e" / "ids.parquet").to_dict("list") == {"id": both}
    assert run("embed", *both, *MODEL, "--out", tmp_path / "e.parquet")[0] == 0
    table = pd.read_parquet(tmp_path / "e.parquet").set_index("id").drop(columns="note")
    np.testing.assert_array_equal(table.to_numpy(), wanted.to_numpy())


def test_help_has_the_options_of_a_command_and_of_all(run: Run) -> None:
    text = " ".join(run("classify", "-h")[1].split())
    for word in ("--label", "--task", "--model", "--format", "--jobs", "--quiet", "{FILE}..."):
        assert word in text
    assert "--install-completion" in run("--help")[1]


def test_the_package_is_a_command() -> None:
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-m", "melp", "--version"], capture_output=True, text=True)
    assert done.stdout.startswith("melp ")


def test_a_map_has_the_classes_of_a_task(run: Run, store: Store, files: Path, tmp_path: Path) -> None:
    words = ("embed", store.path, *MODEL, "--out", tmp_path / "e.csv")
    assert run(*words, "--map", tmp_path / "map.svg", "--task", "ptbxl-rhythm")[0] == 0
    drawn = (tmp_path / "map.svg").read_text()
    labels = labels_of(get_task("ptbxl-rhythm"), store, "ptb-xl")
    assert f"atrial fibrillation ({labels['AFIB'].sum()})" in drawn
    refused(run(*words, "--map", tmp_path / "map.svg"), "map: found it without --task")
    other = ("--map", tmp_path / "m.svg", "--task", "ptbxl-rhythm")
    refused(run("embed", files / "a.hea", *MODEL, "--out", tmp_path / "f.csv", *other), "a.hea: no store")
