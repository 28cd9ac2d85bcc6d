"""The commands that evaluate a model, from the command line to their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from melp.data.store import Store
from melp.errors import MelpError
from melp.hub import Model
from melp.hub.records import identify_records
from small_cli import Run, refused
from small_judging import HashingMethod, small_model, write_store
from small_published_labels import write_files


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small store."""
    return write_store(tmp_path_factory.mktemp("store")).path


@pytest.fixture(autouse=True)
def known_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `model` the folder of the small model."""

    def load(folder: Path, device: object = "cpu") -> Model:
        if Path(folder) != Path("model"):
            raise MelpError(f"{folder}: no model folder")
        return small_model(HashingMethod())

    monkeypatch.setattr("melp.hub.load", load)


def exported(run: Run, folder: Path) -> list[dict[str, Any]]:
    """Return the lines that `melp results` writes."""
    assert run("results", folder)[0] == 0
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_zero_shot(run: Run, data: Path, tmp_path: Path) -> None:
    code, out, _ = run(
        "zero-shot", "model", "--task", "ptbxl-rhythm", "--data", data,
        "--out", tmp_path, "--folds", "9,10", "--min-positives", "5",
    )  # fmt: skip
    assert code == 0 and "ptbxl-rhythm" in out
    lines = exported(run, tmp_path)
    (macro,) = [line for line in lines if line["metric"] == "auroc_macro"]
    classes = {line["metric"]: line["value"] for line in lines if line["metric"] != "auroc_macro"}
    assert macro["value"] == pytest.approx(np.mean(list(classes.values())))
    assert macro["lo"] < macro["value"] < macro["hi"] and "PACE" in macro["left_out"]
    predictions = pd.read_parquet(tmp_path / "predictions.parquet")
    assert len(predictions) == 12 * macro["n"]


def test_probe(run: Run, data: Path, tmp_path: Path) -> None:
    words = ("probe", "model", "--task", "ptbxl-rhythm,ptbxl-super", "--data", data, "--out", tmp_path)
    # The small store contains only rhythms: no record has a label of the second task.
    assert run(*words)[0] == 2
    assert list(tmp_path.iterdir()) == []
    words = ("probe", "model", "--task", "ptbxl-rhythm", "--data", data, "--out", tmp_path)
    assert run(*words, "--fraction", "10,100", "--seeds", "2", "--train-folds", "1-4,6")[0] == 0
    lines = exported(run, tmp_path)
    cells = [(line["fraction"], line["seed"]) for line in lines if line["metric"] == "auroc_macro"]
    assert sorted(cells) == [(10, 0), (10, 1), (100, 0)]
    assert run(*words, "--split", "validation")[0] == 0
    last = {line["train_folds"] for line in exported(run, tmp_path) if line["folds"] == "9"}
    assert last == {"1,2,3,4,5,6,7,8"}
    assert {line["train_folds"] for line in lines} == {"1,2,3,4,6"} and {line["folds"] for line in lines} == {
        "10"
    }


def test_generate_and_embed(run: Run, data: Path, tmp_path: Path) -> None:
    assert run("generate", "model", "--data", data, "--out", tmp_path, "--folds", "9-10")[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"reports.parquet", "reports.txt", "cells"}
    words = ("embed", data, "--model", "model", "--out", tmp_path / "e")
    assert run(*words, "--folds", "3")[0] == 0
    assert np.load(tmp_path / "e" / "embeddings.npy").shape == (24, 12)
    ids, index = pd.read_parquet(tmp_path / "e" / "ids.parquet"), Store(data).index
    wanted = index.loc[index["fold"] == 3, ["id", "patient", "fold"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(ids, wanted)
    refused(run(*words, "--space", "x"), "space: found 'x'")


RHYTHM = "model --task ptbxl-rhythm"
PUBLISHED = f"{RHYTHM} --protocol paper --published-splits ."
INVALID = [
    ("zero-shot model --task ptbxl", "task: found 'ptbxl', wanted a YAML file or one of"),
    ("zero-shot nothing --task ptbxl-rhythm", "nothing: no model folder"),
    (f"zero-shot {RHYTHM} --folds x", "folds: found 'x'"),
    (f"zero-shot {RHYTHM} --split dev", "split: found 'dev'"),
    (f"zero-shot {RHYTHM} --prompts none.json", "none.json: "),
    (f"probe {RHYTHM} --fraction 0", "fraction: found '0'"),
    (f"probe {RHYTHM} --kind knn", "kind: found 'knn', wanted one of linear, neighbours, attentive"),
    (f"probe {RHYTHM} --train-folds 10", "10 both evaluated and trained on"),
    (f"probe {RHYTHM} --train-data x", "x: no store"),
    ("generate model --folds 55", "no reports in folds 55"),
    (f"zero-shot {RHYTHM} --protocol papr", "protocol: found 'papr', wanted corrected or paper"),
    (f"zero-shot {RHYTHM} --protocol paper", "protocol paper: no --published-splits found"),
    (f"probe {RHYTHM} --published-splits .", "published-splits: found without --protocol paper"),
    (f"probe {PUBLISHED} --seeds 2", "--seeds found"),
    (f"probe {PUBLISHED} --kind attentive", "--kind found"),
    (f"zero-shot {PUBLISHED} --folds 9", "--folds found"),
    (f"zero-shot {PUBLISHED[:-1]}x", "x: no such folder"),
    (f"probe {PUBLISHED}", ".: no ptbxl_rhythm_train.csv found"),
]


@pytest.mark.parametrize(("words", "message"), INVALID, ids=[words for words, _ in INVALID])
def test_invalid_options(
    run: Run,
    words: str,
    message: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(run(*words.split(), "--data", data, "--out", tmp_path / "out"), message)
    assert list(tmp_path.iterdir()) == []


def test_protocol_paper(run: Run, data: Path, tmp_path: Path) -> None:
    index = Store(data).index
    files = write_files(tmp_path / "published", index, absent=2)
    words = ("--task", "ptbxl-rhythm", "--data", data, "--out", tmp_path, "--protocol", "paper")
    words += ("--published-splits", files)
    code, _, error = run("zero-shot", "model", *words, "--split", "validation")
    prompts, missing, empty = error.splitlines()
    assert code == 0 and prompts.startswith("ptbxl-rhythm: no CKEPE_prompt*.json found in ")
    assert missing.startswith("ptbxl_rhythm_val.csv: 2 of 26 records are not in")
    assert empty.endswith("among the records evaluated; these count 0")
    assert run("probe", "model", *words, "--fraction", "50,100")[0] == 0
    lines = pd.DataFrame(exported(run, tmp_path))
    macro = lines[lines["metric"] == "auroc_macro"].sort_values("fraction")
    assert set(macro["protocol"]) == {"paper"} and macro["folds"].tolist() == ["val", "test", "test"]
    assert macro["fraction"].tolist() == [0, 50, 100] and macro["seed"].tolist() == [0, 42, 42]
    predictions = pd.read_parquet(tmp_path / "predictions.parquet")
    tests = predictions[predictions["fraction"] == 100]
    assert set(tests["id"]) == set(index.loc[index["fold"] == 10, "id"])
    assert tests.groupby("id")["score"].sum().to_numpy() == pytest.approx(1, abs=1e-4)


def test_shared_records_are_one_line(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(data)
    monkeypatch.setattr(
        "melp.evaluation.leakage.read_training_records",
        lambda folder: identify_records(store, np.arange(0, 240, 2)),
    )
    words = ("zero-shot", "model", "--task", "ptbxl-rhythm", "--data", data, "--out", tmp_path)
    code, _, error = run(*words)
    line = (
        "ptbxl-rhythm: model was trained on 12 of the 24 records evaluated "
        "(r018, r038, r058, r078, r098, ...), "
    )
    assert (code, error) == (0, line + "and on 12 of their patients\n")
    results = pd.DataFrame(exported(run, tmp_path))
    assert set(results["shared_records"]) == set(results["shared_patients"]) == {12}
