"""Read recordings, and ask a model about one batch of them after another."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from typing import Generic, TypeVar

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from melp.answers.doubts import describe_doubts
from melp.answers.missing_leads import fill_leads
from melp.answers.sources import Reading, Recording, Recordings, list_recordings
from melp.data.store import Store
from melp.disclaimer import DISCLAIMER
from melp.ecg import ECG, BadRecordError
from melp.errors import MelpError
from melp.hub import Model
from melp.io.wfdb import check_content
from melp.progress import progress_bar

__all__ = ["Answered", "Inputs", "ask", "finish", "model_input", "read_one"]

T = TypeVar("T")
Inputs = Float[Tensor, "record model_lead samples"]


@dataclass
class Answered(Generic[T]):
    """The answers for all recordings that could be read, in their order.

    Attributes:
        ids: of each recording: its path, its id in a store, or its number.
        doubts: what is doubtful about each recording; "" for nothing.
        values: the answer for each recording.
        failed: why the others could not be read or used, by id.
    """

    ids: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    values: list[T] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Rows:
    """Some rows of a store."""

    store: Store
    rows: Int[np.ndarray, " record"]


def ask(
    model: Model, x: Recordings, function: Callable[[Inputs], Iterable[T]], reading: Reading
) -> Answered[T]:
    """Apply a function to batches of preprocessed recordings; it returns one answer for each.

    Raises:
        MelpError: a recording cannot be read or used, unless `reading.skip`.
    """
    answered = Answered[T]()
    groups = list(_groups(list_recordings(x, reading), reading))
    bar = progress_bar(shown=reading.progress and len(groups) > 1 and sys.stderr.isatty())
    with ThreadPoolExecutor(max(reading.jobs, 1)) as pool, torch.inference_mode(), bar:
        for group in bar.track(groups, description="recordings"):
            inputs = (
                _read_rows(model, group, answered)
                if isinstance(group, _Rows)
                else _read_group(model, group, reading, pool, answered)
            )
            if inputs is not None:
                answered.values.extend(function(inputs))
    assert len(answered.values) == len(answered.ids)
    return answered


def read_one(
    model: Model, x: Recordings, reading: Reading
) -> tuple[ECG, Float[Tensor, "1 model_lead samples"]]:
    """Return the only recording of `x`, and the input of the model.

    Raises:
        MelpError: there are several, or it cannot be used.
    """
    listed = list_recordings(x, reading)
    if len(listed) != 1 or not isinstance(listed[0], Recording):
        raise MelpError(f"recordings: found {len(listed)} or a store, wanted one recording")
    ecg = _read(model, listed[0], reading)
    return ecg, model_input(model, ecg)


def finish(table: pd.DataFrame, answered: Answered[T], meaning: str = "") -> pd.DataFrame:
    """Add to a table what it means, and the recordings that could not be read (`attrs`)."""
    table.attrs |= {"note": f"{meaning} {DISCLAIMER}".strip(), "failed": answered.failed}
    return table


def _groups(listed: Sequence[Recording | Store], reading: Reading) -> Iterator[list[Recording] | _Rows]:
    size = reading.batch_size
    for is_store, group in groupby(listed, lambda one: isinstance(one, Store)):
        if not is_store:
            recordings = [one for one in group if isinstance(one, Recording)]
            yield from (recordings[start : start + size] for start in range(0, len(recordings), size))
            continue
        for store in (one for one in group if isinstance(one, Store)):
            rows = np.arange(len(store))
            if reading.folds is not None:
                rows = np.flatnonzero(np.isin(store.column("fold"), reading.folds))
            if not len(rows):
                raise MelpError(
                    f"{store.path}: no record in folds {', '.join(map(str, reading.folds or ()))}"
                )
            yield from (_Rows(store, rows[start : start + size]) for start in range(0, len(rows), size))


def _read_rows(model: Model, group: _Rows, answered: Answered[T]) -> Inputs:
    store, flags = group.store, group.store.lists("flags")
    answered.ids += store.column("id")[group.rows].tolist()
    answered.doubts += ["; ".join(flags[int(row)]) for row in group.rows]
    return model.inputs(store.signals(group.rows), store.rate)


def _read_group(
    model: Model,
    group: Sequence[Recording],
    reading: Reading,
    pool: ThreadPoolExecutor,
    answered: Answered[T],
) -> Inputs | None:
    """Read recordings in parallel, in order; None if none of them can be used."""

    def read(recording: Recording) -> tuple[Float[Tensor, "1 model_lead samples"], str] | MelpError:
        try:
            ecg = _read(model, recording, reading)
            return model_input(model, ecg), describe_doubts(model, ecg)
        except MelpError as error:
            if not reading.skip:
                raise
            return error

    inputs = []
    # `map` keeps the order of the recordings.
    for recording, result in zip(group, (pool.map if reading.jobs > 1 else map)(read, group), strict=True):
        if isinstance(result, MelpError):
            answered.failed[recording.id] = str(result)
            continue
        inputs.append(result[0])
        answered.ids.append(recording.id)
        answered.doubts.append(result[1])
    return torch.cat(inputs) if inputs else None


def _read(model: Model, recording: Recording, reading: Reading) -> ECG:
    """Read a recording, with 0 mV in the leads of the model that it lacks if that is asked for."""
    leads = model.preprocessing.leads
    try:
        ecg = recording.read(leads)
        if reading.fill_leads:
            return fill_leads(ecg, leads)
        ecg.select(leads)  # an error if one is missing
        return ecg
    except BadRecordError as error:
        if reading.fill_leads or error.reason != "missing lead":
            raise
        raise BadRecordError(f"{error} (--fill-leads takes 0 mV for these)", error.reason) from error


def model_input(model: Model, ecg: ECG) -> Float[Tensor, "1 model_lead samples"]:
    """Return the input of the model, after checking that the window it sees is a recording.

    Raises:
        BadRecordError: a lead is missing, there are no samples, or they never change.
    """
    name = str(ecg.meta.get("path", "ECG"))
    seen = ecg.select(model.preprocessing.leads)
    seconds = model.preprocessing.seconds
    window = ECG(seen.signal[:, : round(seconds * seen.rate)], seen.rate, seen.leads)
    check_content(window, name)
    low, high = window.extent
    if (low == high).all():
        raise BadRecordError(f"{name}: no lead changes within {seconds:g} s, wanted an ECG", "constant")
    return model.inputs(ecg)
