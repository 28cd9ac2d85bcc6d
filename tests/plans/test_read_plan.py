"""What a plan leaves out, and what it takes from another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from melp.errors import MelpError
from melp.evaluation.layouts.layout import LAYOUTS
from melp.plans import read_plan
from melp.plans.schema import ModelPlan, StorePlan

BASE = """
stores: {ptb-xl: {rate: 100}, csn: {simulate: 60}}
model: {recipe: tiny, store: ptb-xl, seeds: [0, 1], options: [a=1]}
models:
  clocs: {}
  begun: {method: clocs, recipe: clocs/laptop, begin: clocs, options: [b=2]}
evaluation: {tasks: [csn, ptbxl-form, ptbxl-sub], fractions: [10]}
evaluations:
  p: {kind: probe}
  q: {kind: probe, protocol: paper, tasks: [csn]}
  z: {kind: zero-shot, store: csn, tasks: [csn]}
"""


def test_a_plan_is_written_out(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "plan.yaml").write_text(
        f"include: {tmp_path / 'base.yaml'}\nmodel: {{seeds: [3]}}\nevaluations: {{p: {{min_positives: 5}}}}"
    )
    plan = read_plan(tmp_path / "plan.yaml", ["stores.csn.raw=DIR", "stores.ptb-xl=STORE"])
    assert plan.stores == {
        "ptb-xl": StorePlan(folder="STORE", corpus="ptb-xl"),
        "csn": StorePlan(raw="DIR", simulate=60, corpus="csn"),
    }
    assert plan.models == {
        "clocs": ModelPlan("clocs", "clocs/tiny", ["a=1"], "ptb-xl", [3]),
        "begun": ModelPlan("clocs", "clocs/laptop", ["a=1", "b=2"], "ptb-xl", [3], begin="clocs"),
    }
    found = {
        name: (one.store, one.tasks, one.protocol, one.min_positives, one.fractions)
        for name, one in plan.evaluations.items()
    }
    assert found == {
        "p-csn": ("csn", ["csn"], "corrected", 5, [10]),
        "p-ptb-xl": ("ptb-xl", ["ptbxl-form", "ptbxl-sub"], "corrected", 5, [10]),
        "q-csn": ("csn", ["csn"], "paper", 1, [10]),
        "z": ("csn", ["csn"], "corrected", 1, [10]),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("include: plan.yaml", "include: found a circle at plan.yaml"),
        ("include: nothing", "plan: found 'nothing', wanted a YAML file or one of laptop/all,"),
        ("include: laptop/all\nonly: [loses]", "only: found 'loses', wanted one of encoders,"),
        (
            "evaluations: {p: {kind: probe, tasks: [csn]}}",
            "evaluations.p.store: found no store of csn, wanted",
        ),
        ("model: tiny", "model: found 'tiny', wanted keys with values"),
    ],
)
def test_bad_files(text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plan.yaml").write_text(text)
    with pytest.raises(MelpError) as error:
        read_plan("plan.yaml")
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["laptop", "paper"])
def test_four_tables_need_each_model_once(name: str) -> None:
    plan = read_plan(f"{name}/all")
    for layout in LAYOUTS.values():
        part = read_plan(f"{name}/{layout.name}")
        assert list(part.tables) == [f"{layout.name}-corrected", f"{layout.name}-paper"]
        assert {one.kind for one in part.evaluations.values()} == {layout.kind}
        for table in part.tables.values():
            rows = {table.rename.get(model, model) for model, one in part.models.items() if one.evaluated}
            # QUEST has a place in the tables, but is not the paper's.
            models = {"merl", "melp"} if layout.kind == "zero-shot" else set(layout.models) - {"quest"}
            assert rows == models
        # A model that others begin with is trained, and not judged.
        begun = [model for model, one in part.models.items() if not one.evaluated]
        assert begun == (["cmsc"] if layout.name == "encoders" else [])
        assert part.tables.items() <= plan.tables.items()
    trained = [yaml.safe_dump(vars(replace(one, evaluated=True))) for one in plan.models.values()]
    assert len(set(trained)) == len(trained) == 15 + 6 + 3


def test_a_table_of_one_protocol() -> None:
    plan = read_plan("paper/all", ["only=[zero-shot-paper]"])
    assert list(plan.tables) == ["zero-shot-paper"] and list(plan.models) == ["merl", "melp"]
    assert list(plan.evaluations) == [f"zero-shot-paper-{store}" for store in ("ptb-xl", "cpsc2018", "csn")]


def test_runs_of_the_laptop_have_names_and_recipes_that_stay() -> None:
    for name, model in read_plan("laptop/linear-probe").models.items():
        method = "melp" if name == "untrained" else name
        assert model == ModelPlan(
            method, f"{method}/laptop", [], "ptb-xl", [0, 1, 2], untrained=name == "untrained"
        )
