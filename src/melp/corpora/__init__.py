"""Corpora, one file each.

A file of this folder whose name does not begin with `_` is a corpus; its name, with `-` for `_`, is the
corpus's. It has two functions:

    list_entries(raw: Path | None, options: Options) -> Listing
        What the corpus holds, from its tables alone: no recording is opened. Raises `MelpError`, at once or
        while the entries are taken, where `raw` is not the corpus.
    load(entry: Entry) -> ECG
        One recording. Raises `BadRecordError` where it cannot be used. What only the recording tells
        (`statements`, `labels`, `age`, `sex`) may be given in `ECG.meta` and then stands for the entry's;
        `beats` (samples of the R waves) and `kinds` (their WFDB symbols) may be given there alone.

A corpus that can be downloaded has a constant `SOURCE` too, a `melp.corpora.downloads.sources.Source`.

Folds are 1 to 10 in every corpus, so that every recipe fits: 1 to 8 for training, 9 for validation, 10 for
tests (`melp.corpora._folds`).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from melp.ecg import ECG
from melp.errors import MelpError


@dataclass(frozen=True)
class Options:
    """What a store is built with.

    Attributes:
        rate: Hz of the store.
        seconds: length of its records.
        records: how many records a simulated corpus makes; None for its default.
        seed: seed of a simulated corpus.
        table: the table of one's own corpus.
    """

    rate: float = 500
    seconds: float = 10
    records: int | None = None
    seed: int = 0
    table: Path | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One recording of a corpus, as its tables describe it.

    Attributes:
        id: unique in the corpus.
        patient: whose recording it is.
        fold: its fold, from 1.
        labels: codes, as the published files name them.
        report: the report as written; used where `statements` is None.
        statements: the report's statements, where the corpus gives them apart.
        age: years; NaN where unknown.
        sex: "female", "male" or "".
        source: what `load` needs to find the recording, as JSON knows it (text, number, list, dict); None
            where the recording is not on disk.
        refused: the corpus's own rule that leaves the record out although it is there, as the summary counts
            it ("report under 4 words"); empty where none does.
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


@dataclass(frozen=True)
class Listing:
    """A corpus on disk.

    Attributes:
        entries: its recordings in the store's order, those missing on disk among them; may be a generator, is
            taken once, and does not hold the corpus in memory where the corpus is large.
        text_folds: the folds whose reports are kept even without a recording.
    """

    entries: Iterable[Entry]
    text_folds: tuple[int, ...] = ()


class Corpus(Protocol):
    """What a file of this folder offers."""

    def list_entries(self, raw: Path | None, options: Options) -> Listing:
        """What the corpus holds, from its tables alone."""

    def load(self, entry: Entry) -> ECG:
        """One recording."""


def list_corpora() -> list[str]:
    """The names of all corpora."""
    modules = (module for module in pkgutil.iter_modules(__path__) if not module.ispkg)
    return sorted(module.name.replace("_", "-") for module in modules if not module.name.startswith("_"))


def get_corpus(name: str) -> Corpus:
    """The corpus `name`.

    Raises:
        MelpError: no such corpus.
    """
    if name not in list_corpora():
        raise MelpError(f"corpus: {name!r}, wanted one of {', '.join(list_corpora())}")
    return cast(Corpus, importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))
