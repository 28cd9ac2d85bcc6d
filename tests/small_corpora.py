"""Write small corpora in their published layouts."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from melp.ecg import LEADS
from small_ptb_xl import beats

MIMIC_LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
REPORTS = tuple(f"report_{number}" for number in range(18))
# A MATLAB 4 file begins with kind, rows, columns, no imaginary part, length of name.
_MATLAB4 = ("val", 30)


def write_mimic(stem: Path, digital: np.ndarray) -> None:
    """Write a record of MIMIC-IV-ECG: 200 steps per mV, aVF before aVL; int16 [12 leads, time]."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{stem.name} 12 500 {digital.shape[1]} 10:15:00 27/06/2123"]
    for lead, row in zip(MIMIC_LEADS, digital, strict=True):
        lines.append(f"{stem.name}.dat 16 200.0(0)/mV 16 0 {row[0]} {_checksum(row)} 0 {lead}")
    stem.with_name(stem.name + ".hea").write_text("\n".join(lines) + "\n")
    stem.with_name(stem.name + ".dat").write_bytes(digital.T.astype("<i2").tobytes())


def write_challenge(
    stem: Path, microvolt: np.ndarray, codes: str, age: str = "61", sex: str = "Female", rate: float = 500
) -> None:
    """Write a record of the Challenge of 2021: MATLAB 4, 1000 steps per mV, diagnoses in the header."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    samples = microvolt.shape[1]
    lines = [f"{stem.name} 12 {rate:g} {samples}"]
    for lead, row in zip(LEADS, microvolt, strict=True):
        lines.append(f"{stem.name}.mat 16x1+24 1000.0(0)/mV 16 0 {row[0]} {_checksum(row)} 0 {lead}")
    lines += [f"# Age: {age}", f"# Sex: {sex}", f"# Dx: {codes}", "# Rx: Unknown"]
    stem.with_name(stem.name + ".hea").write_text("\n".join(lines) + "\n")
    name, kind = _MATLAB4
    head = np.array([kind, 12, samples, 0, len(name) + 1], dtype="<i4").tobytes() + name.encode() + b"\0"
    stem.with_name(stem.name + ".mat").write_bytes(head + microvolt.T.astype("<i2").tobytes())


def make_mimic(
    folder: Path, signals: Sequence[np.ndarray | None], reports: Sequence[Sequence[str]], a_patient: int = 3
) -> Path:
    """Write MIMIC-IV-ECG with a record for each signal (None: not on disk); reports have another order."""
    listed, measurements = [], []
    for number, (signal, report) in enumerate(zip(signals, reports, strict=True)):
        subject, study = 10000000 + number // a_patient, 40000000 + number
        path = f"files/p{subject // 10000}/p{subject}/s{study}/{study}"
        if signal is not None:
            write_mimic(folder / path, signal)
        listed.append([subject, study, study, "2180-07-23 08:44:00", path])
        texts = [*report, *[""] * (len(REPORTS) - len(report))]
        measurements.append([subject, study, 6848296, "2180-07-23 08:44:00", *texts, "0.005-150 Hz", "", 659])
    folder.mkdir(parents=True, exist_ok=True)
    _write_table(
        folder / "record_list.csv", ["subject_id", "study_id", "file_name", "ecg_time", "path"], listed
    )
    columns = ["subject_id", "study_id", "cart_id", "ecg_time", *REPORTS, "bandwidth", "filtering"]
    _write_table(folder / "machine_measurements.csv", [*columns, "rr_interval"], measurements[::-1])
    return folder


def mimic_signal(seed: int) -> np.ndarray:
    """Return twelve leads that satisfy the identities, in the order of MIMIC-IV-ECG; int16 steps of 5 µV."""
    return beats(seed)[[LEADS.index(lead) for lead in MIMIC_LEADS]]


def _write_table(file: Path, columns: list[str], rows: list[list[object]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerows([columns, *rows])


def _checksum(row: np.ndarray) -> int:
    return int(row.sum(dtype=np.int64).astype(np.int16))
