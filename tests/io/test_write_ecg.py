"""Recordings written to every format are read back, with the same leads, rate and signal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyedflib
import pytest
import wfdb

from melp.ecg import ECG, LEADS
from melp.errors import MelpError
from melp.io import read_file
from melp.io.write import write
from small_exports import steps

FORMATS = ("wfdb", "npz", "csv", "edf", "parquet")
WHOLE = ECG.of_microvolt(steps().astype(np.int16), 500, LEADS, {"age": 61.0, "sex": "female"})
EXPORTS = {
    "whole microvolts": WHOLE,
    "steps of 4.88 uV": ECG(steps() * 0.00488, 500),
    "599.88 Hz": ECG(steps() * 0.00375, 1 / 0.001667),
    "a prime number of samples": ECG(steps()[:, :397] * 0.00488, 500),
    "an offset of 300 mV": ECG(steps() * 0.00488 + 300, 250),
    "one lead": ECG(steps()[:1] * 0.0005, 300, ("I",)),
    "chest leads": ECG(steps()[6:] * 0.0005, 1000, LEADS[6:]),
}


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("name", EXPORTS)
def test_round_trip(tmp_path: Path, name: str, to: str) -> None:
    ecg = EXPORTS[name]
    same = read_file(write(ecg, tmp_path / "rec", to)[-1])
    # EDF states the length of a record to 10 us.
    assert same.rate == pytest.approx(ecg.rate, rel=1e-5 if to == "edf" else 1e-9)
    assert same.leads == ecg.leads
    assert same.signal.shape == ecg.signal.shape
    span = np.ptp(ecg.signal, axis=1, keepdims=True)
    quantum = 0 if to not in ("wfdb", "edf") else 1e-3 if name == "whole microvolts" else span / 60000
    rounding = np.abs(ecg.signal).max() * 2e-7
    assert (np.abs(same.signal - ecg.signal) <= quantum / 2 + rounding).all()


@pytest.mark.parametrize("to", FORMATS)
def test_whole_microvolts_are_kept(tmp_path: Path, to: str) -> None:
    same = read_file(write(WHOLE, tmp_path / "rec", to)[-1])
    assert np.array_equal(np.rint(same.signal * 1000), steps())


def test_wfdb_and_edf_by_their_own_packages(tmp_path: Path) -> None:
    ecg = EXPORTS["steps of 4.88 uV"]
    data, header = write(ecg, tmp_path / "rec.hea")
    assert (data.name, header.name) == ("rec.dat", "rec.hea")
    record = wfdb.rdrecord(str(tmp_path / "rec"))
    assert record.sig_name == list(LEADS) and record.fs == 500
    np.testing.assert_allclose(record.p_signal.T, ecg.signal, atol=2e-4)
    (file,) = write(ecg, tmp_path / "rec.edf")
    with pyedflib.EdfReader(str(file)) as reader:
        assert reader.getSignalLabels() == [f"ECG {lead}" for lead in LEADS]
        assert reader.getPhysicalDimension(0) == "uV" and reader.getSampleFrequency(0) == 500
        np.testing.assert_allclose(reader.readSignal(3) / 1000, ecg.signal[3], atol=2e-4)
        assert reader.getPatientName() == "" and reader.getStartdatetime().year == 1985


def test_age_and_sex_are_kept(tmp_path: Path) -> None:
    for to in ("npz", "parquet"):
        meta = read_file(write(WHOLE, tmp_path / "rec", to)[0]).meta
        assert meta["age"] == 61 and meta["sex"] == "female"
    assert read_file(write(WHOLE, tmp_path / "rec", "wfdb")[1]).meta["comments"] == (
        "Age: 61.0",
        "Sex: female",
    )


@pytest.mark.parametrize("to", FORMATS)
def test_another_content_is_not_replaced(tmp_path: Path, to: str) -> None:
    """The same content may be written again; another is refused, and nothing is left of it."""
    files = write(WHOLE, tmp_path / "rec", to)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    assert set(before) == set(files) == set(write(WHOLE, tmp_path / "rec", to))
    with pytest.raises(MelpError, match=f"{files[0].name}: another content found"):
        write(EXPORTS["steps of 4.88 uV"], tmp_path / "rec", to)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_unknown_formats(tmp_path: Path) -> None:
    for path, to in (("rec.txt", ""), ("rec", ""), ("rec.npz", "xlsx")):
        with pytest.raises(MelpError, match="found, wanted wfdb, npz, csv, edf, parquet"):
            write(WHOLE, tmp_path / path, to)


@pytest.mark.parametrize("to", ["wfdb", "edf"])
def test_samples_that_are_no_numbers_have_no_steps(tmp_path: Path, to: str) -> None:
    signal = WHOLE.signal.copy()
    signal[0, :3] = np.nan
    with pytest.raises(MelpError, match="ECG: 3 samples are NaN or infinite, wanted numbers, or npz"):
        write(ECG(signal, WHOLE.rate, WHOLE.leads), tmp_path / "rec", to)
    assert list(tmp_path.iterdir()) == []
