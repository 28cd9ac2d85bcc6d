"""Chapman-Shaoxing-Ningbo, simulated: codes of the corpus's own name table in the headers.

Some recordings of RECORDS are not on disk, end early, have V2 twice or V6 constant; some headers do not know
the age.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from melp.io.tables import read_packaged_tsv
from melp.simulator.corpora._catalogue import codes_of
from melp.simulator.corpora._draw import MISSING, Drawn, Layout
from melp.simulator.corpora._splits import draw_parts, write_label_files
from melp.simulator.corpora._wfdb import Samples, to_steps, write_mat
from melp.tasks import get_task
from melp.tasks.names import vocabularies

NO_AGE, TRUNCATED = "no age", "truncated"
LAYOUT = Layout(89_999, (MISSING, NO_AGE, TRUNCATED, "duplicated lead", "flat lead"), ("csn",))

_SEX = ("Male", "Female")
_A_FOLDER = 100


def write_recording(folder: Path, parts: Path, drawn: Drawn) -> dict[str, Any]:
    """Write a recording in microvolts, and return its row."""
    name = f"JS{drawn.index + 1:05d}"
    group = f"{drawn.index // _A_FOLDER + 10:03d}"
    path = f"WFDBRecords/{group[:-1]}/{group}/{name}"
    labels = codes_of(drawn, "csn")
    age = float("nan") if drawn.defect == NO_AGE else float(drawn.patient.age)
    if drawn.defect != MISSING:
        samples = _spoilt(to_steps(drawn.recording.signal, 1000), drawn.defect)
        time = pd.Timestamp("2021-03-24") + pd.Timedelta(seconds=6 * drawn.index)
        numbers = [snomed().get(label, label) for label in labels]
        sex = _SEX[drawn.patient.sex]
        write_mat(folder / path, samples, LAYOUT.rate, f"{time:%H:%M:%S %d/%m/%Y}", age, sex, numbers)
        if drawn.defect == TRUNCATED:
            file = folder / f"{path}.mat"
            file.write_bytes(file.read_bytes()[:1024])
    return {"id": name, "labels": list(labels), "age": age, "path": path}


def write_tables(folder: Path, parts: Path, rows: pd.DataFrame) -> None:
    """Write the table of names (with a byte order mark, as published), and RECORDS of each folder."""
    names = vocabularies()["csn"]
    table = [(acronym, names[acronym], code) for acronym, code in snomed().items()]
    columns = ["AcronymName", "FullName", "Snomed_CT"]
    pd.DataFrame(table, columns=columns).to_csv(
        folder / "ConditionNames_SNOMED-CT.csv", index=False, encoding="utf-8-sig"
    )
    folders = rows["path"].str.rpartition("/")[0]
    (folder / "RECORDS").write_text("".join(f"{name}/\n" for name in folders.unique()))
    for name, part in rows.groupby(folders):
        (folder / str(name)).mkdir(parents=True, exist_ok=True)
        (folder / str(name) / "RECORDS").write_text("\n".join(part["id"]) + "\n")


def write_splits(rows: pd.DataFrame, folder: Path) -> None:
    """Write `chapman_{train,val,test}.csv`, which find a class in any longer acronym too."""
    named = rows["labels"].map(lambda labels: all(label in snomed() for label in labels))
    diagnose = rows.loc[named, "labels"].map(",".join)
    classes = get_task("csn").classes
    labels = np.array([[name in joined for name in classes] for joined in diagnose]).reshape(-1, len(classes))
    labels, diagnose = labels[labels.any(axis=1)], diagnose[labels.any(axis=1)]
    about = pd.DataFrame(
        {
            "ecg_path": "/chapman/" + rows["path"] + ".mat",
            "age": rows["age"].astype("Int64"),
            "diagnose": diagnose,
        }
    ).loc[diagnose.index]
    write_label_files(folder / "chapman", "csn", about, labels, draw_parts(len(about)))


@cache
def snomed() -> dict[str, str]:
    """Return the SNOMED CT code of each acronym of the table of names."""
    return {row[0]: row[1] for row in read_packaged_tsv(__package__, "_csn", 2)}


def _spoilt(samples: Samples, defect: str) -> Samples:
    if defect == "duplicated lead":
        samples[6] = samples[7]
    if defect == "flat lead":
        samples[11] = samples[11, 0]
    return samples
