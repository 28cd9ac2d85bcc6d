"""Options, times, memory and result files of the benchmarks."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

RESULTS = Path(__file__).parent / "results"
"""The committed results."""
# Small corpora and reference translations are helpers of the tests.
sys.path.append(str(RESULTS.parents[1] / "tests"))

Seconds = dict[str, Float[np.ndarray, " round"]]
"""Processor seconds of each side in each round."""


def parser(description: str, **values: Any) -> argparse.ArgumentParser:
    """Return a parser with one option per value: a default, a type (required), or None (an optional path)."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in values.items():
        required = isinstance(value, type)
        kind = value if required else Path if value is None else type(value)
        default = None if required else value
        options.add_argument(f"--{name.replace('_', '-')}", type=kind, default=default, required=required)
    return options


def publish(out: Path | None, *paragraphs: str) -> None:
    """Print the paragraphs of a result, and write them to a file if there is one."""
    text = "\n\n".join(paragraph.strip() for paragraph in paragraphs) + "\n"
    print(text, end="")
    if out:
        out.write_text(text, encoding="utf-8")


def processor_time(work: Callable[[], object]) -> float:
    """Return the processor seconds of `work`, over all its threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


def in_turns(sides: Mapping[str, Callable[[], object]], rounds: int) -> Seconds:
    """Time every side once per round, so that all share the load of the machine."""
    seconds = [[processor_time(work) for work in sides.values()] for _ in range(rounds)]
    return dict(zip(sides, np.array(seconds).T, strict=True))


def memory_of(process: int | str = "self") -> dict[str, float]:
    """Return megabytes of a process: `private`, `proportional` and `resident`.

    Resident memory counts every mapped page, also pages shared with other processes; proportional memory
    counts a share of these; private memory counts only pages that are free again when the process ends.
    """
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return {
        "private": (kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]) / 1000,
        "proportional": kilobytes["Pss"] / 1000,
        "resident": kilobytes["Rss"] / 1000,
    }


def processor_seconds(process: int | str = "self") -> float:
    """Return the processor seconds of a process, over all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def copy_cells(experiment: Path, to: Path) -> None:
    """Replace the cells in `to` by those of an experiment, without predictions and paths of this machine."""
    (to / "cells").mkdir(parents=True, exist_ok=True)
    for file in (to / "cells").glob("*.json"):
        file.unlink()
    for file in sorted((experiment / "cells").glob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        folder = content["model"].pop("folder")
        content["messages"] = [line.replace(folder, content["model"]["name"]) for line in content["messages"]]
        (to / "cells" / file.name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
