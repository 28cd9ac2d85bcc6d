"""What is drawn for a record: patient, conditions, recording, and the defect that it gets."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count

import numpy as np

from melp.simulator.conditions import is_sinus
from melp.simulator.further import ALL_CONDITIONS, draw_all_conditions
from melp.simulator.patient import Patient, patient_of
from melp.simulator.recording import Recording, simulate
from melp.simulator.report import axis_name

DUPLICATE = "duplicate"
"""The defect of a record that has the recording of the record before it."""
MISSING = "missing"
"""The defect of a record that is listed, but whose recording is not on disk."""
_BLOCK = 100
_UNCERTAIN = 0.25
_ESCAPES = {"e": "ventricular", "j": "junctional"}
"""Kinds of beats that are findings of their own."""


def _ten_seconds(rng: np.random.Generator) -> float:
    return 10.0


def _any(conditions: Set[str]) -> bool:
    return True


@dataclass(frozen=True)
class Layout:
    """What a corpus is made of.

    Attributes:
        max_records: as many as the published names allow.
        defects: each occurs once in every hundred records; "missing" recordings are listed and not written.
        tasks: the tasks of the corpus.
        rate: Hz.
        draw_seconds: draws the length of a recording.
        accepts: whether a record with these conditions is in the corpus.
    """

    max_records: int
    defects: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    rate: float = 500.0
    draw_seconds: Callable[[np.random.Generator], float] = _ten_seconds
    accepts: Callable[[Set[str]], bool] = _any


@dataclass(frozen=True)
class Drawn:
    """A record before it is written.

    Attributes:
        index: from 0.
        patient: of the recording.
        conditions: those drawn.
        recording: the ECG that shows them.
        findings: what tables of codes and words are looked up by: the rhythm, the conditions and the axis.
        uncertain: the findings about which the report is uncertain.
        defect: one of the corpus's defects, or empty.
        rng: for what else the tables need.
    """

    index: int
    patient: Patient
    conditions: frozenset[str]
    recording: Recording
    findings: tuple[str, ...]
    uncertain: frozenset[str]
    defect: str
    rng: np.random.Generator


def corpus_seed(corpus: str, seed: int) -> int:
    """Return a seed that differs between corpora."""
    return int.from_bytes(blake2b(f"{corpus} {seed}".encode(), digest_size=8).digest(), "little")


def draw(index: int, seed: int, layout: Layout) -> Drawn:
    """Draw record `index` of the corpus with `seed` (see `corpus_seed`); conditions until one is accepted."""
    defect = defect_of(index, seed, layout.defects)
    source = index - (defect == DUPLICATE)
    patient = patient_of(source, seed)
    general, heart, noise = (np.random.default_rng([seed, 3, source, stream]) for stream in range(3))
    drawn = (draw_all_conditions(general, patient.age) for _ in count())
    conditions = next(proposed for proposed in drawn if layout.accepts(proposed))
    recording = simulate(conditions, patient, heart, layout.rate, layout.draw_seconds(general), noise)
    findings = _findings(conditions, recording)
    uncertain = frozenset(np.array(findings)[general.random(len(findings)) < _UNCERTAIN].tolist())
    rng = np.random.default_rng([seed, 3, index, 3])
    return Drawn(index, patient, conditions, recording, findings, uncertain, defect, rng)


def defect_of(index: int, seed: int, defects: tuple[str, ...]) -> str:
    """Return the defect of record `index`: each once in a hundred records, never in two that follow."""
    block, place = divmod(index, _BLOCK)
    odd = 1 + 2 * np.random.default_rng([seed, 4, block]).permutation(_BLOCK // 2)
    return dict(zip(odd.tolist(), defects, strict=False)).get(place, "")


def _findings(conditions: Set[str], recording: Recording) -> tuple[str, ...]:
    named = [code for code in ALL_CONDITIONS if code in conditions and code != "NORM"]
    # The rhythm first, as in reports.
    named.sort(key=lambda code: ALL_CONDITIONS[code].group != "rhythm")
    inverted = {"INVT": f"INVT {recording.territory}"}
    rhythm = ["SR"] if is_sinus(conditions) else []
    escape = [f"escape {name}" for kind, name in _ESCAPES.items() if kind in recording.kinds]
    closing = ["NORM"] if "NORM" in conditions else []
    axis = f"axis {axis_name(recording.axis)}"
    return (*rhythm, *(inverted.get(code, code) for code in named), *escape, axis, *closing)
