"""The stores of a plan, simulated and built in the folder of its experiment unless they are there.

OUT/raw/NAME           a simulated corpus
OUT/published-splits   the label files of MERL and MELP for simulated records
OUT/stores/NAME        a store that was built or joined, and how, in NAME.json
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from melp.atomic import replacing
from melp.data.build import build
from melp.data.build.join import join_stores
from melp.errors import MelpError
from melp.locks import locked
from melp.plans.schema import Plan, StorePlan
from melp.simulator.corpora import get_simulated
from melp.simulator.corpora.write import simulate_corpus
from melp.tasks import get_task
from melp.training.processes import is_first

__all__ = ["is_made", "make_stores", "say", "with_published_splits"]


def with_published_splits(plan: Plan, out: Path) -> Plan:
    """Return a plan with the folder of its published label files, or without the evaluations that need it.

    Raises:
        MelpError: the folder does not exist, or nothing else is left.
    """
    paper = {name for name, entry in plan.evaluations.items() if entry.protocol == "paper"}
    folder = plan.published_splits
    if not folder and any(_has_published(entry) for entry in plan.stores.values()):
        return replace(plan, published_splits=str(out / "published-splits"))
    if not paper or (folder and Path(folder).is_dir()):
        return plan
    if folder or paper == set(plan.evaluations):
        raise MelpError(f"published_splits: found {folder!r}, wanted the folder of the published label files")
    say(f"published_splits: not given, so protocol paper is left out ({', '.join(sorted(paper))})")
    evaluations = {name: entry for name, entry in plan.evaluations.items() if name not in paper}
    tables = {name: table for name, table in plan.tables.items() if table.protocol != "paper"}
    return replace(plan, evaluations=evaluations, tables=tables)


def _has_published(entry: StorePlan) -> bool:
    """Return whether a store is of simulated records with published label files."""
    if entry.folder or entry.raw or not entry.simulate:
        return False
    return any(get_task(task).published for task in get_simulated(entry.corpus).LAYOUT.tasks)


def make_stores(plan: Plan, out: Path, workers: int) -> Plan:
    """Make the stores of a plan that are not there; one process makes them, and others wait.

    Args:
        plan: from `with_published_splits`.
        out: the folder of the experiment.
        workers: number of processes of a build.

    Returns:
        The plan with the folder of each store.

    Raises:
        MelpError: a store was made with other settings, the corpus cannot be simulated or read, or stores
            cannot be joined.
    """
    stores = dict(plan.stores)
    # Joined stores last, because they need the others.
    for name, entry in sorted(plan.stores.items(), key=lambda item: bool(item[1].join)):
        if not entry.folder:
            with locked(out / "stores"):
                if not is_made(out, name, entry):
                    parts = [stores[other].folder for other in entry.join]
                    say(_make(out, name, entry, workers, parts))
            stores[name] = replace(entry, folder=str(_store(out, name)))
    return replace(plan, stores=stores)


def is_made(out: Path, name: str, entry: StorePlan) -> bool:
    """Return whether a store of a plan was made.

    Raises:
        MelpError: it was made with other settings.
    """
    file = _store(out, name).with_suffix(".json")
    if not file.is_file():
        return False
    if json.loads(file.read_text(encoding="utf-8")) != asdict(entry):
        raise MelpError(f"stores.{name}: found other settings than in {file}, wanted the same or a new --out")
    return True


def _make(out: Path, name: str, entry: StorePlan, workers: int, parts: Sequence[str]) -> str:
    """Make a store and return a line about it; `parts` are the folders of the stores that it joins."""
    store = _store(out, name)
    if entry.is_joined:
        shutil.rmtree(store, ignore_errors=True)  # of a call that was killed before it wrote NAME.json
        line = f"{store}: {len(join_stores(list(map(Path, parts)), store))} records"
    else:
        line = _build(out, name, entry, workers)
    with replacing(store.with_suffix(".json")) as file:
        file.write_text(json.dumps(asdict(entry), indent=1) + "\n", encoding="utf-8")
    return line


def _build(out: Path, name: str, entry: StorePlan, workers: int) -> str:
    """Simulate the corpus, if it has no folder, and build the store; return a line about it."""
    raw, store = Path(entry.raw or out / "raw" / name), _store(out, name)
    if not entry.raw:
        splits = out / "published-splits" if _has_published(entry) else None
        simulate_corpus(entry.corpus, raw, entry.simulate, entry.seed, splits, progress=True)
    done = build(
        entry.corpus,
        raw,
        store,
        rate=entry.rate,
        seconds=entry.seconds,
        workers=workers,
        allow_missing=entry.allow_missing or not entry.raw,
        progress=True,
    )
    lost = {"missing": done.missing, **done.dropped}
    return ", ".join([f"{store}: {done.records} records", *(f"{what}: {n}" for what, n in lost.items() if n)])


def _store(out: Path, name: str) -> Path:
    return out / "stores" / name


def say(line: str) -> None:
    """Print a line about the progress of a plan."""
    if is_first():
        print(f"melp: {line}", file=sys.stderr, flush=True)
