"""Published codes and words of findings, from `_codes.tsv` and `_wordings.tsv`."""

from __future__ import annotations

from functools import cache

from melp.io.tables import read_packaged_tsv
from melp.simulator.corpora._draw import Drawn
from melp.tasks import get_task

_ROOM = "melp.simulator.corpora"


@cache
def codes(corpus: str) -> dict[str, tuple[str, ...]]:
    """Return the codes of each finding in `corpus`; of PTB-XL with likelihoods (LVH=100)."""
    names, *rows = read_packaged_tsv(_ROOM, "_codes", columns=5)
    return {row[0]: tuple(row[names.index(corpus)].split()) for row in rows}


def codes_of(drawn: Drawn, corpus: str) -> tuple[str, ...]:
    """Return the codes of a record in `corpus`, each once."""
    return tuple(dict.fromkeys(code for finding in drawn.findings for code in codes(corpus)[finding]))


@cache
def wordings(language: str) -> dict[str, tuple[str, ...]]:
    """Return the words of each finding for "machine", "de" or "en": if certain, and if uncertain."""
    names, *rows = read_packaged_tsv(_ROOM, "_wordings", columns=4)
    return {row[0]: tuple(row[names.index(language)].split(" | ")) for row in rows}


def words_of(drawn: Drawn, language: str) -> list[str]:
    """Return the words of the findings of a record that have some, in their order."""
    words = [
        wordings(language)[finding][-1 if finding in drawn.uncertain else 0] for finding in drawn.findings
    ]
    return [word for word in words if word]


def not_drawn(corpus: str, task: str) -> list[str]:
    """Return the classes of a task that the simulator does not draw."""
    drawn = {code.partition("=")[0].rstrip("_") for each in codes(corpus).values() for code in each}
    classes = get_task(task)
    return [name for name in classes.classes if not drawn & set(classes.codes[name])]
