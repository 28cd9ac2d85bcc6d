"""The synthetic corpus: simulated recordings, each determined by its seed and index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from melp.corpora import Entry, Listing, Options
from melp.ecg import ECG, LEADS
from melp.simulator.conditions import draw_conditions, statement_codes
from melp.simulator.patient import Patient, patient_of
from melp.simulator.recording import simulate
from melp.simulator.report import write_report

DEFAULT_RECORDS = 2000
_SEX = ("male", "female")


@dataclass(frozen=True)
class SyntheticRecord:
    """A simulated recording with its ground truth.

    `ecg` is float32 in mV, its leads in standard order; `codes` are its statement codes, `statements` its
    report; `beats` are the samples of the R waves and `kinds` their WFDB annotation symbols.
    """

    ecg: ECG
    codes: tuple[str, ...]
    statements: tuple[str, ...]
    beats: Int[np.ndarray, " beat"]
    kinds: tuple[str, ...]
    patient: str
    fold: int
    age: int
    sex: str


def simulate_record(index: int, seed: int, rate: float = 500, seconds: float = 10) -> SyntheticRecord:
    """Simulate record `index` of the corpus with `seed`, at `rate` Hz.

    Its conditions, beats and report do not depend on `rate`.
    """
    patient, conditions = _draw_patient(index, seed)
    heart, noise, words = (_generator(seed, index, stream) for stream in (1, 2, 3))
    recording = simulate(conditions, patient, heart, rate, seconds, noise)
    return SyntheticRecord(
        ecg=ECG(recording.signal, float(rate), LEADS, {}),
        codes=statement_codes(conditions),
        statements=tuple(write_report(conditions, recording, words)),
        beats=recording.beats,
        kinds=recording.kinds,
        patient=_patient_id(patient, seed),
        fold=patient.fold,
        age=patient.age,
        sex=_SEX[patient.sex],
    )


def simulate_records(
    count: int, seed: int, rate: float = 500, seconds: float = 10
) -> Iterator[SyntheticRecord]:
    """Simulate the first `count` records of the corpus with `seed`."""
    return (simulate_record(index, seed, rate, seconds) for index in range(count))


def list_entries(raw: Path | None, options: Options) -> Listing:
    """List the records requested by `options`; `raw` is ignored, as nothing is on disk."""
    return Listing(_entry(index, options) for index in range(options.records or DEFAULT_RECORDS))


def load(entry: Entry) -> ECG:
    """Simulate the recording of `entry`, with its report and beats (samples and WFDB symbols) in `meta`."""
    record = simulate_record(**entry.source)
    return record.ecg.with_meta(
        statements=list(record.statements), beats=record.beats.tolist(), kinds=list(record.kinds)
    )


def _generator(seed: int, index: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, 3, index, stream])


def _draw_patient(index: int, seed: int) -> tuple[Patient, frozenset[str]]:
    patient = patient_of(index, seed)
    return patient, draw_conditions(_generator(seed, index, 0), patient.age)


def _patient_id(patient: Patient, seed: int) -> str:
    return f"synthetic-{seed}-p{patient.number:07d}"


def _entry(index: int, options: Options) -> Entry:
    patient, conditions = _draw_patient(index, options.seed)
    return Entry(
        id=f"synthetic-{options.seed}-{index:07d}",
        patient=_patient_id(patient, options.seed),
        fold=patient.fold,
        labels=statement_codes(conditions),
        age=float(patient.age),
        sex=_SEX[patient.sex],
        source={"index": index, "seed": options.seed, "rate": options.rate, "seconds": options.seconds},
    )
