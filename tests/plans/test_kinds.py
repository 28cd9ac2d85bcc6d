"""Kinds of evaluations of a plan: the cells are those of the commands, and as many as expected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from melp.data.store import Store
from melp.evaluation.cells import read_cells
from melp.evaluation.disturbances import get_disturbances
from melp.evaluation.identification import identify
from melp.evaluation.retrieval import retrieve
from melp.evaluation.robustness import robustness
from melp.evaluation.transfer import transfer
from melp.hub import Model
from melp.plans.kinds import KINDS, evaluate
from melp.plans.schema import EvaluationPlan, Plan
from melp.tasks import get_task
from small_judging import (
    AnsweringMethod,
    BlindMethod,
    HashingMethod,
    small_model,
    write_csn_store,
    write_store,
)

RHYTHM = {"tasks": ["ptbxl-rhythm"], "folds": "9,10", "min_positives": 5}
DISTURBED = get_disturbances(["12", "V5"])


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Store]:
    """Small stores of two corpora."""
    return {
        "ptb-xl": write_store(tmp_path_factory.mktemp("ptb-xl")),
        "csn": write_csn_store(tmp_path_factory.mktemp("csn")),
    }


Ask = Callable[[Model, dict[str, Store], bool, Path], object]


def _retrieve(model: Model, stores: dict[str, Store], text: bool, out: Path) -> object:
    return retrieve(model, stores["ptb-xl"], (9, 10), out=out)


def _identify(model: Model, stores: dict[str, Store], text: bool, out: Path) -> object:
    return identify(model, stores["ptb-xl"], (9,), out=out)


def _robustness(model: Model, stores: dict[str, Store], text: bool, out: Path) -> object:
    chosen: dict[str, Any] = {"folds": (9, 10), "min_positives": 5, "out": out}
    readings = ["probe", "zero-shot"] if text else ["probe"]
    task = get_task("ptbxl-rhythm")
    return robustness(model, stores["ptb-xl"], task, DISTURBED, readings=readings, **chosen)


def _transfer(model: Model, stores: dict[str, Store], text: bool, out: Path) -> object:
    chosen: dict[str, Any] = {"train_folds": range(1, 6), "folds": (9, 10), "out": out}
    readings = ["probe", "prompts"] if text else ["probe"]
    task = get_task("csn")
    return transfer(model, stores["ptb-xl"], stores["csn"], task, readings=readings, **chosen)


TRANSFER = {"tasks": ["csn"], "store": "csn", "train_store": "ptb-xl", "train_folds": "1-5", "folds": "9,10"}
ASKED: list[tuple[str, dict[str, Any], Ask, int]] = [
    ("retrieval", {"folds": "9,10"}, _retrieve, 1),
    ("identification", {"folds": "9"}, _identify, 1),
    ("robustness", {**RHYTHM, "conditions": ["12", "V5"]}, _robustness, 4),
    ("transfer", TRANSFER, _transfer, 2),
]


@pytest.mark.parametrize(("kind", "settings", "ask", "count"), ASKED, ids=[kind for kind, *_ in ASKED])
@pytest.mark.parametrize("method", [HashingMethod, AnsweringMethod, BlindMethod])
def test_a_kind_writes_the_cells_of_its_command(
    kind: str,
    settings: dict[str, Any],
    ask: Ask,
    count: int,
    method: type[HashingMethod],
    stores: dict[str, Store],
    tmp_path: Path,
) -> None:
    if KINDS[kind].needs and method is not HashingMethod:
        pytest.skip("not evaluated so")
    text, model = method is not BlindMethod, small_model(method())
    entry = EvaluationPlan(**{"kind": kind, "store": "ptb-xl", **settings})
    evaluate(Plan(), entry, model, stores, tmp_path / "plan", tmp_path / "run")
    ask(model, stores, text, tmp_path / "command")
    keys = set(read_cells(tmp_path / "plan")["key"])
    assert keys == set(read_cells(tmp_path / "command")["key"])
    wanted = count if text or kind == "identification" else count // 2
    assert len(keys) == KINDS[kind].cells(entry, text) == wanted


@pytest.mark.parametrize(
    ("kind", "protocol", "count"),
    [
        ("zero-shot", "corrected", 1),
        ("probe", "corrected", 7),
        ("probe", "paper", 3),
        ("defects", "paper", 4),
    ],
)
def test_the_number_of_cells_of_a_task(kind: str, protocol: str, count: int) -> None:
    shares: dict[str, Any] = {"fractions": [1.0, 10.0, 100.0], "seeds": [0, 1, 2]}
    entry = EvaluationPlan(kind=kind, store="s", protocol=protocol, **shares)
    assert KINDS[kind].cells(entry, True) == count
