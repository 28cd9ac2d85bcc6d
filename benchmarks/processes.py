"""Memory and time of a process as Linux counts them."""

from __future__ import annotations

import os
from pathlib import Path


def memory_of(process: int | str = "self") -> dict[str, float]:
    """Megabytes of a process: `resident`, `proportional` and `private`.

    Resident counts every page that the process has mapped, among them those of a file or of its parent that
    other processes see as well; proportional counts these in parts; private counts only the process's own,
    which would be free again if it ended.
    """
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return {
        "resident": kilobytes["Rss"] / 1000,
        "proportional": kilobytes["Pss"] / 1000,
        "private": (kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]) / 1000,
    }


def processor_seconds(process: int | str = "self") -> float:
    """How long processors have worked for a process, of all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
