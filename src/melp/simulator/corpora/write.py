"""Simulate a corpus: recordings and tables in the published layout.

The recordings are written to `OUT.simulating/raw`, and the rows of every hundred that are complete to
`OUT.simulating/parts`: the same call resumes a killed simulation. At the end the tables are written, and the
folder is renamed. It has two files more than the published corpus: `SIMULATED.json`, and `simulated.parquet`
with a row for each record: its conditions, labels, defect, patient (of the simulator), and table cells.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from melp.atomic import replacing
from melp.errors import MelpError
from melp.locks import locked
from melp.progress import progress_bar
from melp.simulator.corpora import SIMULATED, SimulatedCorpus, get_simulated
from melp.simulator.corpora._catalogue import not_drawn
from melp.simulator.corpora._draw import MISSING, Drawn, corpus_seed, draw
from melp.tasks import get_task

Advance = Callable[[int], object]
"""Called with the number of records written since the last call."""

TRUTH = "simulated.parquet"
_UNFINISHED = ".simulating"
_PART = 100
_MIN_SPLIT = 50
"""Of fewer records, a file for validation may be empty."""
_VERSION = 1
"""Of what is written for a seed."""


@dataclass(frozen=True)
class Simulation:
    """What was simulated.

    Attributes:
        path: the folder.
        records: number of records, including missing recordings.
        missing: number of records whose recording is not on disk.
        defects: number of records with each defect.
        not_drawn: by task, the classes that the simulator does not draw.
        written: False if the same simulation already existed.
    """

    path: Path
    records: int
    missing: int
    defects: dict[str, int]
    not_drawn: dict[str, list[str]] = field(default_factory=dict)
    written: bool = True


def simulate_corpus(
    name: str,
    out: Path,
    records: int,
    seed: int = 0,
    published_splits: Path | None = None,
    progress: bool = False,
) -> Simulation:
    """Write `records` simulated records of a corpus to `out`; the same arguments give the same bytes.

    Args:
        name: a name of `list_simulated()`.
        out: the folder; it must not contain anything else.
        records: number of records.
        seed: of what is drawn.
        published_splits: also write the label files of MERL and MELP for these records to this folder.
        progress: show a progress bar on stderr.

    Raises:
        MelpError: the corpus does not exist or has no such label files, `records` is out of range, `out`
            contains something else, or another process is simulating it.
    """
    corpus, out = get_simulated(name), Path(out)
    if not 1 <= records <= corpus.LAYOUT.max_records:
        raise MelpError(f"--records: found {records}, wanted 1 to {corpus.LAYOUT.max_records} for {name}")
    if published_splits is not None and records < _MIN_SPLIT:
        raise MelpError(f"--records: found {records}, wanted {_MIN_SPLIT} or more for --published-splits")
    if published_splits is not None and not any(get_task(task).published for task in corpus.LAYOUT.tasks):
        raise MelpError(f"--published-splits: {name} has no published label files")
    plan = {"corpus": name, "records": records, "seed": seed, "version": _VERSION, "simulated": True}
    with locked(out, "simulation"):
        exists = _exists(out, plan)
        if exists:
            shutil.rmtree(_work(out), ignore_errors=True)
        else:
            with progress_bar(shown=progress) as bar:
                task = bar.add_task("simulating", total=records)
                _write(corpus, plan, out, partial(bar.advance, task))
        rows = pd.read_parquet(out / TRUTH)
        if published_splits is not None:
            corpus.write_splits(rows, Path(published_splits))
    defects = {name: int((rows["defect"] == name).sum()) for name in corpus.LAYOUT.defects}
    classes = {task: not_drawn(name, task) for task in corpus.LAYOUT.tasks}
    return Simulation(out, len(rows), defects.get(MISSING, 0), defects, classes, not exists)


def _exists(out: Path, plan: dict[str, Any]) -> bool:
    """Return whether `out` is the simulation of `plan`; False if it does not exist or is empty.

    Raises:
        MelpError: it is something else.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not (out / SIMULATED).is_file():
        raise MelpError(f"{out}: exists and is not a simulated corpus; choose another --out")
    if _read_plan(out) != plan:
        raise MelpError(f"{out}: contains a different simulation; remove it, or choose another --out")
    return True


def _write(corpus: SimulatedCorpus, plan: dict[str, Any], out: Path, advance: Advance) -> None:
    work = _work(out)
    if _read_plan(work) != plan:
        shutil.rmtree(work, ignore_errors=True)
    raw, parts = work / "raw", work / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    raw.mkdir(exist_ok=True)
    _write_plan(work, plan)
    tables = []
    for start in range(0, plan["records"], _PART):
        indices = range(start, min(start + _PART, plan["records"]))
        tables.append(_write_part(corpus, plan, raw, parts, indices, advance))
    rows = pd.concat(tables, ignore_index=True)
    corpus.write_tables(raw, parts, rows)
    rows.to_parquet(raw / TRUTH, index=False)
    _write_plan(raw, plan)
    if out.exists():
        out.rmdir()
    raw.rename(out)
    shutil.rmtree(work)


def _write_part(
    corpus: SimulatedCorpus, plan: dict[str, Any], raw: Path, parts: Path, indices: range, advance: Advance
) -> pd.DataFrame:
    """Write a hundred records unless they are complete, and return their rows."""
    file = parts / f"{indices.start:08d}.json"
    if file.exists():
        advance(len(indices))
    else:
        seed = corpus_seed(plan["corpus"], plan["seed"])
        rows = []
        for index in indices:
            drawn = draw(index, seed, corpus.LAYOUT)
            row = corpus.write_recording(raw, parts, drawn)
            rows.append({**_truth(drawn), **row})
            advance(1)
        with replacing(file) as unfinished:
            unfinished.write_text(json.dumps(rows), encoding="utf-8")
    return pd.DataFrame(json.loads(file.read_text(encoding="utf-8")))


def _truth(drawn: Drawn) -> dict[str, Any]:
    return {
        "index": drawn.index,
        "patient": drawn.patient.number,
        "conditions": sorted(drawn.conditions),
        "defect": drawn.defect,
    }


def _work(out: Path) -> Path:
    return out.with_name(out.name + _UNFINISHED)


def _read_plan(folder: Path) -> Any:
    file = folder / SIMULATED
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def _write_plan(folder: Path, plan: dict[str, Any]) -> None:
    with replacing(folder / SIMULATED) as file:
        file.write_text(json.dumps(plan, indent=1) + "\n", encoding="utf-8")
