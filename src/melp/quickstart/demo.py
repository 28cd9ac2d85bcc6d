"""One ECG, drawn, classified and described by the model in the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from melp.corpora.synthetic import simulate_record
from melp.hub import load
from melp.io import read
from melp.io.write import write
from melp.plots.ecg_paper import plot_ecg
from melp.plots.figures import save
from melp.reports.write import join_statements

__all__ = ["LABELS", "Demo", "demo"]

_RECORD, _SEED = 56, 0
"""The simulated recording: atrial fibrillation with left bundle branch block."""
LABELS = (
    "sinus rhythm",
    "atrial fibrillation",
    "left bundle branch block",
    "right bundle branch block",
    "myocardial infarction",
)


@dataclass(frozen=True)
class Demo:
    """What the demo made.

    Attributes:
        file: the recording, a WFDB header.
        picture: the recording on ECG paper.
        simulated: what was simulated, as a report.
        labels: the table of `Model.classify`.
        report: the report that the model wrote.
    """

    file: Path
    picture: Path
    simulated: str
    labels: pd.DataFrame
    report: str


def demo(out: Path) -> Demo:
    """Write a simulated ECG to a folder, draw it, classify it and report it.

    Raises:
        MelpError: this installation has no model, or the folder cannot be written.
    """
    model = load()
    record = simulate_record(_RECORD, _SEED)
    ecg = record.ecg.with_meta(age=record.age, sex=record.sex)
    file, picture = out / "ecg.hea", out / "ecg.svg"
    out.mkdir(parents=True, exist_ok=True)
    write(ecg, file)
    save(plot_ecg(ecg, title="A simulated ECG"), picture)
    ecg = read(file)
    labels = model.classify(ecg, LABELS)
    report = model.report(ecg)["report"].iloc[0]
    return Demo(file, picture, join_statements(record.statements), labels, report)
