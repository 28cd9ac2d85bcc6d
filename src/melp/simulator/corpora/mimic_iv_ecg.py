"""MIMIC-IV-ECG 1.0, simulated: leads in the order of its files, reports of a machine in up to 18 columns.

Records get NaN in two leads for a while, only zeros, or constant leads; lack their files or their row in
`machine_measurements.csv`; have a report of two words, or the recording of another study.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from melp.ecg import LEADS
from melp.simulator.corpora._catalogue import words_of
from melp.simulator.corpora._draw import DUPLICATE, MISSING, Drawn, Layout
from melp.simulator.corpora._wfdb import NOT_A_NUMBER, Samples, to_steps, write_dat

LAYOUT = Layout(10**7, ("NaN", "all zero", "flat", MISSING, "no measurements", "short report", DUPLICATE))

_LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
_REPORTS = tuple(f"report_{number}" for number in range(18))
_FILTERS = ("60 Hz notch Baseline filter", "<not specified>")
_LINKED_SHARE = 0.75
_NOT_MEASURED = 29999
_P_ONSET, _P_DURATION = 40, 100
# Steps through all numbers of seven digits: it shares no factor with their count.
_STRIDE, _NUMBERS = 6700417, 10**7
_SINUS_CLOSING = {"SR", "STACH", "SBRAD", "SARRH", "axis normal", "ARTEFACT"}
_LISTED = ["subject_id", "study_id", "file_name", "ecg_time", "path"]
_MEASURED = [
    "subject_id", "study_id", "cart_id", "ecg_time", *_REPORTS, "bandwidth", "filtering",
    "rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end", "p_axis", "qrs_axis", "t_axis",
]  # fmt: skip
_LINKED = ["subject_id", "study_id", "waveform_path", "note_id", "note_seq", "charttime"]


def write_recording(folder: Path, parts: Path, drawn: Drawn) -> dict[str, Any]:
    """Write a recording with 200 steps per mV, and return its row."""
    subject = 10**7 + drawn.patient.number * _STRIDE % _NUMBERS
    study = 4 * 10**7 + drawn.index * _STRIDE % _NUMBERS
    path = f"files/p{subject // 10**4}/p{subject}/s{study}/{study}"
    time = pd.Timestamp(2110 + subject % 90, 1, 1) + pd.Timedelta(
        minutes=int(drawn.rng.integers(365 * 24 * 60))
    )
    if drawn.defect != MISSING:
        samples = to_steps(drawn.recording.signal[[LEADS.index(lead) for lead in _LEADS]], 200)
        write_dat(
            folder / path,
            _spoilt(samples, drawn),
            LAYOUT.rate,
            200,
            _LEADS,
            f"{time:%H:%M:%S %d/%m/%Y}",
        )
    report = _report(drawn)
    return {
        "id": str(study), "labels": [], "subject_id": subject, "study_id": study, "file_name": study,
        "ecg_time": f"{time:%Y-%m-%d %H:%M:%S}", "path": path,
        "cart_id": int(drawn.rng.integers(6 * 10**6, 7 * 10**6)),
        **dict(zip(_REPORTS, report + [""] * (len(_REPORTS) - len(report)), strict=True)),
        "bandwidth": "0.005-150 Hz", "filtering": str(drawn.rng.choice(_FILTERS)),
        **_measurements(drawn), "linked": bool(drawn.rng.random() < _LINKED_SHARE),
    }  # fmt: skip


def write_tables(folder: Path, parts: Path, rows: pd.DataFrame) -> None:
    """Write the list of records, the measurements, the links to notes, and RECORDS; sorted by subject."""
    rows = rows.sort_values(["subject_id", "ecg_time", "study_id"])
    rows[_LISTED].to_csv(folder / "record_list.csv", index=False)
    rows.loc[rows["defect"] != "no measurements", _MEASURED].to_csv(
        folder / "machine_measurements.csv", index=False
    )
    sequence = rows.groupby("subject_id").cumcount() + 1
    notes = rows["subject_id"].astype(str) + "-EK-" + sequence.astype(str)
    columns = {"waveform_path": rows["path"], "note_id": notes, "note_seq": sequence}
    linked = rows.assign(charttime=rows["ecg_time"], **columns)
    linked.loc[linked["linked"], _LINKED].to_csv(folder / "waveform_note_links.csv", index=False)
    (folder / "RECORDS").write_text("\n".join(rows["path"]) + "\n")


def _spoilt(samples: Samples, drawn: Drawn) -> Samples:
    if drawn.defect == "NaN":
        begin = int(drawn.rng.integers(4000))
        samples[2:4, begin : begin + 500] = NOT_A_NUMBER
    if drawn.defect == "all zero":
        samples[:] = 0
    if drawn.defect == "flat":
        samples[:] = samples[:, :1]
    return samples


def _report(drawn: Drawn) -> list[str]:
    """Return the lines: the rhythm with what is said beside it, the findings, the verdict."""
    if "NORM" in drawn.conditions:
        closing = "Normal ECG"
    else:
        closing = "Borderline ECG" if set(drawn.findings) <= _SINUS_CLOSING else "Abnormal ECG"
    if drawn.defect == "short report":
        return [closing]
    lines = [words for words in words_of(drawn, "machine") if words != "Normal ECG"]
    beside = [words for words in lines if words.startswith("with ")]
    findings = [words for words in lines if words not in beside]
    first = f"{findings[0]} {beside[0]}" if beside else findings[0]
    return [first, *(words.removeprefix("with ") for words in beside[1:]), *findings[1:], closing]


def _measurements(drawn: Drawn) -> dict[str, int]:
    """Return what the machine measures, in ms and degrees; 29999 if there is no P wave."""
    recording = drawn.recording
    measured = recording.measured
    conducted = bool(np.isfinite(measured.pr))
    qrs_onset = _P_ONSET + round(1000 * measured.pr) if conducted else 200
    return {
        "rr_interval": round(60000 / recording.rate),
        "p_onset": _P_ONSET if conducted else _NOT_MEASURED,
        "p_end": min(_P_ONSET + _P_DURATION, qrs_onset) if conducted else _NOT_MEASURED,
        "qrs_onset": qrs_onset,
        "qrs_end": qrs_onset + round(1000 * measured.qrs),
        "t_end": qrs_onset + round(1000 * measured.qt),
        "p_axis": round(measured.p_axis) if conducted else _NOT_MEASURED,
        "qrs_axis": round(recording.axis),
        "t_axis": round(measured.t_axis),
    }
