"""What a user may give as recordings, and the recordings that it names, in order."""

from __future__ import annotations

import glob
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypedDict

import numpy as np
from jaxtyping import Shaped
from torch import Tensor

from melp.data.store import Store
from melp.ecg import ECG, BadRecordError
from melp.errors import MelpError, check_ranges
from melp.io import read_file
from melp.io.folders import recordings_in
from melp.io.values import in_millivolt
from melp.leads import LEADS

__all__ = ["Reading", "ReadingOptions", "Recording", "Recordings", "Source", "list_recordings"]

Source = str | Path | ECG | np.ndarray | Tensor | Store
"""A file, folder, glob, ECG, store (or its folder), or signals [lead, time] or [record, lead, time]."""
Recordings = Source | Sequence[Source]

_MOST_MILLIVOLT = 100.0


@dataclass(frozen=True)
class Reading:
    """How recordings are read.

    Attributes:
        rate: samples a second of arrays, and of files that do not say it.
        leads: names of the rows of arrays (default: the twelve leads in standard order), and of the channels
            of files that do not name them; a list, or a string with commas.
        unit: mV, uV, nV or V, of arrays (default: mV; needed for whole numbers) and of files that do not say
            it.
        fill_leads: take 0 mV for leads of the model that a recording lacks, which `doubts` names; otherwise
            such a recording cannot be used. `melp robustness` measures what a model loses.
        folds: folds of stores; default: all.
        jobs: number of threads that read files.
        batch_size: recordings per batch.
        skip: leave out what cannot be read or used; `attrs["failed"]` of the answer then has the reasons.
            Otherwise it is an error.
        progress: show a progress bar if stderr is a terminal.

    Raises:
        MelpError: `jobs` or `batch_size` is below 1.
    """

    rate: float | None = None
    leads: Sequence[str] | None = None
    unit: str | None = None
    fill_leads: bool = False
    folds: Sequence[int] | None = None
    jobs: int = 1
    batch_size: int = 64
    skip: bool = False
    progress: bool = True

    def __post_init__(self) -> None:
        check_ranges("reading", self, {"jobs": (1, math.inf), "batch_size": (1, math.inf)})
        if isinstance(self.leads, str):
            object.__setattr__(self, "leads", tuple(self.leads.split(",")))


class ReadingOptions(TypedDict, total=False):
    """The fields of `Reading` as keyword arguments."""

    rate: float | None
    leads: Sequence[str] | None
    unit: str | None
    fill_leads: bool
    folds: Sequence[int] | None
    jobs: int
    batch_size: int
    skip: bool
    progress: bool


@dataclass(frozen=True)
class Recording:
    """A recording that is not read yet.

    Attributes:
        id: path, or id in a store; "" for arrays and ECGs without a name.
        read: reads it, with the leads of a model at least.
    """

    id: str
    read: Callable[[Sequence[str]], ECG]


def list_recordings(x: Recordings, reading: Reading) -> list[Recording | Store]:
    """Return the recordings that `x` names, in order; a store is one item. One without a name has its number.

    Raises:
        MelpError: there are none, or something else is found.
    """
    if isinstance(x, str | bytes | Path | ECG | np.ndarray | Tensor | Store) or not isinstance(x, Iterable):
        parts = [x]
    else:
        parts = list(x)
    listed = [one for part in parts for one in _listed(part, reading)]
    if not listed:
        raise MelpError("recordings: found none, wanted files, a folder, arrays or a store")
    return [
        Recording(str(place), one.read) if isinstance(one, Recording) and not one.id else one
        for place, one in enumerate(listed)
    ]


def _listed(part: Source, reading: Reading) -> Iterator[Recording | Store]:
    if isinstance(part, Store):
        yield part
    elif isinstance(part, ECG):
        yield Recording(str(part.meta.get("id") or part.meta.get("path") or ""), lambda _: part)
    elif isinstance(part, np.ndarray | Tensor):
        signals = part.numpy(force=True) if isinstance(part, Tensor) else part
        for signal in signals if signals.ndim == 3 else [signals]:
            yield Recording("", partial(_of_array, signal, reading))
    elif not isinstance(part, str | Path):
        found = f"recordings: found {type(part).__name__}"
        raise MelpError(f"{found}, wanted a path, an ECG (see melp.read), an array or a store")
    elif "://" in str(part) or Path(part, "manifest.json").is_file():
        yield Store(part)
    else:
        for path in _paths(part):
            yield Recording(str(path), partial(_of_file, path, reading))


def _paths(text: str | Path) -> list[Path]:
    """Return the files that a path or a glob names; those of a folder are sorted."""
    path = Path(text)
    if path.is_dir():
        return recordings_in(path)
    if path.exists() or not glob.has_magic(str(text)):
        return [path]
    found = [Path(name) for name in sorted(glob.glob(str(text), recursive=True))]  # noqa: PTH207
    if not found:
        raise MelpError(f"{text}: no file matches")
    return [one for name in found for one in (recordings_in(name) if name.is_dir() else [name])]


def _of_file(path: Path, reading: Reading, wanted: Sequence[str]) -> ECG:
    """Read a file with all of its leads, or with those of the model if another one cannot be used."""
    read = partial(read_file, path, rate=reading.rate, unit=reading.unit)
    try:
        ecg = read(reading.leads)
        if not reading.fill_leads:
            ecg.select(wanted)
    except BadRecordError:
        if reading.leads is not None:
            raise
        ecg = read(wanted)
    return ecg


def _of_array(signal: Shaped[np.ndarray, "*shape"], reading: Reading, wanted: Sequence[str]) -> ECG:
    """Return signals as an ECG.

    Raises:
        MelpError: the rate is unknown, the rows are not the leads, or the unit is unknown or cannot be right.
    """
    leads = tuple(reading.leads or LEADS)
    if signal.ndim != 2 or len(signal) != len(leads):
        shape = " x ".join(map(str, signal.shape))
        raise MelpError(f"array: shape {shape} found, wanted [{len(leads)} leads, time] (see `leads`)")
    if reading.rate is None:
        raise MelpError("array: no rate found, wanted its samples a second (rate)")
    if reading.unit is None and not np.issubdtype(signal.dtype, np.floating):
        raise MelpError(f"array: {signal.dtype} without unit found, wanted unit mV, uV, nV or V")
    factor = in_millivolt(reading.unit or "mV")
    if factor is None:
        raise MelpError(f"unit: {reading.unit!r} found, wanted mV, uV, nV or V")
    # Divided, so that whole microvolts give the same numbers as those of a store.
    millivolt = signal.astype(np.float32) / np.float32(1 / factor)
    if signal.size and (span := float(np.ptp(millivolt, axis=1).max())) > _MOST_MILLIVOLT:
        raise MelpError(f"array: a lead spans {span:.0f} mV, wanted the unit of its samples (unit)")
    return ECG(millivolt, reading.rate, leads)
