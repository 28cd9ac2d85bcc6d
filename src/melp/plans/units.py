"""The work of a plan in parts, what is left of it, and how long that takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from melp.evaluation.cells import read_cells
from melp.plans.check import check_plan, depends_on, evaluations_of, expected_cells, root_of, run_folder
from melp.plans.schema import Plan
from melp.plans.stores import is_made, with_published_splits
from melp.training.run_folder import CHECKPOINT, is_finished

__all__ = ["Unit", "clock", "describe", "list_units", "missing_units", "time_left"]


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


def describe(plan: Plan, out: Path, part: tuple[int, int] = (1, 1)) -> list[tuple[str, str, str, str]]:
    """Return the work of a part of a plan: run, its state, cells ("2/5": two of five are there), evaluations.

    The stores that the plan makes come first.

    Raises:
        MelpError: see `check_plan`.
    """
    plan = with_published_splits(plan, out)
    check_plan(plan)
    stores = [
        (f"stores/{name}", "made" if is_made(out, name, entry) else "to make", "", "")
        for name, entry in plan.stores.items()
        if not entry.folder
    ]
    return stores + [
        (
            run_folder(out, name, unit.seed).name,
            state,
            f"{there}/{wanted}",
            ", ".join(evaluations_of(plan, name)),
        )
        for unit, name, state, there, wanted in _rows(plan, out, list_units(plan, part))
    ]


class _Row(NamedTuple):
    """A model of a unit, the state of its run, and how many of its cells are there and are expected."""

    unit: Unit
    name: str
    state: str
    there: int
    expected: int

    @property
    def complete(self) -> bool:
        return self.state in ("trained", "untrained") and self.there >= self.expected


def _rows(plan: Plan, out: Path, units: Sequence[Unit]) -> list[_Row]:
    rows = []
    cells = read_cells(out).drop_duplicates("key")
    for unit in units:
        for name in unit.models:
            untrained = plan.models[name].untrained
            state = "untrained" if untrained else _state(run_folder(out, name, unit.seed))
            there = int(((cells["name"] == name) & (cells["training_seed"] == unit.seed)).sum())
            rows.append(_Row(unit, name, state, there, expected_cells(plan, name)))
    return rows


def _state(run: Path) -> str:
    if not (run / CHECKPOINT).exists():
        return "to train"
    return "trained" if is_finished(run) else "to resume"


def missing_units(plan: Plan, out: Path, units: Sequence[Unit]) -> list[Unit]:
    """Return the units of which a run or a cell is missing."""
    rows = _rows(plan, out, units)
    return [unit for unit in units if any(row.unit == unit and not row.complete for row in rows)]


def time_left(seconds: Mapping[Unit, float], left: Sequence[Unit], elapsed: float) -> str:
    """Return a text about the time that units take, from the seconds of those that are done.

    A unit takes as long as those of the same models, or as the mean of all. If several run at once, the
    elapsed time is less than the sum of theirs, and so is the time left.
    """
    if not left or not (total := sum(seconds.values())):
        return ""
    alike: dict[tuple[str, ...], list[float]] = {}
    for unit, spent in seconds.items():
        alike.setdefault(unit.models, []).append(spent)
    expected = sum(mean(alike.get(unit.models, seconds.values())) for unit in left)
    return f", about {clock(elapsed * expected / total)} left"


def clock(seconds: float) -> str:
    """Return a duration such as "40 s", "3 min" or "1 h 20 min"."""
    hours, minutes = divmod(round(seconds / 60), 60)
    if seconds < 100:
        return f"{round(seconds)} s"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
