"""Run a plan: train and evaluate what is missing, in one folder that is the whole experiment.

OUT/plan.yaml          the plan as merged
OUT/raw, OUT/stores    what is simulated and built (see `stores`)
OUT/language           language models, each for all runs with the same stage 1
OUT/runs/NAME-SEED     the run of each model and seed
OUT/cells              the results
OUT/tables             the tables
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from typing import Any

import torch
import yaml

from melp.atomic import replacing
from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.finetune import untrained
from melp.evaluation.layouts import write_table
from melp.hub import Model, find_device, load
from melp.locks import locked
from melp.plans.check import check_plan, depends_on, evaluations_of, recipe_of, run_folder
from melp.plans.kinds import evaluate
from melp.plans.schema import Plan
from melp.plans.stores import make_stores, say, with_published_splits
from melp.plans.units import Unit, clock, list_units, missing_units, time_left
from melp.training.pretrain import pretrain
from melp.training.processes import is_first
from melp.training.recipe import Recipe

__all__ = ["bench"]

_PAUSE = 20
"""After tables are written, as many times as long passes before they are written again."""


def bench(
    plan: Plan,
    out: Path,
    *,
    jobs: int = 1,
    devices: Sequence[str] = ("auto",),
    part: tuple[int, int] = (1, 1),
) -> None:
    """Train and evaluate what is missing of a plan, and write its tables.

    Args:
        plan: the experiment.
        out: its folder; what is in it is not computed again.
        jobs: number of processes.
        devices: the devices of the processes, which take them in turn.
        part: see `list_units`.

    Raises:
        MelpError: see `check_plan`; or a training or an evaluation failed, after all others were done.
    """
    merged, plan = plan, with_published_splits(plan, out)
    check_plan(plan)
    for device in devices:
        find_device(device)
    units = list_units(plan, part)
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / "plan.yaml", shared=True) as temporary:
        temporary.write_text(yaml.safe_dump(asdict(merged), sort_keys=False), encoding="utf-8")
    plan = make_stores(plan, out, jobs)
    missing = missing_units(plan, out, units)
    failed, seconds = [], {}
    start = pause = time.monotonic()
    for done, (unit, error, spent) in enumerate(_finished(plan, out, units, jobs, devices), start=1):
        if unit in missing:
            seconds[unit] = spent
        elapsed = time.monotonic() - start
        left = time_left(seconds, [one for one in missing if one not in seconds], elapsed)
        state = f"failed: {error}" if error else "done"
        say(f"{done} of {len(units)} runs, {unit.name} {state}; {clock(elapsed)}{left}")
        failed += [f"{unit.name}: {error}"] if error else []
        if done == len(units) or time.monotonic() >= pause:
            pause = _write_tables(plan, out, last=done == len(units))
    if failed:
        raise MelpError(f"{len(failed)} of {len(units)} runs failed; {failed[0]}")


def _finished(
    plan: Plan, out: Path, units: Sequence[Unit], jobs: int, devices: Sequence[str]
) -> Iterator[tuple[Unit, str, float]]:
    """Run units; yield each when it is done, with the message of its error, and its seconds."""
    if jobs == 1:
        device = _show_only(devices[0])
        for unit in units:
            yield unit, *run_unit(plan, out, unit, device)
        return
    context = multiprocessing.get_context("spawn")
    numbers = context.Queue()
    for number in range(jobs):
        numbers.put(devices[number % len(devices)])
    with ProcessPoolExecutor(jobs, context, _start, (numbers, jobs)) as pool:
        futures = [(unit, pool.submit(_run_in_process, plan, out, unit)) for unit in units]
        for unit, future in futures:
            yield unit, *future.result()


_DEVICE = ["auto"]
"""The device of this process."""


def _start(devices: multiprocessing.Queue[str], jobs: int) -> None:
    """Give a process its device and its share of the cores."""
    _DEVICE[0] = _show_only(devices.get())
    Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // jobs))


def _end_with_parent() -> None:
    """End this process when the one that started it is killed, so that the plan can be resumed at once."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _show_only(device: str) -> str:
    """Hide all other devices from this process, because Lightning trains on the first; return its name."""
    kind, _, number = device.partition(":")
    if number or kind == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = number
    return kind


def _run_in_process(plan: Plan, out: Path, unit: Unit) -> tuple[str, float]:
    return run_unit(plan, out, unit, _DEVICE[0], progress=False)


def run_unit(plan: Plan, out: Path, unit: Unit, device: str, progress: bool = True) -> tuple[str, float]:
    """Train and evaluate the models of a unit; return the message of an error, if any, and the seconds."""
    start = time.monotonic()
    try:
        stores = {name: Store(entry.folder) for name, entry in plan.stores.items()}
        for name in unit.models:
            model = _trained(plan, out, name, unit.seed, stores, find_device(device), progress)
            folder = run_folder(out, name, unit.seed)
            for entry in evaluations_of(plan, name).values():
                evaluate(plan, entry, model, stores, out, folder)
    except MelpError as error:
        return str(error), time.monotonic() - start
    return "", time.monotonic() - start


def _trained(
    plan: Plan,
    out: Path,
    name: str,
    seed: int,
    stores: Mapping[str, Store],
    device: torch.device,
    progress: bool,
) -> Model:
    """Train a model, unless its run is complete, and load it."""
    entry, folder, other = plan.models[name], run_folder(out, name, seed), depends_on(plan, name)
    source = run_folder(out.resolve(), other, seed) if other else None
    if entry.untrained and source:
        model = untrained(load(source, device), folder, seed)
    else:
        recipe, store = recipe_of(entry, seed, source), stores[entry.store]
        language = _language_folder(out, recipe, store)
        model = load(pretrain(entry.method, store, recipe, folder, progress, language), device)
    model.about = {"name": name, "recipe": entry.recipe, "seed": seed}
    return model


def _language_folder(out: Path, recipe: Recipe, store: Store) -> Path:
    """Return the folder of stage 1, the same for all runs of a plan with the same stage 1."""
    data = recipe.data
    settings = [asdict(recipe.stage1), store.address, data.train_folds, data.validation_folds]
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return out / "language" / digest[:16]


def _write_tables(plan: Plan, out: Path, last: bool) -> float:
    """Write the tables and return when to write them again; in the end, say which cannot be written."""
    start = time.monotonic()
    for name, table in plan.tables.items() if is_first() else ():
        folder = out / "tables" / name
        conditions = [f"protocol={table.protocol}"] if table.protocol else []
        shown: dict[str, Any] = {"published": table.published, "rename": table.rename}
        shown["conditions"] = [*conditions, *table.conditions]
        try:
            with locked(folder):
                write_table(out, table.layout, folder, **shown)
        except MelpError as error:
            if last:
                say(f"{folder}: not written: {error}")
    return time.monotonic() + _PAUSE * (time.monotonic() - start)
