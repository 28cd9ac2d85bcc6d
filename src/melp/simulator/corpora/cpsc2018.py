"""CPSC 2018, simulated in PhysioNet's form: 6 to 60 s, one class or more in each record.

Some recordings of REFERENCE.csv are not on disk, and some headers do not know the age.
"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from melp.simulator.corpora._catalogue import codes, codes_of
from melp.simulator.corpora._draw import MISSING, Drawn, Layout
from melp.simulator.corpora._splits import draw_parts, write_label_files
from melp.simulator.corpora._wfdb import to_steps, write_mat
from melp.tasks import get_task

NO_AGE = "no age"

_SNOMED = {
    "NORM": "426783006", "AFIB": "164889003", "1AVB": "270492004", "CLBBB": "164909002", "CRBBB": "59118001",
    "PAC": "284470004", "VPC": "164884008", "STD": "429622005", "STE": "164931005",
}  # fmt: skip
"""In the order of their numbers in REFERENCE.csv, from 1."""
_SEX = ("Male", "Female")
_GROUP, _MOST = 1000, 3
_COLUMNS = ["patient_id", "ecg_id", "filename", "validation", "age", "sex", "scp_codes"]


def _draw_seconds(rng: np.random.Generator) -> float:
    """Return 6 to 60 s, on average 15."""
    return float(np.clip(rng.lognormal(np.log(13), 0.45), 6, 60).round(1))


def _accepts(conditions: Set[str]) -> bool:
    """Return whether the conditions have one to three classes, for which REFERENCE.csv has columns."""
    classes = {label for code in conditions for label in codes("cpsc2018").get(code, ())}
    return 1 <= len(classes) <= _MOST


LAYOUT = Layout(9999, (MISSING, NO_AGE), ("cpsc2018",), draw_seconds=_draw_seconds, accepts=_accepts)


def write_recording(folder: Path, parts: Path, drawn: Drawn) -> dict[str, Any]:
    """Write a recording in microvolts, and return its row."""
    name = f"A{drawn.index + 1:04d}"
    labels = codes_of(drawn, "cpsc2018")
    age = float("nan") if drawn.defect == NO_AGE else float(drawn.patient.age)
    if drawn.defect != MISSING:
        write_mat(
            folder / f"g{drawn.index // _GROUP + 1}" / name,
            to_steps(drawn.recording.signal, 1000),
            LAYOUT.rate,
            "12:33:59 12/05/2020",
            age,
            _SEX[drawn.patient.sex],
            [_SNOMED[label] for label in labels],
        )
    return {"id": name, "labels": list(labels), "age": age, "sex": drawn.patient.sex}


def write_tables(folder: Path, parts: Path, rows: pd.DataFrame) -> None:
    """Write REFERENCE.csv: up to three classes of each record, by number."""
    numbers = list(_SNOMED)
    lines = ["Recording,First_label,Second_label,Third_label"]
    for name, labels in zip(rows["id"], rows["labels"], strict=True):
        cells = [str(numbers.index(label) + 1) for label in labels]
        lines.append(",".join([name, *cells, *[""] * (_MOST - len(cells))]))
    (folder / "REFERENCE.csv").write_text("\n".join(lines) + "\n")


def write_splits(rows: pd.DataFrame, folder: Path) -> None:
    """Write `icbeb_{train,val,test}.csv`; the running number of a record is also its patient."""
    classes = get_task("cpsc2018").classes
    number = np.arange(1, len(rows) + 1)
    about = rows.assign(
        patient_id=number, ecg_id=number, filename=rows["id"], validation=False, scp_codes="{}"
    )
    labels = np.array([[name in own for name in classes] for own in rows["labels"]])
    write_label_files(folder / "icbeb", "cpsc2018", about[_COLUMNS], labels, draw_parts(len(rows)))
