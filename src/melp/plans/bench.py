"""Run a plan: train and evaluate what is missing, in one folder that is the whole experiment.

OUT/plan.yaml          the plan as merged
OUT/runs/NAME-SEED     the run of each model and seed
OUT/cells              the results
OUT/tables             the tables
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import yaml

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.finetune import untrained
from melp.hub import find_device, load
from melp.hub.folder import write_text
from melp.plans.check import check_plan, evaluations_of, recipe_of, run_folder, trained_twin
from melp.plans.kinds import evaluate
from melp.plans.schema import Plan
from melp.training.pretrain import pretrain
from melp.training.run_folder import CHECKPOINT, is_finished

__all__ = ["Unit", "bench", "list_units"]


@dataclass(frozen=True)
class Unit:
    """The models of one run: the trained one and those with its network untrained, with a seed."""

    model: str
    seed: int
    untrained: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the run."""
        return f"{self.model}-{self.seed}"


def list_units(plan: Plan, part: tuple[int, int] = (1, 1)) -> list[Unit]:
    """Return the units of a part of a plan: all models with their first seed come before the next seed.

    Args:
        plan: a checked plan.
        part: number of the part, from 1, and number of parts; every unit is in one part.
    """
    twins: dict[tuple[str, int], list[str]] = {}
    for name, entry in plan.models.items():
        for seed in entry.seeds:
            twins.setdefault((trained_twin(plan, name), seed), []).extend([name] if entry.untrained else [])
    rank = {(name, seed): place for name, one in plan.models.items() for place, seed in enumerate(one.seeds)}
    order = sorted(twins, key=lambda key: rank[key])
    units = [Unit(name, seed, tuple(twins[name, seed])) for name, seed in order]
    return units[part[0] - 1 :: part[1]]


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
    units = list_units(plan, part)
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "plan.yaml", yaml.safe_dump(asdict(plan), sort_keys=False))
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
        for unit in units:
            yield unit, run_unit(plan, out, unit, devices[0])
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
    device = devices.get()
    kind, _, number = device.partition(":")
    if number:  # Lightning takes the first GPU that it sees
        os.environ["CUDA_VISIBLE_DEVICES"], device = number, kind
    _DEVICE[0] = device
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // jobs))


def _run_in_process(plan: Plan, out: Path, unit: Unit) -> str:
    return run_unit(plan, out, unit, _DEVICE[0], progress=False)


def run_unit(plan: Plan, out: Path, unit: Unit, device: str, progress: bool = True) -> str:
    """Train and evaluate the models of a unit; return the message of an error, or nothing."""
    try:
        stores = {name: Store(folder) for name, folder in plan.stores.items()}
        entry, folder = plan.models[unit.model], run_folder(out, unit.model, unit.seed)
        pretrain(entry.method, stores[entry.store], recipe_of(entry, unit.seed), folder, progress)
        for name in (unit.model, *unit.untrained):
            _evaluate(plan, out, unit, name, stores, device)
    except MelpError as error:
        return str(error)
    return ""


def _evaluate(plan: Plan, out: Path, unit: Unit, name: str, stores: dict[str, Store], device: str) -> None:
    entry, folder = plan.models[name], run_folder(out, unit.model, unit.seed)
    model = load(folder, find_device(device))
    if entry.untrained:
        model = untrained(model, run_folder(out, name, unit.seed), unit.seed)
    model.about = {"name": name, "recipe": entry.recipe, "seed": unit.seed}
    for evaluation in evaluations_of(plan, name).values():
        evaluate(plan, evaluation, model, stores, out, folder)


def _write_tables(plan: Plan, out: Path) -> None:
    if importlib.util.find_spec("melp.evaluation.layouts") is None:
        return
    from melp.evaluation.layouts import write_table  # type: ignore[import-not-found]

    for name, table in plan.tables.items():
        write_table(out, table.layout, out / "tables" / name)


def describe(plan: Plan, out: Path, part: tuple[int, int] = (1, 1)) -> list[tuple[str, str, str]]:
    """Return the work of a part of a plan: run, its state, evaluations.

    Raises:
        MelpError: see `check_plan`.
    """
    check_plan(plan)
    rows = []
    for unit in list_units(plan, part):
        state = _state(run_folder(out, unit.model, unit.seed))
        for name in (unit.model, *unit.untrained):
            own = state if name == unit.model else "untrained"
            rows.append((f"{name}-{unit.seed}", own, ", ".join(evaluations_of(plan, name))))
    return rows


def _state(run: Path) -> str:
    if not (run / CHECKPOINT).exists():
        return "to train"
    return "trained" if is_finished(run) else "to resume"


def _say(line: str) -> None:
    print(f"melp: {line}", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{round(seconds)} s" if seconds < 100 else f"{minutes // 60}:{minutes % 60:02d} h"
