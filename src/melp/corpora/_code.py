"""Tracings of the CODE group (Ribeiro et al., Nature Communications 11:1760, 2020) in HDF5.

The dataset `tracings` has shape [exam, 4096, 12] at 400 Hz; shorter recordings are padded with zeros on both
sides.

Unit and order of leads: see `melp.io.code_tracings`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from melp.ecg import ECG, LEADS, BadRecordError
from melp.errors import MelpError
from melp.io.code_tracings import RATE, TRACINGS, augmented_order, without_padding

CLASSES = ("1dAVb", "RBBB", "LBBB", "SB", "AF", "ST")

_LIMBS = ("I", "II", "III")


def open_hdf5(file: Path) -> Any:
    """Open an HDF5 file for reading.

    Raises:
        MelpError: h5py is not installed, or the file is not HDF5.
    """
    try:
        import h5py
    except ImportError as error:
        raise MelpError(f"{file}: HDF5 needs the package h5py; pip install melp[formats]") from error
    try:
        return h5py.File(file, "r")
    except OSError as error:
        raise MelpError(f"{file}: not an HDF5 file ({str(error).splitlines()[0]})") from error


def shape_of(opened: Any, name: str, file: Path) -> tuple[int, ...]:
    """Return the shape of the dataset `name` of an open file.

    Raises:
        MelpError: the file has no such dataset.
    """
    if name not in opened:
        raise MelpError(f"{file}: no dataset {name!r}, found {', '.join(opened) or 'none'}")
    return tuple(opened[name].shape)


def count_tracings(opened: Any, file: Path) -> int:
    """Return the number of tracings in an open file.

    Raises:
        MelpError: the file has no tracings, or they do not have twelve leads.
    """
    shape = shape_of(opened, TRACINGS, file)
    if len(shape) != 3 or shape[2] != len(LEADS):
        raise MelpError(f"{file}: tracings of shape {list(shape)}, wanted [exam, time, {len(LEADS)}]")
    return shape[0]


def load_tracing(file: Path, row: int, usual: tuple[str, str, str]) -> ECG:
    """Load a tracing without its padding.

    Args:
        file: HDF5.
        row: index of the tracing, from 0.
        usual: the usual order of the augmented leads in the file.

    Raises:
        BadRecordError: the tracing cannot be read.
    """
    with open_hdf5(file) as opened:
        try:
            signal = np.asarray(opened[TRACINGS][row], dtype=np.float64).T
        except (OSError, KeyError, ValueError, IndexError) as error:
            raise BadRecordError(f"{file}: tracing {row} cannot be read ({error})", "unreadable") from error
    signal = without_padding(signal)
    return ECG(signal, RATE, _LIMBS + augmented_order(signal, usual) + LEADS[6:]).ordered()
