"""What is drawn for a record: patient, conditions, recording, and the defect that it gets."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count

import numpy as np

from melp.simulator.conditions import CONDITIONS, draw_conditions, is_sinus
from melp.simulator.patient import Patient, patient_of
from melp.simulator.recording import Recording, simulate
from melp.simulator.report import axis_name

DUPLICATE = "duplicate"
"""The defect of a record that has the recording of the record before it."""
MISSING = "missing"
"""The defect of a record that is listed, but whose recording is not on disk."""
_BLOCK = 100
_UNCERTAIN = 0.25


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


def draw(
    index: int,
    seed: int,
    defects: tuple[str, ...],
    rate: float,
    draw_seconds: Callable[[np.random.Generator], float],
    accepts: Callable[[Set[str]], bool],
) -> Drawn:
    """Draw record `index` of the corpus with `seed` (see `corpus_seed`); conditions until one is accepted."""
    defect = defect_of(index, seed, defects)
    source = index - (defect == DUPLICATE)
    patient = patient_of(source, seed)
    general, heart, noise = (np.random.default_rng([seed, 3, source, stream]) for stream in range(3))
    drawn = (draw_conditions(general, patient.age) for _ in count())
    conditions = next(proposed for proposed in drawn if accepts(proposed))
    recording = simulate(conditions, patient, heart, rate, draw_seconds(general), noise)
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
    named = [code for code in CONDITIONS if code in conditions and code != "NORM"]
    inverted = {"INVT": f"INVT {recording.territory}"}
    # The rhythm first, as in reports.
    named.sort(key=lambda code: CONDITIONS[code].group != "rhythm")
    rhythm = ["SR"] if is_sinus(conditions) else []
    closing = ["NORM"] if "NORM" in conditions else []
    axis = f"axis {axis_name(recording.axis)}"
    return (*rhythm, *(inverted.get(code, code) for code in named), axis, *closing)
