"""The test set of CODE, simulated: 7 or 10 s at 400 Hz in one HDF5 file, padded with zeros on both sides.

The augmented leads have the order aVL aVF aVR, as in the published file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from melp.ecg import LEADS
from melp.simulator.corpora._catalogue import codes_of
from melp.simulator.corpora._draw import Drawn, Layout
from melp.tasks import get_task

_ORDER = ("I", "II", "III", "aVL", "aVF", "aVR", *LEADS[6:])
_SAMPLES = 4096
_SEX = ("M", "F")
_OVERLOOKED = 0.03
"""Part of the abnormalities that the first of the cardiologists does not mark."""


def _draw_seconds(rng: np.random.Generator) -> float:
    """Return 7 or 10 s."""
    return float(rng.choice([7.0, 10.0]))


LAYOUT = Layout(10**5, tasks=("code-test",), rate=400.0, draw_seconds=_draw_seconds)


def write_recording(folder: Path, parts: Path, drawn: Drawn) -> dict[str, Any]:
    """Keep the tracing for the file of all, and return its row."""
    signal = drawn.recording.signal[[LEADS.index(lead) for lead in _ORDER]]
    tracing = np.zeros((_SAMPLES, len(LEADS)))
    begin = (_SAMPLES - signal.shape[1]) // 2
    tracing[begin : begin + signal.shape[1]] = signal.T
    np.save(parts / f"tracing-{drawn.index:06d}.npy", tracing)
    labels = codes_of(drawn, "code-test")
    return {
        "id": str(drawn.index),
        "labels": list(labels),
        "age": drawn.patient.age,
        "sex": _SEX[drawn.patient.sex],
        "first": [label for label in labels if drawn.rng.random() >= _OVERLOOKED],
    }


def write_tables(folder: Path, parts: Path, rows: pd.DataFrame) -> None:
    """Write the tracings, the ages and sexes, and the annotations; rows have no identifiers."""
    import h5py

    data = folder / "data"
    (data / "annotations").mkdir(parents=True, exist_ok=True)
    with h5py.File(data / "ecg_tracings.hdf5", "w") as file:
        tracings = file.create_dataset("tracings", (len(rows), _SAMPLES, len(LEADS)), dtype="f8")
        for index in range(len(rows)):
            tracings[index] = np.load(parts / f"tracing-{index:06d}.npy")
    rows[["age", "sex"]].to_csv(data / "attributes.csv", index=False)
    classes = get_task("code-test").classes
    marks = {"gold_standard": "labels", "cardiologist1": "first", "cardiologist2": "labels"}
    for name, column in marks.items():
        flags = pd.DataFrame(
            [[int(each in own) for each in classes] for own in rows[column]], columns=classes
        )
        flags.to_csv(data / f"annotations/{name}.csv", index=False)
