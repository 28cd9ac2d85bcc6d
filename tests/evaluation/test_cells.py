"""Cells: their key, their files, and what is not computed again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import (
    CELLS,
    Cell,
    Evaluation,
    long_form,
    metric_table,
    read_cell,
    read_cells,
    write_cell,
)
from melp.evaluation.digests import model_digest, store_digest, task_digest
from melp.evaluation.leakage import Shared
from melp.evaluation.paper_probe import paper_probe
from melp.evaluation.paper_zero_shot import paper_zero_shot
from melp.evaluation.probe import KINDS, probe
from melp.evaluation.results import export_results
from melp.evaluation.zero_shot import zero_shot
from melp.hub import Model, load
from melp.tasks import get_task
from small_judging import HashingMethod, small_model
from small_published_labels import write_files

TASK = get_task("ptbxl-rhythm")
CELL = Cell("probe", "melp", "0123", "ptbxl-super", fraction=10, seed=1, folds="9,10", train_folds="1,2")
LABELS = pd.DataFrame({"B": [True, False], "A": [False, True]}, index=["y", "x"])
SCORES = pd.DataFrame({"A": [0.25, 0.5], "B": [0.75, 1.0]}, index=["x", "y"])
ROWS = [
    {"metric": "auroc", "class": None, "value": 0.8, "lo": 0.7, "hi": 0.9, "n": 451},
    {"metric": "auroc", "class": "PMI", "value": None, "n": 451, "positives": 0},
    {"metric": "auroc", "class": "AMI", "value": 0.8, "n": 451, "positives": 12},
]
ONE = Evaluation(
    CELL,
    metric_table(ROWS),
    {"name": "MELP", "method": "melp", "recipe": "melp/laptop", "seed": 3, "folder": "runs/a"},
    long_form(SCORES, LABELS),
    {"C": 0.01},
    Shared(1, 2, ("x",)),
    ("a line",),
)


@pytest.mark.parametrize(
    ("field", "other"),
    [("kind", "knn"), ("method", "merl"), ("weights", "4567"), ("task", "csn"), ("protocol", "paper"),
     ("folds", "10"), ("train_folds", "1"), ("fraction", 1), ("n_train", 5), ("seed", 2),
     ("min_positives", 2), ("store", "89ab"), ("train_store", "cdef"), ("options", {"prompts": ["a"]})],
)  # fmt: skip
def test_the_key_changes_with_any_field(field: str, other: object) -> None:
    assert replace(CELL, **{field: other}).key != CELL.key


def test_the_key_is_that_of_values() -> None:
    options = {"b": (1, 2), "a": {"y": 1.5, "x": "z"}}
    cell = replace(CELL, fraction=10, seed=np.int64(1), options=options)
    assert cell == replace(CELL, fraction=10.0, options={"a": {"x": "z", "y": 1.5}, "b": [1, 2]})
    assert len(cell.key) == 16 and int(cell.key, 16) >= 0
    # Written out, so that a change of the key is seen: it would make all results be computed again.
    assert CELL.key == "1330f13a4c7cf453"


def test_an_evaluation_is_read_as_written(tmp_path: Path) -> None:
    file = write_cell(ONE, tmp_path)
    assert file == tmp_path / "cells" / f"{CELL.key}.json"
    again = read_cell(tmp_path, CELL.key)
    assert again.cell == CELL and again.shared == ONE.shared and again.messages == ONE.messages
    assert again.model == ONE.model and again.selected == ONE.selected and again.left_out == ("PMI",)
    pd.testing.assert_frame_equal(again.metrics, ONE.metrics)
    pd.testing.assert_frame_equal(again.predictions, ONE.predictions)
    # By name, in the order of the labels.
    assert again.scores.to_numpy().tolist() == [[1.0, 0.5], [0.75, 0.25]]
    pd.testing.assert_frame_equal(again.labels, LABELS, check_names=False)
    assert again.metric("auroc", "AMI")["value"] == again.metric()["value"] == 0.8


def test_cells_are_read_as_one_table(tmp_path: Path) -> None:
    assert read_cells(tmp_path).empty and "value" in read_cells(tmp_path)
    write_cell(ONE, tmp_path)
    other = replace(CELL, seed=2, options={"beams": 2})
    group = [{"metric": "bleu4", "value": 0.5, "n": 7, "group": "sex=female"}]
    write_cell(Evaluation(other, metric_table(group)), tmp_path)
    table = read_cells(tmp_path).sort_values(["seed", "class"], na_position="first")
    assert table["seed"].tolist() == [1, 1, 1, 2] and table["class"].fillna("").tolist() == [
        "",
        "AMI",
        "PMI",
        "",
    ]
    assert table["value"].isna().tolist() == [False, False, True, False]
    assert table["positives"].fillna(-1).tolist() == [-1, 12, 0, -1] and table["n"].tolist() == [451] * 3 + [
        7
    ]
    assert (
        table["name"].replace({np.nan: None}).tolist() == ["MELP"] * 3 + [None]
        and table["training_seed"].tolist()[:3] == [3] * 3
    )
    assert set(table["key"]) == {CELL.key, other.key} and table["options"].tolist()[3] == '{"beams":2}'
    assert table["group"].tolist()[3] == "sex=female"
    (tmp_path / CELLS / f"{CELL.key}.json").write_text('{"cell": {"kind": "probe"}}')
    with pytest.raises(MelpError, match=r"cells/\w+\.json: found .*, wanted a cell"):
        read_cells(tmp_path)


def test_results_are_one_line_a_number(tmp_path: Path) -> None:
    with pytest.raises(MelpError, match="found no cells"):
        export_results(tmp_path)
    assert not list(tmp_path.iterdir())
    write_cell(ONE, tmp_path)
    results, predictions = export_results(tmp_path)
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    shown = {"method": "melp", "checkpoint": "runs/a", "task": "ptbxl-super", "protocol": "corrected"}
    shown |= {"fraction": 10, "seed": 1, "folds": "9,10", "train_folds": "1,2"}
    counts = {"n": 451, "n_train": 0, "left_out": ["PMI"], "shared_records": 1, "shared_patients": 2}
    date, version = lines[0].pop("date"), lines[0].pop("version")
    assert date.endswith("+00:00") and version
    number = {"metric": "auroc_macro", "value": 0.8, "lo": 0.7, "hi": 0.9}
    assert lines[0] == {**shown, **number, **counts, "config_hash": CELL.key}
    assert [line["metric"] for line in lines] == ["auroc_macro", "auroc/AMI"]
    assert lines[1]["left_out"] == [] and lines[1]["lo"] is None
    table = pd.read_parquet(predictions)
    assert list(table.columns) == [*shown, "id", "class", "score", "label"] and len(table) == 4
    assert table["id"].tolist() == ["y", "y", "x", "x"] and table["score"].tolist() == [1, 0.5, 0.75, 0.25]


Judge = Callable[..., list[Evaluation]]


@pytest.fixture(params=["zero-shot", "probe", "paper zero-shot", "paper probe"])
def judge(request: pytest.FixtureRequest, store: Store, tmp_path: Path) -> Judge:
    """An evaluation that takes a model, and keyword options."""
    tasks, files = [TASK], write_files(tmp_path / "files", store.index)
    return {
        "zero-shot": lambda model, **options: zero_shot(model, store, tasks, **options),
        "probe": lambda model, **options: probe(model, store, tasks, fractions=(50, 100), **options),
        "paper zero-shot": lambda model, **options: paper_zero_shot(model, store, tasks, files, **options),
        "paper probe": lambda model, **options: paper_probe(model, store, tasks, files, **options),
    }[request.param]


def test_a_cell_that_is_there_is_not_computed_again(
    judge: Judge, model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = judge(model, out=tmp_path)
    capsys.readouterr()
    broken = HashingMethod()
    broken.embed = broken.project_ecg = broken.embed_text = None  # type: ignore[assignment, method-assign]
    again = judge(small_model(broken), out=tmp_path)
    there = f"{len(first)} of {len(first)} cells are in {tmp_path}, nothing to compute"
    assert capsys.readouterr().err == f"melp: {first[0].cell.kind}: {there}\n"
    for one, other in zip(first, again, strict=True):
        assert one.cell == other.cell and one.messages == other.messages and one.model == other.model
        pd.testing.assert_frame_equal(one.metrics, other.metrics)
        pd.testing.assert_frame_equal(one.scores, other.scores)
    with pytest.raises(TypeError):
        judge(small_model(broken), out=tmp_path / "elsewhere")


def test_what_is_missing_is_computed_as_before(judge: Judge, model: Model, tmp_path: Path) -> None:
    first = judge(model, out=tmp_path)
    file = tmp_path / CELLS / f"{first[-1].cell.key}.json"
    written = file.read_text().splitlines()
    file.unlink()
    judge(model, out=tmp_path)
    assert [line for line in file.read_text().splitlines() if "date" not in line] == [
        line for line in written if "date" not in line
    ]


def test_each_cell_is_saved_before_the_next(
    model: Model, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = KINDS["linear"]

    def stopped(*arrays: Any, seed: int, device: torch.device) -> Any:
        if seed == 1:
            raise KeyboardInterrupt
        return kind.fit(*arrays, seed=seed, device=device)

    monkeypatch.setitem(KINDS, "linear", replace(kind, fit=stopped))
    with pytest.raises(KeyboardInterrupt):
        probe(model, store, [TASK], fractions=(20,), seeds=(0, 1, 2), out=tmp_path)
    assert read_cells(tmp_path)["seed"].unique().tolist() == [0]


def test_deciding_settings_change_the_key(model: Model, store: Store, tmp_path: Path) -> None:
    other = HashingMethod()
    torch.nn.init.ones_(other.anchor)
    prompts = {name: ["sinus rhythm"] for name in TASK.classes}

    def keys(evaluations: list[Evaluation]) -> list[str]:
        return [one.cell.key for one in evaluations]

    shown = [
        *keys(zero_shot(model, store, [TASK])),
        *keys(zero_shot(model, store, [TASK], folds=(9,))),
        *keys(zero_shot(model, store, [TASK], min_positives=2)),
        *keys(zero_shot(model, store, [TASK], prompts={TASK.name: prompts})),
        *keys(zero_shot(small_model(other), store, [TASK])),
        *keys(probe(model, store, [TASK], fractions=(20, 50, 100), seeds=(0, 1))),
        *keys(probe(model, store, [TASK], train_folds=(1, 2))),
        *keys(probe(model, store, [TASK], exclude_duplicates=False)),
    ]
    assert len(set(shown)) == len(shown) == 12
    assert keys(zero_shot(small_model(HashingMethod()), store, [TASK])) == shown[:1]
    # The task by its labels, not by its name alone.
    codes = {**TASK.codes, "AFIB": ("AFLT",)}
    assert task_digest(replace(TASK, codes=codes)) != task_digest(TASK) == task_digest(get_task(TASK.name))


def test_the_model_is_its_weights_and_settings_wherever_it_is(
    tiny_run: Path, synthetic_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_run, tmp_path / "copy", ignore=shutil.ignore_patterns("*.ckpt"))
    (tmp_path / "link").symlink_to(tmp_path / "copy")
    shutil.copytree(synthetic_store, tmp_path / "store")
    monkeypatch.chdir(tmp_path)
    places = [tiny_run, tmp_path / "copy", tmp_path / "link", Path("copy"), Path("store") / ".." / "copy"]
    stores = [Store(synthetic_store), Store("store"), Store(tmp_path / "store" / ".." / "store")]
    digests = {model_digest(load(place)) for place in places}
    assert len(digests) == 1 and len({store_digest(store) for store in stores}) == 1
    model = load("copy")
    for change in ("method", "preprocessing", "weights"):
        other = load("copy")
        if change == "method":
            other.method.config = replace(other.method.config, temperature=0.5)
        elif change == "preprocessing":
            other.preprocessing = replace(other.preprocessing, scaling="zscore")
        else:
            with torch.no_grad():
                next(other.method.parameters()).view(-1)[0] += 1
        assert model_digest(other) != model_digest(model), change
    manifest = json.loads((tmp_path / "store" / "manifest.json").read_text())
    for name in ("index.parquet", "shards"):
        changed = json.loads(json.dumps(manifest))
        if name == "shards":
            changed["shards"][0]["sha256"] = "0"
        else:
            changed["files"][name] = "0"
        (tmp_path / "store" / "manifest.json").write_text(json.dumps(changed))
        assert store_digest(Store("store")) != store_digest(stores[0])
    manifest["versions"]["melp"] = "9"
    manifest["files"]["missing.parquet"] = "0"  # it has paths
    (tmp_path / "store" / "manifest.json").write_text(json.dumps(manifest))
    assert store_digest(Store("store")) == store_digest(stores[0])
