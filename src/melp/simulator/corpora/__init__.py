"""Simulated recordings in the published layout of corpora, one file each.

Every file of this folder whose name does not begin with `_`, except `write`, is a corpus of that name, with
`-` for `_`; `write.simulate_corpus` writes it. `_codes.tsv` has the published codes of what the simulator
draws, `_wordings.tsv` the words of reports.

What is drawn depends on corpus, seed and index only, so that no recording is in two corpora.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from melp.errors import MelpError, one_of

if TYPE_CHECKING:
    import pandas as pd

    from melp.simulator.corpora._draw import Drawn, Layout

SIMULATED = "SIMULATED.json"
"""The file that only the folder of a simulated corpus has."""
_WRITER = "write"


class SimulatedCorpus(Protocol):
    """The interface of the files of this folder.

    Attributes:
        LAYOUT: what the corpus is made of.
    """

    LAYOUT: Layout

    def write_recording(self, folder: Path, parts: Path, drawn: Drawn) -> dict[str, Any]:
        """Write a recording below `folder`, or to `parts` for `write_tables`; return its row.

        A row has `id`, `labels` (as in a store), and what the tables need.
        """

    def write_tables(self, folder: Path, parts: Path, rows: pd.DataFrame) -> None:
        """Write the tables of all recordings, in the order of their index."""

    def write_splits(self, rows: pd.DataFrame, folder: Path) -> None:
        """Write the label files that MERL and MELP publish, if there are some for its tasks."""


def list_simulated() -> list[str]:
    """Return the names of the corpora that can be simulated."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name.replace("_", "-") for name in names if not name.startswith("_") and name != _WRITER)


def get_simulated(name: str) -> SimulatedCorpus:
    """Return the simulated corpus `name`.

    Raises:
        MelpError: it does not exist.
    """
    if name not in list_simulated():
        raise MelpError(f"corpus: found {name!r}, wanted {one_of(name, list_simulated())}")
    return cast(SimulatedCorpus, importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))
