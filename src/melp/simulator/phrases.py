"""The phrases of simulated reports, as a machine prints and a clinician writes them, from `phrases.tsv`."""

from __future__ import annotations

from collections import defaultdict

from melp.io.tables import read_packaged_tsv

Phrases = tuple[tuple[str, ...], tuple[str, ...]]
"""Phrases of a machine and of a clinician."""


def _read_phrases() -> dict[str, dict[str, Phrases]]:
    sections: dict[str, dict[str, Phrases]] = defaultdict(dict)
    for section, name, machine, clinician in read_packaged_tsv("melp.simulator", "phrases", columns=4):
        sections[section][name] = tuple(machine.split(" | ")), tuple(clinician.split(" | "))
    return sections


_SECTIONS = _read_phrases()
FINDINGS = _SECTIONS["finding"]
"""By condition. The machine's first phrase is a noun, to which a hedge can be added."""
SINUS = _SECTIONS["rhythm"]["sinus"]
RATE = _SECTIONS["rate"]
AXIS = _SECTIONS["axis"]
T_INVERSION = _SECTIONS["t inversion"]
"""By territory."""
DESCRIPTIONS = _SECTIONS["description"]
"""Further statements about a condition, beside the finding."""
HEDGES = _SECTIONS["hedge"]["any"]
"""Formats: {} is replaced by the finding."""
CLOSING = _SECTIONS["closing"]
