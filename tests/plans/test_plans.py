"""Plans: what is refused before anything is trained, and what is done, once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from melp.errors import MelpError
from melp.evaluation.cells import read_cells
from melp.plans import bench as run_bench
from melp.plans import list_plans, read_plan
from melp.plans.check import check_plan
from melp.plans.schema import Plan
from melp.plans.units import Unit, clock, describe, list_units, missing_units, time_left

MODELS: dict[str, Any] = {
    "st-mem": {"method": "st_mem", "recipe": "st_mem/tiny", "store": "s", "seeds": [0, 1]},
    "begun": {"method": "st_mem", "recipe": "st_mem/tiny", "store": "s", "begin": "st-mem"},
    "untrained": {"method": "st_mem", "recipe": "st_mem/tiny", "store": "s", "untrained": True},
    "clocs": {"method": "clocs", "recipe": "clocs/tiny", "store": "s"},
}
MODELS = {name: {**model, "options": ["training.max_steps=1"]} for name, model in MODELS.items()}
PROBE: dict[str, Any] = {"kind": "probe", "store": "s", "tasks": ["synthetic"], "fractions": [20, 100]}


@pytest.fixture
def plan(synthetic_store: Path, tmp_path: Path) -> Callable[..., Plan]:
    """A plan of small models, with changes."""

    def make(**changes: Any) -> Plan:
        values = {"stores": {"s": str(synthetic_store)}, "models": MODELS, "evaluations": {"probe": PROBE}}
        file = tmp_path / "plan.yaml"
        file.write_text(yaml.safe_dump(values | changes, sort_keys=False))
        return read_plan(file)

    return make


@pytest.mark.parametrize("name", list_plans())
def test_plans_of_the_package_are_valid(name: str, synthetic_store: Path) -> None:
    plan = read_plan(name, [f"stores.ptb-xl={synthetic_store}"])
    assert plan.stores["ptb-xl"].folder == str(synthetic_store)
    # The tables of these are docs/defects.md and the card of the model.
    assert bool(plan.tables) != (name in ("laptop/defects", "mini"))
    units = list_units(plan)
    models = {(model, unit.seed) for unit in units for model in unit.models}
    assert models == {(name, seed) for name, model in plan.models.items() for seed in model.seeds}
    for entry in plan.evaluations.values():
        assert set(entry.models) <= set(plan.models)
    if name == "rehearsal":
        check_plan(read_plan(name))
        return
    with pytest.raises(MelpError, match=r"stores\.\S+: found no folder, wanted stores\.\S+=DIR"):
        check_plan(read_plan(name))


def test_units_of_parts_are_all_units_once(plan: Callable[..., Plan]) -> None:
    units = list_units(plan())
    assert units == [
        # The untrained network, and the model that begins with the run, need it.
        Unit(("st-mem", "begun", "untrained"), 0),
        Unit(("clocs",), 0),
        Unit(("st-mem",), 1),
    ]
    for count in (2, 3, 4):
        parts = [list_units(plan(), (number, count)) for number in range(1, count + 1)]
        assert sorted(map(str, units)) == sorted(str(unit) for part in parts for unit in part)


ZERO_SHOT = {**PROBE, "kind": "zero-shot"}
INVALID: list[tuple[dict[str, Any], str]] = [
    ({"modelz": {}}, "modelz"),
    ({"models": {"a": {**MODELS["clocs"], "metod": "x"}}}, "metod"),
    (
        {"models": {"a": {**MODELS["clocs"], "method": "clocsy"}}},
        "models.a: method: 'clocsy' found, wanted one of astcl, ",
    ),
    ({"models": {"a": {**MODELS["clocs"], "recipe": "clocs/huge"}}}, "recipe: 'clocs/huge' found"),
    ({"models": {"a": {**MODELS["clocs"], "options": ["training.stepz=1"]}}}, "stepz"),
    ({"models": {"a": {**MODELS["clocs"], "store": "t"}}}, "models.a.store: found 't', wanted one of s"),
    ({"models": {"a": {**MODELS["clocs"], "seeds": []}}}, "models.a.seeds: found none"),
    ({"models": {"a": MODELS["clocs"], "b": MODELS["clocs"]}}, "models.b: found the same as models.a"),
    ({"models": {"a": MODELS["untrained"]}}, "models.a: found no such model in the plan, wanted a trained"),
    (
        {"models": {"a": MODELS["begun"]}},
        "models.a: found no such model in the plan, wanted the model st-mem",
    ),
    ({"models": {"a": {**MODELS["clocs"], "begin": "a"}}}, "models.a: found no such model"),
    ({"models": {}}, "found no models or no evaluations"),
    ({"evaluations": {"p": {**PROBE, "kind": "prob"}}}, "evaluations.p.kind: found 'prob', wanted one of"),
    ({"evaluations": {"p": {**PROBE, "tasks": ["ptbxl"]}}}, "task: found 'ptbxl'"),
    ({"evaluations": {"p": {**PROBE, "tasks": []}}}, "evaluations.p.tasks: found none, wanted at least one"),
    (
        {"evaluations": {"p": {**PROBE, "tasks": ["csn"]}}},
        "evaluations.p.store: found s, a store of synthetic (",
    ),
    ({"evaluations": {"p": {**PROBE, "folds": "x"}}}, "folds: found 'x'"),
    ({"evaluations": {"p": {**PROBE, "protocol": "papr"}}}, "evaluations.p.protocol: found 'papr'"),
    ({"evaluations": {"p": {**PROBE, "protocol": "paper"}}}, "published_splits: found ''"),
    (
        {"evaluations": {"p": {**PROBE, "kind": "retrieval"}}},
        "evaluations.p.tasks: found synthetic, wanted none",
    ),
    (
        {"evaluations": {"p": {**PROBE, "conditions": ["V9"]}}},
        "conditions: found 'V9', wanted one of 12, limb",
    ),
    ({"evaluations": {"p": {**PROBE, "kind": "transfer"}}}, "evaluations.p.train_store: found none"),
    (
        {"evaluations": {"p": {**PROBE, "kind": "transfer", "train_store": "s"}}},
        "train-data: found synthetic, wanted another corpus",
    ),
    ({"evaluations": {"p": {**PROBE, "models": ["melp"]}}}, "evaluations.p.models: found 'melp'"),
    ({"evaluations": {"z": {**ZERO_SHOT, "models": ["clocs"]}}}, "found clocs, which cannot be evaluated by"),
    ({"tables": {"t": {"layout": "liner-probe"}}}, "liner-probe"),
    ({"tables": {"t": {"layout": "losses", "rename": {"melp": "global"}}}}, "tables.t.rename: found 'melp'"),
    ({"stores": {"s": {"simulate": 9}}}, "corpus: found 's', wanted one of"),
    ({"stores": {"s": {"simulate": 9, "corpus": "georgia"}}}, "corpus: found 'georgia', wanted one of code-"),
    ({"stores": {"s": {"foldr": "x"}}}, "foldr"),
    ({"models": 3}, "models: found 3, wanted keys with values"),
]


@pytest.mark.parametrize(("changes", "message"), INVALID, ids=[message for _, message in INVALID])
def test_bad_plans_are_refused_before_anything_is_trained(
    plan: Callable[..., Plan], changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(MelpError) as error:
        run_bench(plan(**changes), tmp_path / "out")
    assert message in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_class_without_prompts_is_refused(plan: Callable[..., Plan], tmp_path: Path) -> None:
    classes = "{A: {codes: [AFIB], prompts: [atrial fibrillation]}, B: {codes: [SR]}}"
    task = f"corpus: synthetic\nclasses: {classes}\n"
    (tmp_path / "own.yaml").write_text(task)
    entry = {**ZERO_SHOT, "tasks": [str(tmp_path / "own.yaml")]}
    with pytest.raises(
        MelpError, match=r"own\.yaml: found no prompts for B, wanted prompts: \[\.\.\.\] in every class"
    ):
        check_plan(plan(evaluations={"z": entry}))


def written(out: Path) -> dict[str, int]:
    """When each file of an experiment was written, tables and the plan left out."""
    files = [*out.glob("cells/*"), *out.glob("runs/*/model.safetensors")]
    return {str(file.relative_to(out)): file.stat().st_mtime_ns for file in files}


def test_a_plan_that_was_stopped_is_resumed(
    plan: Callable[..., Plan],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from melp.evaluation import evaluate as module

    small, out, write = plan(), tmp_path / "out", module.write_cell
    left = [3]

    def stopped(*arguments: Any) -> Path:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return write(*arguments)

    monkeypatch.setattr(module, "write_cell", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_bench(small, out)
    before = written(out)
    assert len(read_cells(out)["key"].unique()) == 2
    states = {row[0]: row[1:3] for row in describe(small, out)}
    assert states["st-mem-0"] == ("trained", "2/2") and states["clocs-0"] == ("to train", "0/2")
    assert [unit.name for unit in missing_units(small, out, list_units(small))] == [
        "st-mem-0",
        "clocs-0",
        "st-mem-1",
    ]
    monkeypatch.setattr(module, "write_cell", write)
    run_bench(small, out)
    assert written(out).items() >= before.items()
    cells = read_cells(out)
    shown = cells[["name", "training_seed", "recipe", "fraction"]].drop_duplicates()
    expected = [
        (name, seed, MODELS[name]["recipe"], fraction)
        for name, seed in [("st-mem", 0), ("begun", 0), ("untrained", 0), ("clocs", 0), ("st-mem", 1)]
        for fraction in (20, 100)
    ]
    assert sorted(shown.itertuples(index=False, name=None)) == sorted(expected)
    assert cells["weights"].nunique() == 5 and "3 of 3 runs, st-mem-1 done" in capsys.readouterr().err
    assert yaml.safe_load((out / "plan.yaml").read_text())["models"]["clocs"]["seeds"] == [0]
    # Nothing is left to do, and another experiment has the same numbers.
    once = written(out)
    run_bench(small, out)
    assert written(out) == once and not missing_units(small, out, list_units(small))
    assert {row[:3] for row in describe(small, out)} == {
        ("st-mem-0", "trained", "2/2"), ("begun-0", "trained", "2/2"), ("untrained-0", "untrained", "2/2"),
        ("clocs-0", "trained", "2/2"), ("st-mem-1", "trained", "2/2"),
    }  # fmt: skip
    run_bench(small, tmp_path / "parts", part=(2, 3))
    again = read_cells(tmp_path / "parts")
    assert set(again["name"]) == {"clocs"}
    pd.testing.assert_frame_equal(again, cells[cells["name"] == "clocs"].reset_index(drop=True))


def test_the_time_left_is_that_of_the_same_models() -> None:
    slow, fast = Unit(("slow",), 0), Unit(("fast",), 0)
    seconds = {slow: 3000.0, fast: 600.0}
    # One after the other, and two at once.
    left = [Unit(("slow",), 1), Unit(("slow",), 2), Unit(("fast",), 1)]
    assert time_left(seconds, left, 3600) == ", about 1 h 50 min left"
    assert time_left(seconds, left, 1800) == ", about 55 min left"
    # Others take the mean of all; nothing is known before one is done.
    assert time_left(seconds, [Unit(("other",), 0)], 3600) == ", about 30 min left"
    assert time_left({}, left, 5) == time_left(seconds, [], 3600) == ""
    assert [clock(second) for second in (3, 99, 119, 3569, 3571, 4800)] == [
        "3 s", "99 s", "2 min", "59 min", "1 h 0 min", "1 h 20 min",
    ]  # fmt: skip


def test_a_failed_run_does_not_stop_the_others(
    plan: Callable[..., Plan],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from melp.plans import run as module

    def pretrain(name: str, *arguments: Any) -> Path:
        raise MelpError(f"{name}: too large")

    monkeypatch.setattr(module, "pretrain", pretrain)
    with pytest.raises(MelpError, match=r"3 of 3 runs failed; st-mem-0: st_mem: too large"):
        module.bench(plan(), tmp_path / "out")
    assert "2 of 3 runs, clocs-0 failed: clocs: too large" in capsys.readouterr().err


@pytest.mark.slow
def test_processes_compute_the_same_cells(plan: Callable[..., Plan], tmp_path: Path) -> None:
    small = plan(models={"st-mem": MODELS["st-mem"]})
    run_bench(small, tmp_path / "one")
    run_bench(small, tmp_path / "two", jobs=2)
    assert not multiprocessing.active_children()
    pd.testing.assert_frame_equal(read_cells(tmp_path / "one"), read_cells(tmp_path / "two"))
