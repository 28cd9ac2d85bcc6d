"""Tracings of the CODE group (Ribeiro et al., Nature Communications 11:1760, 2020) in HDF5.

The dataset `tracings` has shape [exam, 4096, 12] at 400 Hz; shorter recordings are padded with zeros on both
sides.

Unit: mV. The authors' description has "scale 1e-4V" and, in the same sentence, that volts are to be
multiplied by 1000, which gives millivolts. Read as mV, the R waves of lead II have a median of 1.5 mV (test
set) and 1.75 mV (CODE-15), as others have measured; with 1e-4 V it would be 0.15 mV. CODE-15 is then still
1.4 to 2 times as large as PTB-XL, which its authors have not explained.

Order of leads: the descriptions differ (aVR aVL aVF; aVL aVF aVR), and so do the files. Each record has the
order that satisfies Goldberger's identities, or the usual order of its file if none does.
"""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from melp.ecg import ECG, LEADS, BadRecordError, identity_tolerance, limb_residuals, rms
from melp.errors import MelpError

RATE = 400.0
CLASSES = ("1dAVb", "RBBB", "LBBB", "SB", "AF", "ST")
TRACINGS = "tracings"

_LIMBS = ("I", "II", "III")
_AUGMENTED = ("aVR", "aVL", "aVF")


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


def without_padding(signal: Float[np.ndarray, "lead time"]) -> Float[np.ndarray, "lead samples"]:
    """Return the signal without leading and trailing samples that are zero in all leads, unless all are."""
    nonzero = np.flatnonzero(signal.any(axis=0))
    return signal[:, nonzero[0] : nonzero[-1] + 1] if len(nonzero) else signal


def augmented_order(
    signal: Float[np.ndarray, "12 time"], usual: tuple[str, str, str]
) -> tuple[str, str, str]:
    """Return the order of rows 3 to 5 that satisfies Goldberger's identities, or `usual` if none does."""
    limb = signal[:6] - signal[:6].mean(axis=1, keepdims=True)
    errors = {order: rms(limb_residuals(limb[_rows(order)])[1:]) for order in permutations(_AUGMENTED)}
    best = min(errors, key=lambda order: (errors[order], order != usual))
    fits = errors[best] <= identity_tolerance(limb)
    return (best[0], best[1], best[2]) if fits else usual


def _rows(order: tuple[str, ...]) -> list[int]:
    """Return the rows that bring limb leads with the augmented ones in `order` into the standard order."""
    return [0, 1, 2, *(3 + order.index(lead) for lead in _AUGMENTED)]
