"""PTB-XL's reports with their reference translations, and damages that a comparison of facts must detect."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from melp.reports import to_statements
from translation_facts import Fact, facts_of

_HEDGE = re.compile(
    r"\b(?:possible|probable|possibly|probably) | cannot be ruled out|, (?:probably|possibly) old"
)


@dataclass(frozen=True)
class Pair:
    """A report with its reference translation and our statements."""

    ecg_id: int
    source: str
    reference: str
    ours: tuple[str, ...]

    @property
    def lost(self) -> set[Fact]:
        """Facts of the reference that our statements lack."""
        return facts_of(self.reference) - facts_of(as_text(self.ours))

    @property
    def added(self) -> set[Fact]:
        """Facts of our statements that the reference lacks."""
        return facts_of(as_text(self.ours)) - facts_of(self.reference)


def as_text(statements: tuple[str, ...]) -> str:
    """Return statements as one English text."""
    return ". ".join(statements) + "."


def read_pairs(database: pd.DataFrame, file: Path) -> list[Pair]:
    """Return the reports with a reference translation, except those that both sides find empty."""
    references = pd.read_csv(file).set_index("ecg_id")["report"]
    sources = database.set_index("ecg_id")["report"]
    pairs = [
        Pair(key, sources[key], text, tuple(to_statements(sources[key]))) for key, text in references.items()
    ]
    return [pair for pair in pairs if pair.ours or "trace" not in pair.reference]


def damages(statements: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the statements with one error: a statement left out, a hedge left out, or a statement denied."""
    for at, statement in enumerate(statements):
        before, after = statements[:at], statements[at + 1 :]
        yield "statement left out", (*before, *after)
        if _HEDGE.search(statement):
            yield "hedge left out", (*before, _HEDGE.sub(" ", statement, count=1).strip(), *after)
        if "normal" not in statement and "no " not in statement:
            yield "statement denied", (*before, f"no {statement}", *after)


def detected(pairs: list[Pair], seed: int = 0) -> dict[str, tuple[int, int]]:
    """Return the detected and all damages of each kind, in reports that lose no fact."""
    counts: dict[str, list[bool]] = {}
    for pair in random.Random(seed).sample(pairs, len(pairs)):
        if pair.lost:
            continue
        reference = facts_of(pair.reference)
        for kind, damaged in damages(pair.ours):
            counts.setdefault(kind, []).append(bool(reference - facts_of(as_text(damaged))))
    return {kind: (sum(found), len(found)) for kind, found in sorted(counts.items())}
