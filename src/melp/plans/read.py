"""Read a plan. A file may leave out what follows from these keys:

include: PLAN          a plan of the package or a file, with which this one is merged
model: {...}           settings of all models; their options precede those of each model
evaluation: {...}      settings of all evaluations
only: [TABLE, ...]     tables, or layouts of tables; the plan is reduced to what they need

A model without `method` has the method of its name, and a recipe such as laptop is METHOD/laptop. A store
that is a text is a folder. An evaluation without `store` is one for each store with corpora of its tasks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from melp.errors import MelpError, one_of
from melp.evaluation.layouts.layout import get_layout
from melp.plans.check import depends_on, evaluations_of
from melp.plans.kinds import check_kind
from melp.plans.schema import EvaluationPlan, Plan, TablePlan
from melp.recipes import merge_file
from melp.tasks import get_task

__all__ = ["list_plans", "read_plan"]


def list_plans() -> list[str]:
    """Return the names of the plans of the package, such as laptop/all; `_` begins those to include only."""
    return sorted(name for name in _files() if not name.startswith("_"))


def _files() -> dict[str, Path]:
    home = Path(str(files("melp.recipes"))) / "plans"
    return {file.relative_to(home).with_suffix("").as_posix(): file for file in home.rglob("*.yaml")}


def read_plan(name: str | Path, settings: Sequence[str] = ()) -> Plan:
    """Return a plan of the package, or of a YAML file, merged with settings.

    Args:
        name: one of `list_plans()`, or a file.
        settings: key=value, such as stores.ptb-xl=DIR.

    Raises:
        MelpError: an unknown plan, an unknown key, or a value of the wrong type.
    """
    chosen: list[str] = []

    def complete(plan: DictConfig) -> DictConfig:
        values: Any = OmegaConf.to_container(_with_included(plan))
        chosen.extend(map(str, values.pop("only", None) or ()))
        return OmegaConf.create(_completed(values))

    plan: Any = merge_file(Plan(), _file(name), settings, complete=complete)
    assert isinstance(plan, Plan)
    return _only(plan, chosen) if chosen else plan


def _file(name: str | Path) -> Path:
    file = _files().get(str(name), Path(name))
    if not file.is_file():
        wanted = one_of(name, list_plans())
        raise MelpError(f"plan: found {str(name)!r}, wanted a YAML file or {wanted}")
    return file


def _with_included(plan: DictConfig, seen: Sequence[Path] = ()) -> DictConfig:
    """Merge a plan with the one that it includes."""
    if (name := plan.pop("include", None)) is None:
        return plan
    file = _file(name)
    if file in seen:
        raise MelpError(f"include: found a circle at {name}, wanted a plan that does not include itself")
    included: Any = OmegaConf.load(file)
    merged = OmegaConf.merge(_with_included(included, [*seen, file]), plan)
    assert isinstance(merged, DictConfig)
    return merged


def _completed(plan: dict[str, Any]) -> dict[str, Any]:
    """Write out what a plan leaves to its other keys."""
    of_all = {name: _section(plan.pop(name, None), name) for name in ("model", "evaluation")}
    stores = {
        name: {"corpus": name} | ({"folder": entry} if isinstance(entry, str) else _section(entry, name))
        for name, entry in _section(plan.get("stores"), "stores").items()
    }
    models = {
        name: _model(name, _section(entry, name), of_all["model"])
        for name, entry in _section(plan.get("models"), "models").items()
    }
    evaluations = {
        one: setting
        for name, entry in _section(plan.get("evaluations"), "evaluations").items()
        for one, setting in _of_stores(name, of_all["evaluation"] | _section(entry, name), stores)
    }
    return plan | {"stores": stores, "models": models, "evaluations": evaluations}


def _section(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value or {}, dict):
        raise MelpError(f"{name}: found {value!r}, wanted keys with values")
    return {str(key): setting for key, setting in (value or {}).items()}


def _model(name: str, entry: dict[str, Any], of_all: Mapping[str, Any]) -> dict[str, Any]:
    merged = {"method": name, **of_all, **entry}
    recipe = str(merged.get("recipe", "/"))
    if "/" not in recipe and "." not in recipe:
        merged["recipe"] = f"{merged['method']}/{recipe}"
    return merged | {"options": [*of_all.get("options", ()), *entry.get("options", ())]}


def _of_stores(
    name: str, entry: dict[str, Any], stores: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield an evaluation for each store with corpora of its tasks, unless it names its store."""
    if "store" in entry or not isinstance(entry.get("tasks"), list):
        yield name, entry
        return
    tasks: dict[str, list[str]] = {}
    for task in entry["tasks"]:
        corpus = get_task(task).corpus
        found = [store for store, settings in stores.items() if settings["corpus"] == corpus]
        if not found:
            raise MelpError(f"evaluations.{name}.store: found no store of {corpus}, wanted one for {task}")
        tasks.setdefault(found[0], []).append(task)
    for store, own in tasks.items():
        yield f"{name}-{store}", {**entry, "store": store, "tasks": own}


def _only(plan: Plan, names: Sequence[str]) -> Plan:
    """Return a plan with some of its tables, and the evaluations and models that they need."""
    known = {name for title, table in plan.tables.items() for name in (title, table.layout)}
    if unknown := [name for name in names if name not in known]:
        wanted = one_of(unknown[0], sorted(known))
        raise MelpError(f"only: found {unknown[0]!r}, wanted {wanted}")
    tables = {name: one for name, one in plan.tables.items() if {name, one.layout} & set(names)}
    for title, entry in plan.evaluations.items():
        check_kind(f"evaluations.{title}", entry)
    feeding = {
        name: {title for title, one in evaluations_of(plan, name).items() if _feeds(one, name, tables)}
        for name in plan.models
    }
    shown = [name for name, titles in feeding.items() if titles]
    needed = set(shown)
    for name in shown:
        while name := depends_on(plan, name):
            needed.add(name)
    models = {
        name: replace(model, evaluated=name in shown) for name, model in plan.models.items() if name in needed
    }
    evaluations = {
        title: replace(entry, models=[name for name in entry.models if name in shown])
        for title, entry in plan.evaluations.items()
        if title in set().union(*feeding.values())
    }
    return replace(plan, models=models, evaluations=evaluations, tables=tables)


def _feeds(entry: EvaluationPlan, name: str, tables: Mapping[str, TablePlan]) -> bool:
    """Return whether the cells of a model by an evaluation are in one of the tables."""
    return any(
        get_layout(table.layout).shows(table.rename.get(name, name))
        and entry.kind == (get_layout(table.layout).kind or entry.kind)
        and entry.protocol == (table.protocol or entry.protocol)
        for table in tables.values()
    )
