"""The commands that ask further questions, from the command line to their cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from melp.data.store import Store
from melp.evaluation.cells import read_cells
from small_cli import Run, refused
from small_judging import HashingMethod, small_model, write_store


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small store."""
    return write_store(tmp_path_factory.mktemp("store")).path


@pytest.fixture(autouse=True)
def known_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every folder that of the small model."""
    monkeypatch.setattr("melp.hub.load", lambda *_: small_model(HashingMethod()))


def test_retrieve_prints_values_beside_chance(run: Run, data: Path, tmp_path: Path) -> None:
    code, out, _ = run("retrieve", "model", "--data", data, "--out", tmp_path, "--folds", "9,10")
    assert code == 0
    cells = read_cells(tmp_path)
    assert set(cells["kind"]) == {"retrieval"} and set(cells["folds"]) == {"9,10"}
    row = cells[(cells["metric"] == "recall@5") & (cells["class"] == "ecg-to-report")].iloc[0]
    (line,) = [line for line in out.splitlines() if "ecg-to-report" in line and "recall@5" in line]
    assert f"{row['value']:.3f}" in line and f"{row['chance']:.3f}" in line


def test_identify_says_who_is_in_the_gallery(run: Run, data: Path, tmp_path: Path) -> None:
    code, out, err = run("identify", "model", "--data", data, "--out", tmp_path, "--folds", "9")
    assert code == 0 and "rank@1" in out and "equal_error_rate" in out
    assert "12 recordings of 12 patients against a gallery of 12 recordings" in err
    (tmp_path / "ids.csv").write_text("id\nr001\nr003\n")
    lists = ("--gallery", tmp_path / "ids.csv", "--probes", tmp_path / "ids.csv")
    code, _, err = run("identify", "model", "--data", data, "--out", tmp_path, *lists)
    assert code == 0 and "first recordings by lists" in err
    refused(run("identify", "model", "--data", data, "--out", tmp_path, *lists[:2]), "wanted both or neither")


def test_robustness_has_a_row_for_each_reading_and_condition(run: Run, data: Path, tmp_path: Path) -> None:
    words = ("robustness", "model", "--data", data, "--task", "ptbxl-rhythm", "--out", tmp_path)
    chosen = ("--conditions", "12,V5", "--by", "zero-shot", "--folds", "9,10", "--min-positives", "5")
    code, out, _ = run(*words, *chosen)
    assert code == 0 and "zero-shot, V5" in out and "auroc_change" in out
    assert len(set(read_cells(tmp_path)["key"])) == 2
    refused(run(*words, "--conditions", "V9"), "conditions: found 'V9', wanted one of 12, limb")


def test_transfer_wants_another_corpus(run: Run, data: Path, tmp_path: Path) -> None:
    words = ("transfer", "model", "--data", data, "--train-data", data, "--out", tmp_path)
    refused(run(*words, "--task", "ptbxl-rhythm"), "found ptb-xl, wanted another corpus")
    refused(run(*words, "--task", "csn"), "found ptb-xl, wanted csn for task csn")
    assert not (tmp_path / "cells").exists() and len(Store(data)) == 240


def test_zero_shot_by_beats_is_refused_without_beats(run: Run, data: Path, tmp_path: Path) -> None:
    words = ("zero-shot", "model", "--task", "ptbxl-rhythm", "--data", data, "--out", tmp_path)
    refused(run(*words, "--similarity", "local"), "has no beats, wanted a MELP model, or --similarity global")
