"""The model in the package, its card, and the demo of the README."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from melp.cli import main
from melp.data.build import build
from melp.data.store import Store
from melp.evaluation.disturbances import get_disturbances
from melp.evaluation.probe import probe
from melp.evaluation.robustness import robustness
from melp.evaluation.zero_shot import zero_shot
from melp.hub import load
from melp.hub.model import INSIDE
from melp.quickstart.demo import LABELS, demo
from melp.tasks import get_task

ROOT = Path(__file__).parents[1]
TASKS = ("ptbxl-super", "ptbxl-rhythm", "ptbxl-form", "ptbxl-sub")
LEADS = ("limb", "I+II", "I", "V5")


def card() -> pd.DataFrame:
    """The scores of the card: task, kind, folds, metric, class, value."""
    lines = [line for line in (INSIDE / "README.md").read_text().splitlines() if line.startswith("| ptbxl")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    table = pd.DataFrame(rows).iloc[:, :6]
    table.columns = pd.Index(["task", "kind", "folds", "metric", "class", "value"])
    return table.assign(value=table["value"].astype(float))


def test_it_is_small_and_says_what_it_is() -> None:
    assert sum(file.stat().st_size for file in INSIDE.iterdir()) < 8e6
    model = load()
    assert model.name == "quest" and model.config["data"]["train_folds"] == list(range(1, 8))
    assert list(model.config["calibration"]) == list(TASKS)
    assert {entry["folds"][0] for entry in model.config["calibration"].values()} == {8}
    text = (INSIDE / "README.md").read_text()
    for line in ("PTB-XL: Wagner et al.", "CC BY 4.0", "Not a medical device", "melp simulate"):
        assert line in text, line
    assert set(card()["folds"]) == {"9,10"} and set(card()["task"]) == set(TASKS)


def test_without_labels_it_gives_calibrated_probabilities(tmp_path: Path) -> None:
    table = load().classify(demo(tmp_path).file)
    assert set(table["label"]) == set(get_task("ptbxl-super").classes)
    assert set(table["measure"]) == {"calibrated probability"} and table["score"].between(0, 1).all()


def test_the_demo_of_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["melp", "demo"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    page = (ROOT / "README.md").read_text()
    shown = re.search(r"<!-- output of melp demo -->\n```text\n(.*?)```", page, re.DOTALL)
    assert shown is not None
    number = re.compile(r"\d\.\d+")
    printed, text = capsys.readouterr().out.replace("\t", " "), shown[1]
    words = [" ".join(number.sub("#", part).split()) for part in (printed, text)]
    assert words[0] == words[1]
    values = [[float(found) for found in number.findall(part)] for part in (printed, text)]
    np.testing.assert_allclose(*values, atol=0.02)  # other processors round differently
    assert all(label in text for label in LABELS) and Path("demo/ecg.svg").stat().st_size > 10_000


@pytest.mark.slow
def test_its_card_has_what_an_evaluation_finds(ptb_xl: Path, tmp_path: Path) -> None:
    build("ptb-xl", ptb_xl, tmp_path / "store", rate=100, allow_missing=True, workers=2)
    model, store = load(), Store(tmp_path / "store")
    stated = card().set_index(["task", "kind", "metric", "class"])["value"]
    options: dict[str, Any] = {"folds": (9, 10), "min_positives": 5}
    tasks = [get_task(name) for name in TASKS]
    found = [
        *zero_shot(model, store, tasks, **options),
        *probe(model, store, tasks, train_folds=range(1, 8), **options),
        *robustness(model, store, tasks[0], get_disturbances(LEADS), readings=["zero-shot"], **options),
    ]
    for one in found:
        areas = one.metrics[one.metrics["metric"] == "auroc"]
        leads = one.cell.options.get("condition")
        kind = f"zero-shot, {leads} only" if leads else one.cell.kind
        for label, value in zip(areas["class"].fillna("all"), areas["value"], strict=True):
            key = (one.cell.task, kind, "auroc", label)
            if key in stated:
                assert value == pytest.approx(stated.pop(key), abs=0.002), key
    assert stated.empty


def test_a_denial_is_said_to_be_rare(tmp_path: Path) -> None:
    model, file = load(), demo(tmp_path).file
    note = model.classify(file, ["keine ST-Senkung", "st depression"]).attrs["note"]
    assert "Reports rarely say 'no st depression'" in note
    assert "rarely" not in model.classify(file, ["st depression"]).attrs["note"]
