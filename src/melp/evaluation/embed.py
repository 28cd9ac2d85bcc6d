"""Embeddings of the records of a store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int, Int16
from rich.console import Console
from rich.progress import track
from torch import Tensor

from melp.data.store import Store
from melp.errors import MelpError
from melp.hub import Model

__all__ = ["embed_rows", "map_rows", "rows_of", "write_embeddings"]


def rows_of(store: Store, ids: pd.Index) -> Int[np.ndarray, " record"]:
    """Row numbers of the records `ids` in the store's index, in that order; -1 for one that it lacks."""
    return np.asarray(pd.Index(store.column("id")).get_indexer(ids))


def map_rows(
    model: Model,
    store: Store,
    rows: Int[np.ndarray, " record"],
    function: Callable[[Float[Tensor, "batch lead time"]], Any],
    *,
    keep: float | None = None,
    batch_size: int = 64,
    title: str = "embedding",
) -> list[Any]:
    """What `function` makes of each batch of preprocessed ECGs, in the order of `rows`.

    The signals pass the preprocessing that the model carries, on the model's device. A progress bar runs
    where stderr is a terminal. With `keep`, only the first so many seconds of a record are read, and 0 mV for
    the rest.
    """
    device = device_of(model)
    console = Console(stderr=True)
    batches = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    bar = track(batches, title, console=console, transient=True, disable=not console.is_terminal)
    with torch.inference_mode():
        return [function(model.inputs(_signals(store, batch, keep), store.rate).to(device)) for batch in bar]


def _signals(
    store: Store, rows: Int[np.ndarray, " record"], keep: float | None
) -> Int16[np.ndarray, "record lead time"]:
    signals = store.signals(rows)
    if keep is not None:
        signals[..., round(keep * store.rate) :] = 0
    return signals


def embed_rows(
    model: Model,
    store: Store,
    rows: Int[np.ndarray, " record"],
    *,
    space: str = "features",
    keep: float | None = None,
    batch_size: int = 64,
) -> Float[np.ndarray, "record dimension"]:
    """Embeddings of the records in `rows`, float32.

    Args:
        model: a loaded model folder.
        store: where the records lie.
        rows: row numbers of `store.index`.
        space: "features" (what a linear probe reads) or "text" (unit vectors in the space shared with text).
        keep: see `map_rows`.
        batch_size: records at once.

    Raises:
        MelpError: the method has no space shared with text, or an embedding is not finite.
    """
    function = model.method.embed
    if space == "text":
        require(model, "project_ecg", "a space shared with text")
        function = model.method.project_ecg
    parts = map_rows(model, store, rows, function, keep=keep, batch_size=batch_size)
    vectors = torch.cat(parts).float().cpu().numpy()
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        record = store.column("id")[rows[bad[0]]]
        raise MelpError(f"{model.folder}: embedding of record {record} is not finite ({len(bad)} in all)")
    return vectors


def device_of(model: Model) -> torch.device:
    """Where the weights of `model` lie."""
    return next((parameter.device for parameter in model.method.parameters()), torch.device("cpu"))


def require(model: Model, name: str, meaning: str) -> None:
    """Ends with one line where the method of `model` lacks the ability `name`, or was not trained for it.

    Raises:
        MelpError: it does.
    """
    if not hasattr(model.method, name):
        raise MelpError(f"{model.folder}: method {model.name} has not {meaning}")
    option = getattr(model.method, "requires_loss", {}).get(name)
    if option and not getattr(model.method.config, option):
        raise MelpError(f"{model.folder}: trained with method.{option}=0, which leaves it without {meaning}")


def write_embeddings(
    vectors: Float[np.ndarray, "record dimension"], records: pd.DataFrame, folder: Path
) -> None:
    """Writes `embeddings.npy` and, row by row the same, `ids.parquet` (id, patient, fold)."""
    folder.mkdir(parents=True, exist_ok=True)
    array, table = folder / ".embeddings.npy", folder / ".ids.parquet"
    np.save(array, vectors)
    records[["id", "patient", "fold"]].reset_index(drop=True).to_parquet(table)
    array.replace(folder / "embeddings.npy")
    table.replace(folder / "ids.parquet")
