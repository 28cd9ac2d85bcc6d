"""Real files of devices give the expected samples, within one quantum, and damaged ones are refused."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import melp
from melp.ecg import LEADS

pytestmark = pytest.mark.data

COUNT = 20


@pytest.fixture(scope="session")
def vendor(recordings: Path) -> Path:
    """The folder of files of devices and their expected samples."""
    return recordings / "vendor"


def test_all_files_within_one_quantum(vendor: Path) -> None:
    with (vendor / "index.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) >= COUNT
    for row in rows:
        path, expected = (
            vendor / "files" / row["format"] / row["name"],
            vendor / "expected" / f"{row['name']}.npz",
        )
        if not expected.is_file():
            with pytest.raises(melp.MelpError, match="damaged"):
                melp.read(path)
            continue
        check(melp.read(path), expected, row["name"])


def check(ecg: melp.ECG, file: Path, name: str) -> None:
    """Compare all expected leads, but for the calibration pulse at the end, which is cut."""
    with np.load(file) as arrays:
        assert ecg.rate == arrays["rate"], name
        for signal, leads in (("signal", "leads"), ("signal12", "leads12")):
            for lead, row in zip(arrays.get(leads, ()), arrays.get(signal, ()), strict=True):
                samples = ecg.signal[ecg.leads.index(str(lead))]
                quantum = np.diff(np.unique(row)).min()
                if name.endswith(".xml") and len(samples) < len(row):
                    assert "calibration" in " ".join(ecg.meta["warnings"]), name
                    row = row[: len(samples)]
                assert samples.shape == row.shape and np.abs(samples - row).max() < quantum, (name, str(lead))
    standard = [lead for lead in ecg.leads if lead in LEADS]
    assert standard == [lead for lead in LEADS if lead in ecg.leads], name
