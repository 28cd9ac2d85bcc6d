"""Run a plan: train and evaluate what is missing, in one folder that is the whole experiment.

OUT/plan.yaml          the plan as merged
OUT/runs/NAME-SEED     the run of each model and seed
OUT/cells              the results
OUT/tables             the tables
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import torch
import yaml

from melp.atomic import replacing
from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import read_cells
from melp.evaluation.finetune import untrained
from melp.evaluation.layouts import write_table
from melp.hub import Model, find_device, load
from melp.locks import locked
from melp.plans.check import check_plan, depends_on, evaluations_of, recipe_of, root_of, run_folder
from melp.plans.kinds import evaluate
from melp.plans.schema import Plan
from melp.training.pretrain import pretrain
from melp.training.processes import is_first
from melp.training.run_folder import CHECKPOINT, is_finished

__all__ = ["Unit", "bench", "list_units"]


@dataclass(frozen=True)
class Unit:
    """A model with a seed, and after it the models that need its run: work for one process."""

    models: tuple[str, ...]
    seed: int

    @property
    def name(self) -> str:
        """Name of the first run."""
        return f"{self.models[0]}-{self.seed}"


def list_units(plan: Plan, part: tuple[int, int] = (1, 1)) -> list[Unit]:
    """Return the units of a part of a plan: all models with their first seed come before the next seed.

    Args:
        plan: a checked plan.
        part: number of the part, from 1, and number of parts; every unit is in one part.
    """
    groups: dict[str, list[str]] = {}
    for name in plan.models:
        groups.setdefault(root_of(plan, name), []).append(name)
    seeds = sorted((place, root) for root in groups for place in range(len(plan.models[root].seeds)))
    order = {name: place for place, name in enumerate(plan.models)}
    units = []
    for place, root in sorted(seeds, key=lambda pair: (pair[0], order[pair[1]])):
        seed = plan.models[root].seeds[place]
        members = [name for name in groups[root] if seed in plan.models[name].seeds]
        # Those that a model needs come first.
        members.sort(key=lambda name: (_depth(plan, name), order[name]))
        units.append(Unit(tuple(members), seed))
    return units[part[0] - 1 :: part[1]]


def _depth(plan: Plan, name: str) -> int:
    other = depends_on(plan, name)
    return 1 + _depth(plan, other) if other else 0


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
    check_plan(plan)
    for device in devices:
        find_device(device)
    units = list_units(plan, part)
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / "plan.yaml", shared=True) as temporary:
        temporary.write_text(yaml.safe_dump(asdict(plan), sort_keys=False), encoding="utf-8")
    failed = []
    start = time.monotonic()
    for done, (unit, error) in enumerate(_finished(plan, out, units, jobs, devices), start=1):
        elapsed = time.monotonic() - start
        left = elapsed / done * (len(units) - done)
        state = f"failed: {error}" if error else "done"
        _say(
            f"{done} of {len(units)} runs, {unit.name} {state}; {_clock(elapsed)}, about {_clock(left)} left"
        )
        failed += [f"{unit.name}: {error}"] if error else []
        _write_tables(plan, out)
    if failed:
        raise MelpError(f"{len(failed)} of {len(units)} runs failed; {failed[0]}")


def _finished(
    plan: Plan, out: Path, units: Sequence[Unit], jobs: int, devices: Sequence[str]
) -> Iterator[tuple[Unit, str]]:
    """Run units; yield each when it is done, with the message of its error."""
    if jobs == 1:
        device = _show_only(devices[0])
        for unit in units:
            yield unit, run_unit(plan, out, unit, device)
        return
    context = multiprocessing.get_context("spawn")
    numbers = context.Queue()
    for number in range(jobs):
        numbers.put(devices[number % len(devices)])
    with ProcessPoolExecutor(jobs, context, _start, (numbers, jobs)) as pool:
        futures = [(unit, pool.submit(_run_in_process, plan, out, unit)) for unit in units]
        for unit, future in futures:
            yield unit, future.result()


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


def _run_in_process(plan: Plan, out: Path, unit: Unit) -> str:
    return run_unit(plan, out, unit, _DEVICE[0], progress=False)


def run_unit(plan: Plan, out: Path, unit: Unit, device: str, progress: bool = True) -> str:
    """Train and evaluate the models of a unit; return the message of an error, or nothing."""
    try:
        stores = {name: Store(folder) for name, folder in plan.stores.items()}
        for name in unit.models:
            model = _trained(plan, out, name, unit.seed, stores, find_device(device), progress)
            folder = run_folder(out, name, unit.seed)
            for entry in evaluations_of(plan, name).values():
                evaluate(plan, entry, model, stores, out, folder)
    except MelpError as error:
        return str(error)
    return ""


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
        recipe = recipe_of(entry, seed, source)
        model = load(pretrain(entry.method, stores[entry.store], recipe, folder, progress), device)
    model.about = {"name": name, "recipe": entry.recipe, "seed": seed}
    return model


def _write_tables(plan: Plan, out: Path) -> None:
    """Write the tables; a line says why one cannot be written yet."""
    for name, table in plan.tables.items() if is_first() else ():
        folder = out / "tables" / name
        shown: dict[str, Any] = {"published": table.published, "conditions": table.conditions}
        try:
            with locked(folder):
                write_table(out, table.layout, folder, **shown)
        except MelpError as error:
            _say(f"{folder}: not written: {error}")


def describe(plan: Plan, out: Path, part: tuple[int, int] = (1, 1)) -> list[tuple[str, str, int, str]]:
    """Return the work of a part of a plan: run, its state, number of cells that are there, evaluations.

    Raises:
        MelpError: see `check_plan`.
    """
    check_plan(plan)
    rows = []
    cells = read_cells(out).drop_duplicates("key")
    for unit in list_units(plan, part):
        for name in unit.models:
            run = run_folder(out, name, unit.seed)
            state = "untrained" if plan.models[name].untrained else _state(run)
            there = int(((cells["name"] == name) & (cells["training_seed"] == unit.seed)).sum())
            rows.append((run.name, state, there, ", ".join(evaluations_of(plan, name))))
    return rows


def _state(run: Path) -> str:
    if not (run / CHECKPOINT).exists():
        return "to train"
    return "trained" if is_finished(run) else "to resume"


def _say(line: str) -> None:
    if is_first():
        print(f"melp: {line}", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{round(seconds)} s" if seconds < 100 else f"{minutes // 60}:{minutes % 60:02d} h"
