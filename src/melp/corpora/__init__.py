"""Corpora, one file each.

Every file of this folder whose name does not begin with `_` is a corpus of that name, with `-` for `_`. It
defines two functions:

    list_entries(raw: Path | None, options: Options) -> Listing
        The records of the corpus, from its tables: no recording is opened. Raises `MelpError`, immediately or
        during iteration, if `raw` is not the corpus.
    load(entry: Entry) -> ECG
        A recording. Raises `BadRecordError` if it cannot be used. Values of `statements`, `labels`, `age` and
        `sex` in `ECG.meta` replace those of the entry, for corpora with such values in the recordings;
        `unread` names those of them that cannot be read ("age", "sex"), so that the record is flagged.
        `beats` (samples of the R waves) and `kinds` (their WFDB symbols) are read from `ECG.meta` only.

A corpus that can be downloaded also defines `SOURCE`, a `melp.corpora.downloads.sources.Source`; one whose
reports may end within a word defines `REPORTS_ARE_CUT = True`.

Every corpus has folds 1 to 10, with the same use in all of them (`melp.tasks.folds`).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from melp.ecg import ECG
from melp.errors import MelpError, one_of

RESERVED = frozenset(
    (
        "id", "patient", "corpus", "fold", "labels", "statements", "age", "sex", "flags", "beats",
        "beat_kinds", "length", "shard", "row", "digest", "offset", "size", "recording", "start",
    )
)  # fmt: skip
"""Columns of the index of every store, which a corpus cannot add."""


@dataclass(frozen=True)
class Options:
    """Options of a store that a corpus may need.

    Attributes:
        rate: Hz of the store.
        seconds: length of its records.
        records: number of records of a simulated corpus; None for its default.
        seed: seed of a simulated corpus.
        table: CSV file of the corpus `table`.
        language: of the reports: "en", "de", "sv", or "auto" to detect it for each report.
        windows: "first" keeps the first window of a longer recording, "all" cuts it into records.
    """

    rate: float = 500
    seconds: float = 10
    records: int | None = None
    seed: int = 0
    table: Path | None = None
    language: str = "auto"
    windows: str = "first"


@dataclass(frozen=True, slots=True)
class Entry:
    """A record of a corpus, as described by its tables.

    Attributes:
        id: unique in the corpus; a build drops the second record of an id (`melp.data.build.repeats`).
        patient: identifier of the patient.
        fold: 1 to 10.
        labels: codes, as in the published files.
        report: the report as written; used if `statements` is None.
        statements: the report's statements, if the corpus publishes them separately.
        age: years; NaN if unknown.
        sex: "female", "male" or "".
        source: what `load` needs to find the recording, in types of JSON; None if it is not on disk.
        refused: the rule of the corpus that excludes the record, as named in summaries ("report under 4
            words"); empty if it is included.
        path: where the recording is, or was looked for, below the folder of the corpus; for messages.
        more: further values of the index, by the names in `Listing.columns`; a missing one is null.
    """

    id: str
    patient: str
    fold: int
    labels: tuple[str, ...] = ()
    report: str = ""
    statements: tuple[str, ...] | None = None
    age: float = float("nan")
    sex: str = ""
    source: Any = None
    refused: str = ""
    path: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """The records of a corpus.

    Attributes:
        entries: in the order of the store, including records whose recording is not on disk. Can be iterated
            once; a generator for large corpora, which do not fit into memory.
        text_folds: the folds whose reports are kept even without a recording.
        columns: further columns of the index, after the common ones: "string", "float", "int", "bool" or
            "floats" (a list) by name.
        notes: lines for the user about the tables; complete after the iteration.
    """

    entries: Iterable[Entry]
    text_folds: tuple[int, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Corpus(Protocol):
    """The interface of the files of this folder."""

    def list_entries(self, raw: Path | None, options: Options) -> Listing:
        """List the records of the corpus from its tables."""

    def load(self, entry: Entry) -> ECG:
        """Load a recording."""


def list_corpora() -> list[str]:
    """Return the names of all corpora."""
    modules = (module for module in pkgutil.iter_modules(__path__) if not module.ispkg)
    return sorted(module.name.replace("_", "-") for module in modules if not module.name.startswith("_"))


def get_corpus(name: str) -> Corpus:
    """Return the corpus `name`.

    Raises:
        MelpError: the corpus does not exist.
    """
    if name not in list_corpora():
        raise MelpError(f"corpus: found {name!r}, wanted {one_of(name, list_corpora())}")
    return cast(Corpus, importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))
