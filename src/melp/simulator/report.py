"""Reports: the statements that a machine or a clinician would write about a recording.

The wording follows the controlled English of translated reports: lower case, no full stop, one finding
per statement.
"""

from __future__ import annotations

from collections.abc import Set

import numpy as np

from melp.simulator.conditions import CONDITIONS, is_sinus
from melp.simulator.phrases import (
    AXIS,
    CLOSING,
    DESCRIPTIONS,
    FINDINGS,
    HEDGES,
    RATE,
    SINUS,
    T_INVERSION,
    Phrases,
)
from melp.simulator.recording import Recording

_RHYTHM = {"rhythm"}
_HEDGED = {"chamber", "infarct", "acute", "interval"}
_MILD = {"STACH", "SBRAD", "SARRH", "PAC", "ARTEFACT"}


class _Writer:
    """Draws phrases in the style of one report: a machine's or a clinician's."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.machine = bool(rng.random() < 0.5)

    def pick(self, phrases: Phrases) -> str:
        # Styles are mixed: one phrase in six has the other style.
        machine = self.machine ^ (self.rng.random() < 0.16)
        candidates = phrases[0] if machine else phrases[1]
        return candidates[self.rng.integers(len(candidates))]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def hedge(self, phrase: str) -> str:
        return self.pick(HEDGES).format(phrase)


def _rhythm(writer: _Writer, conditions: Set[str], recording: Recording) -> list[str]:
    named = [code for code in CONDITIONS if code in conditions and CONDITIONS[code].group in _RHYTHM]
    statements = [writer.pick(FINDINGS[code]) for code in named]
    if is_sinus(conditions):
        statements = [writer.pick(SINUS)]
    if "AFIB" in conditions and writer.chance(0.4):
        speed = "rapid" if recording.rate > 100 else "slow" if recording.rate < 60 else "normal"
        statements.append(writer.pick(RATE[speed]))
    return statements


def _axis(writer: _Writer, conditions: Set[str], recording: Recording) -> list[str]:
    if not writer.chance(0.25 if conditions & {"PACE", "3AVB"} else 0.65):
        return []
    return [writer.pick(AXIS[axis_name(recording.axis)])]


def axis_name(degrees: float) -> str:
    """Return the name of an axis from -180 to 180 degrees: left, normal, right or extreme.

    Limits for adults of Surawicz et al., AHA/ACCF/HRS recommendations part III (Circulation 119:e235, 2009):
    normal from -30 to 90, left from there to -90, right to 180; the rest is neither left nor right.
    """
    if -30 <= degrees <= 90:
        return "normal"
    if degrees > 90:
        return "right"
    return "left" if degrees >= -90 else "extreme"


def _finding(writer: _Writer, code: str, recording: Recording) -> list[str]:
    phrase = writer.pick(FINDINGS[code])
    if code == "INVT":
        phrase = writer.pick(T_INVERSION[recording.territory])
    elif CONDITIONS[code].group in _HEDGED and writer.chance(0.2):
        # The first phrase is a noun, to which a hedge can be added.
        phrase = writer.hedge(FINDINGS[code][0][0])
    statements = [phrase]
    if code in DESCRIPTIONS and writer.chance(0.3):
        statements.insert(int(writer.rng.integers(2)), writer.pick(DESCRIPTIONS[code]))
    return statements


def _closing(writer: _Writer, conditions: Set[str]) -> list[str]:
    if "NORM" in conditions:
        return [writer.pick(CLOSING["normal"])]
    if conditions <= _MILD:
        return [writer.pick(CLOSING["otherwise"])] if writer.chance(0.5) else []
    return [writer.pick(CLOSING["abnormal"])] if writer.chance(0.35) else []


def write_report(conditions: Set[str], recording: Recording, rng: np.random.Generator) -> list[str]:
    """Return the report of `recording`, which shows `conditions`, as a list of statements."""
    writer = _Writer(rng)
    rhythm = _rhythm(writer, conditions, recording)
    groups: dict[str, list[str]] = {"ectopy": [], "quality": [], "findings": []}
    for code in CONDITIONS:
        group = CONDITIONS[code].group
        if code in conditions and group not in _RHYTHM | {"normal"}:
            section = group if group in groups else "findings"
            groups[section] += _finding(writer, code, recording)
    axis, closing = _axis(writer, conditions, recording), _closing(writer, conditions)
    ectopy_first = writer.chance(0.5)
    head = groups["ectopy"] + rhythm if ectopy_first else rhythm + groups["ectopy"]
    body = axis + groups["findings"] if writer.chance(0.75) else groups["findings"] + axis
    if writer.chance(0.2):
        return groups["quality"] + body + head + closing
    return head + body + groups["quality"] + closing
