"""NumPy, HDF5, MATLAB and Parquet files in the forms that people write."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io

from melp.ecg import LEADS
from melp.errors import MelpError
from melp.io import read_file
from small_exports import RATE, steps

MICROVOLT = steps()
MILLIVOLT = MICROVOLT / 1000
ASKED = {"leads": LEADS, "rate": 500.0, "unit": "mV"}
CELLS = np.array([LEADS], dtype=object)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def mat(**variables: Any) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, variables, do_compression=True)
    return file.getvalue()


def hdf5(fill: Callable[[h5py.File], None], block: int = 0) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w", userblock_size=block) as opened:
        fill(opened)
    return file.getvalue()


def with_attributes(opened: h5py.File) -> None:
    dataset = opened.create_dataset("ecg", data=MILLIVOLT, compression="gzip")
    dataset.attrs.update({"fs": 500, "leads": list(LEADS), "unit": "mV"})


def with_groups(opened: h5py.File) -> None:
    opened["one/signal"], opened["one/rate"], opened["one/leads"] = MILLIVOLT.T, 500.0, list(LEADS)
    opened.attrs["unit"] = np.bytes_("mV")


def with_a_dataset_a_lead(opened: h5py.File) -> None:
    for lead, row in zip(LEADS, MICROVOLT, strict=True):
        opened[f"leads/{lead}"] = row
    opened.attrs.update({"sampling_rate": 500, "unit": "uV"})


def as_matlab(opened: h5py.File) -> None:
    """Write as MATLAB 7.3 does: transposed, texts as numbers, cells as references."""
    opened["signal"], opened["fs"] = MILLIVOLT.T, np.array([[500.0]])
    opened["unit"] = np.array([[ord(letter)] for letter in "mV"], dtype=np.uint16)
    opened["unit"].attrs["MATLAB_class"] = np.bytes_("char")
    texts = [np.array([[ord(letter)] for letter in lead], np.uint16) for lead in LEADS]
    names = [opened.create_dataset(f"#refs#/{row}", data=text) for row, text in enumerate(texts)]
    opened["leads"] = np.array([[name.ref for name in names]], dtype=h5py.ref_dtype)


FORMS: dict[str, tuple[bytes, dict[str, Any]]] = {
    "npy": (npy(MILLIVOLT), ASKED),
    "npy, time first": (npy(np.asfortranarray(MILLIVOLT.T.astype(">f8"))), ASKED),
    "npy, int16": (npy(MICROVOLT.astype(np.int16)), {**ASKED, "unit": "uV"}),
    "npz": (npz(signal=MILLIVOLT, leads=LEADS, rate=500, unit="mV"), {}),
    "npz, batch of one": (npz(ecg=MILLIVOLT[None], lead_names=LEADS, fs=[500], units=["mV"] * 12), {}),
    "npz, times": (npz(x=MICROVOLT.T, leads=",".join(LEADS), t=np.arange(400) / 500, unit="uV"), {}),
    "npz, an array a lead": (npz(**dict(zip(LEADS, MICROVOLT, strict=True)), fs=500, unit="uV"), {}),
    "hdf5, attributes": (hdf5(with_attributes), {}),
    "hdf5, groups": (hdf5(with_groups), {}),
    "hdf5, a dataset a lead": (hdf5(with_a_dataset_a_lead), {}),
    "MATLAB 7.3": (b"MATLAB 7.3 MAT-file".ljust(512) + hdf5(as_matlab, 512)[512:], {}),
    "MATLAB 5": (mat(signal=MILLIVOLT, fs=500, unit="mV", leads=CELLS), {}),
    "MATLAB 5, struct": (mat(r={"data": MICROVOLT.T, "Fs": 500.0, "units": "uV", "channels": CELLS}), {}),
    "MATLAB 5, nothing but numbers": (mat(val=MILLIVOLT), ASKED),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_forms(name: str) -> None:
    data, options = FORMS[name]
    ecg = read_file(data, **options)
    assert ecg.leads == LEADS and ecg.rate == RATE
    np.testing.assert_allclose(ecg.signal, MILLIVOLT, atol=1e-6)


def test_parquet_of_pandas() -> None:
    file = io.BytesIO()
    pd.DataFrame(dict(zip(LEADS, MICROVOLT, strict=True))).to_parquet(file)
    ecg = read_file(file.getvalue(), rate=500, unit="uV")
    np.testing.assert_allclose(ecg.signal, MILLIVOLT, atol=1e-6)


@pytest.mark.parametrize("order", [("aVR", "aVL", "aVF"), ("aVL", "aVF", "aVR")])
def test_one_tracing_of_code(order: tuple[str, ...]) -> None:
    """Its padding is cut; Goldberger's identities tell the order of the augmented leads."""
    one, two = MILLIVOLT[:2]
    goldberger = {"aVR": -(one + two) / 2, "aVL": one - two / 2, "aVF": two - one / 2}
    limb = {"I": one, "II": two, "III": two - one, **goldberger}
    rows = np.stack([*(limb[lead] for lead in ("I", "II", "III", *order)), *MILLIVOLT[6:]])
    padded = np.pad(rows.T, ((30, 66), (0, 0)))[None]
    ecg = read_file(hdf5(lambda opened: opened.create_dataset("tracings", data=padded)))
    assert ecg.leads == LEADS and ecg.rate == 400 and ecg.signal.shape[1] in (399, 400)
    np.testing.assert_allclose(ecg.signal[3], limb["aVR"][-ecg.signal.shape[1] :], atol=1e-6)


def as_bomb(opened: h5py.File) -> None:
    opened.create_dataset("ecg", (12, 10**7), "f4", compression="gzip", fillvalue=1)


def as_two_tracings(opened: h5py.File) -> None:
    opened["tracings"] = np.ones((2, 9, 12))


REFUSED: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "no names": (npy(MILLIVOLT), {}, "of shape [12, 400], wanted them in order (--leads I,II,...)"),
    "other number of names": (npy(MILLIVOLT), {**ASKED, "leads": ("I", "II")}, "and 2 names of leads found"),
    "no rate": (npy(MILLIVOLT), {"leads": LEADS, "unit": "mV"}, "give the rate in Hz (--rate)"),
    "no unit": (npy(MILLIVOLT), {"leads": LEADS, "rate": 500.0}, "give mV, uV, nV or V (--unit)"),
    "pickle": (npy(np.array([{}], dtype=object)), ASKED, "Python objects, which are pickles"),
    "cut": (npy(MILLIVOLT)[:-1], ASKED, "cut short: shape [12, 400]"),
    "huge": (npy(MILLIVOLT).replace(b"(12, 400)", b"(12, 4e9)"), ASKED, "damaged or foreign array"),
    "several recordings": (npz(x=np.ones((2, 12, 400)), fs=500), ASKED, "[2, 12, 400] found, wanted one"),
    "two signals": (npz(a=MILLIVOLT, b=MILLIVOLT), ASKED, "wanted one named signal"),
    "a bomb": (hdf5(as_bomb), ASKED, "over 100 times the size"),
    "many tracings": (hdf5(as_two_tracings), {}, "2 tracings found, wanted one"),
    "cells of numbers": (mat(leads=np.array([[1, 2]], object)), ASKED, "arrays 'none' found"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    data, options, message = REFUSED[name]
    with pytest.raises(MelpError, match=re.escape(message)):
        read_file(data, **options)
