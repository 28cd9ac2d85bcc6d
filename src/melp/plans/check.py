"""Checks of a plan before anything is trained."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from melp.corpora import get_corpus
from melp.data.store import SIMULATED, Store
from melp.errors import MelpError, one_of
from melp.evaluation.layouts.layout import get_layout
from melp.plans.kinds import KINDS, can_be_evaluated, check_kind, check_transfer, count_cells, folds_of
from melp.plans.schema import EvaluationPlan, ModelPlan, Plan
from melp.recipes import load_finetune_recipe, load_recipe
from melp.simulator.corpora import get_simulated
from melp.tasks import get_task
from melp.training.recipe import Recipe

__all__ = [
    "check_plan",
    "depends_on",
    "evaluations_of",
    "expected_cells",
    "recipe_of",
    "root_of",
    "run_folder",
]


def check_plan(plan: Plan) -> None:
    """Check a plan; its stores are opened, but for those that are not made yet.

    Raises:
        MelpError: an unknown method, recipe, task, kind, store or model; a store without a task's corpus; a
            class without a prompt; or two models that are the same.
    """
    if not plan.models or not plan.evaluations:
        raise MelpError("plan: found no models or no evaluations, wanted at least one of each")
    corpora = {name: _corpora(plan, name) for name in plan.stores}
    _check_models(plan)
    for name, entry in plan.evaluations.items():
        _check_evaluation(plan, f"evaluations.{name}", entry, corpora)
    for name, table in plan.tables.items():
        get_layout(table.layout)
        if unknown := sorted(set(table.rename) - set(plan.models)):
            wanted = one_of(unknown[0], plan.models)
            raise MelpError(f"tables.{name}.rename: found {unknown[0]!r}, wanted {wanted}")


def _corpora(plan: Plan, name: str) -> list[str]:
    """Return the corpora of a store."""
    entry = plan.stores[name]
    if entry.folder:
        return [str(corpus) for corpus in np.unique(Store(entry.folder).column("corpus"))]
    if entry.is_joined:
        return _joined_corpora(plan, name)
    if not entry.raw and not entry.simulate:
        ways = f"stores.{name}=DIR, stores.{name}.raw=DIR or stores.{name}.simulate=NUMBER"
        raise MelpError(f"stores.{name}: found no folder, wanted {ways}")
    get_corpus(entry.corpus)
    if not entry.raw:
        get_simulated(entry.corpus)
    return [entry.corpus]


def _joined_corpora(plan: Plan, name: str) -> list[str]:
    corpora = list[str]()
    for other in plan.stores[name].join:
        if other not in plan.stores or plan.stores[other].join:
            wanted = one_of(other, [one for one, entry in plan.stores.items() if not entry.join])
            raise MelpError(f"stores.{name}.join: found {other!r}, wanted {wanted}")
        simulated = plan.stores[other].simulate and not plan.stores[other].raw
        corpora += [SIMULATED + one if simulated else one for one in _corpora(plan, other)]
    return corpora


def recipe_of(entry: ModelPlan, seed: int, begin: Path | None = None) -> Recipe:
    """Return the recipe of a model with a seed, which is also that of its language model.

    `begin` is the run whose encoder initialises it.
    """
    own = [
        f"training.seed={seed}",
        f"stage1.training.seed={seed}",
        *([f"init_from={begin}"] if begin else []),
    ]
    return load_recipe(entry.method, entry.recipe, [*entry.options, *own])


def depends_on(plan: Plan, name: str) -> str:
    """Return the model whose run a model needs: of its network, if it is untrained, or to begin with.

    Raises:
        MelpError: there is none with its seeds.
    """
    entry = plan.models[name]
    others = [entry.begin] if entry.begin else []
    if entry.untrained:
        others = [
            other
            for other, one in plan.models.items()
            if (one.method, one.recipe, one.options) == (entry.method, entry.recipe, entry.options)
            and not one.untrained
        ]
    elif not entry.begin:
        return ""
    for other in others:
        if other in plan.models and other != name and set(entry.seeds) <= set(plan.models[other].seeds):
            return other
    wanted = f"a trained model of {entry.recipe}" if entry.untrained else f"the model {entry.begin}"
    raise MelpError(f"models.{name}: found no such model in the plan, wanted {wanted} with its seeds")


def root_of(plan: Plan, name: str) -> str:
    """Return the model that a model depends on in the end; itself if it depends on none."""
    seen = [name]
    while other := depends_on(plan, seen[-1]):
        if other in seen:
            raise MelpError(f"models.{name}.begin: found a circle, wanted a model that begins at random")
        seen.append(other)
    return seen[-1]


def _check_models(plan: Plan) -> None:
    known: dict[str, str] = {}
    for name, entry in plan.models.items():
        _check_store(f"models.{name}.store", entry.store, plan)
        if not entry.seeds:
            raise MelpError(f"models.{name}.seeds: found none, wanted at least one")
        try:
            recipe_of(entry, entry.seeds[0])
        except MelpError as error:
            raise MelpError(f"models.{name}: {error}") from error
        root_of(plan, name)
        training = json.dumps({**asdict(entry), "seeds": None, "evaluated": None}, sort_keys=True)
        if training in known:
            raise MelpError(f"models.{name}: found the same as models.{known[training]}, wanted it once")
        known[training] = name


def _check_evaluation(
    plan: Plan, where: str, entry: EvaluationPlan, corpora: Mapping[str, Sequence[str]]
) -> None:
    check_kind(where, entry)
    _check_store(f"{where}.store", entry.store, plan)
    if entry.train_store:
        _check_store(f"{where}.train_store", entry.train_store, plan)
    for text in (entry.folds, entry.train_folds):
        folds_of(text)
    load_finetune_recipe(entry.options)
    for name in entry.tasks:
        task = get_task(name)
        if task.corpus not in corpora[entry.store]:
            place = plan.stores[entry.store].folder or "to be made"
            found = f"{entry.store}, a store of {', '.join(corpora[entry.store])} ({place})"
            wanted = f"one of {task.corpus} for task {name}, as `melp data build {task.corpus}` makes"
            raise MelpError(f"{where}.store: found {found}, wanted {wanted}")
        if entry.protocol == "paper" and task.published is None:
            raise MelpError(f"{where}.tasks: found {name}, wanted one with published label files")
    check_transfer(where, entry, corpora[entry.train_store] if entry.train_store else [])
    for name in entry.models:
        if name not in plan.models:
            raise MelpError(f"{where}.models: found {name!r}, wanted {one_of(name, plan.models)}")
        model = plan.models[name]
        if not _fits(entry.kind, model):
            raise MelpError(f"{where}.models: found {name}, which cannot be evaluated by {entry.kind}")


def _check_store(where: str, name: str, plan: Plan) -> None:
    if name not in plan.stores:
        raise MelpError(f"{where}: found {name!r}, wanted {one_of(name, plan.stores)}")


def evaluations_of(plan: Plan, name: str) -> dict[str, EvaluationPlan]:
    """Return the evaluations of a model by name."""
    model = plan.models[name]
    return {
        title: entry
        for title, entry in plan.evaluations.items()
        if model.evaluated and (name in entry.models if entry.models else _fits(entry.kind, model))
    }


def _fits(kind: str, model: ModelPlan) -> bool:
    if not KINDS[kind].needs:
        return True  # without its recipe, which takes a while to read
    return can_be_evaluated(kind, model.method, recipe_of(model, model.seeds[0]))


def expected_cells(plan: Plan, name: str) -> int:
    """Return the number of cells of a model and seed, when all of its evaluations are done."""
    model = plan.models[name]
    recipe = recipe_of(model, model.seeds[0])
    return sum(count_cells(entry, model.method, recipe) for entry in evaluations_of(plan, name).values())


def run_folder(out: Path, name: str, seed: int) -> Path:
    """Return the folder of a run in the folder of an experiment."""
    return out / "runs" / f"{name}-{seed}"
