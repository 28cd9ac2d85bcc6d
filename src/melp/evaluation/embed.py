"""Embeddings of the records of a store."""

from __future__ import annotations

from collections.abc import Callable, Collection
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
from melp.evaluation.files import replacing
from melp.hub import Model

__all__ = ["can", "embed_folds", "embed_frames", "embed_rows", "map_rows", "rows_of", "write_embeddings"]

Change = Callable[
    [Int16[np.ndarray, "record lead time"], Int[np.ndarray, " record"]], Float[np.ndarray, "record lead time"]
]
"""Changes the signals of some rows of a store: from microvolts to mV."""

ABILITIES = {
    "project_ecg": ("space shared with text", "a MELP or MERL model"),
    "embed_text": ("text tower", "a MELP or MERL model"),
    "beat_vectors": ("beats", "a MELP model, or --similarity global"),
    "answers": ("answers", "a QUEST model, or --similarity global"),
    "generate": ("report decoder", "a MELP or QUEST model"),
    "logits": ("classes", "--label, or a folder of `melp finetune`"),
}
"""Methods of a model: the part that each needs, and what to use if a model lacks it."""


def rows_of(store: Store, ids: pd.Index) -> Int[np.ndarray, " record"]:
    """Return the row numbers of the records `ids` in the store's index, in that order; -1 if absent."""
    return np.asarray(pd.Index(store.column("id")).get_indexer(ids))


def map_rows(
    model: Model,
    store: Store,
    rows: Int[np.ndarray, " record"],
    function: Callable[[Float[Tensor, "batch lead time"]], Any],
    *,
    keep: float | None = None,
    change: Change | None = None,
    batch_size: int = 64,
    title: str = "embedding",
) -> list[Any]:
    """Apply a function to each batch of preprocessed ECGs, in the order of `rows`.

    The signals pass the model's preprocessing, on the model's device. A progress bar is shown if stderr is a
    terminal. With `keep`, only this many seconds from the start of each record are read; the rest is 0 mV.
    With `change`, the signals are those that it returns, in mV, for the signals of some rows in microvolts.
    """
    console = Console(stderr=True)
    batches = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    bar = track(batches, title, console=console, transient=True, disable=not console.is_terminal)
    with torch.inference_mode():
        return [function(model.inputs(_signals(store, batch, keep, change), store.rate)) for batch in bar]


def _signals(
    store: Store, rows: Int[np.ndarray, " record"], keep: float | None, change: Change | None
) -> Int16[np.ndarray, "record lead time"] | Float[np.ndarray, "record lead time"]:
    signals = store.signals(rows)
    if keep is not None:
        signals[..., round(keep * store.rate) :] = 0
    return signals if change is None else change(signals, rows)


def embed_folds(
    model: Model, store: Store, folds: Collection[int] | None = None, *, space: str = "features"
) -> tuple[Float[np.ndarray, "record dimension"], pd.DataFrame]:
    """Return the embeddings of the records in some folds (default: all), and the index of these records.

    Raises:
        MelpError: no records in the folds, an id is repeated, or see `embed_rows`.
    """
    store.require_unique_ids()
    records = store.index if folds is None else store.index[store.index["fold"].isin(folds)]
    if records.empty:
        raise MelpError(f"{store.path}: no record in folds {', '.join(map(str, folds or ()))}")
    return embed_rows(model, store, records.index.to_numpy(), space=space), records


def embed_rows(
    model: Model,
    store: Store,
    rows: Int[np.ndarray, " record"],
    *,
    space: str = "features",
    keep: float | None = None,
    change: Change | None = None,
    batch_size: int = 64,
) -> Float[np.ndarray, "record dimension"]:
    """Return the embeddings of the records in `rows`, float32.

    Args:
        model: a loaded model folder.
        store: the records.
        rows: row numbers of `store.index`.
        space: "features" (the input of a linear probe) or "text" (unit vectors in the space shared with
            text).
        keep, change: see `map_rows`.
        batch_size: records per batch.

    Raises:
        MelpError: unknown space, no space shared with text, or an embedding is not finite.
    """
    if space not in ("features", "text"):
        raise MelpError(f"space: found {space!r}, wanted features or text")
    function = model.method.embed
    if space == "text":
        require(model, "project_ecg")
        function = model.method.project_ecg
    parts = map_rows(model, store, rows, function, keep=keep, change=change, batch_size=batch_size)
    vectors = torch.cat(parts).float().cpu().numpy()
    _check_finite(vectors, model, store, rows)
    return vectors


def embed_frames(
    model: Model, store: Store, rows: Int[np.ndarray, " record"]
) -> Float[np.ndarray, "record frame dim"]:
    """Return the frames of the encoder for the records in `rows`, in float16, because there are many.

    Raises:
        MelpError: a frame is not finite, or too large for float16.
    """
    parts = map_rows(model, store, rows, lambda ecg: model.method.encoder(ecg).half().cpu())
    frames: Float[np.ndarray, "record frame dim"] = torch.cat(parts).numpy()
    _check_finite(frames, model, store, rows)
    return frames


def _check_finite(
    vectors: Float[np.ndarray, "record ..."], model: Model, store: Store, rows: Int[np.ndarray, " record"]
) -> None:
    bad = np.flatnonzero(~np.isfinite(vectors).reshape(len(vectors), -1).all(axis=1))
    if len(bad):
        record = store.column("id")[rows[bad[0]]]
        raise MelpError(f"{model.folder}: embedding of record {record} is not finite ({len(bad)} in all)")


def require(model: Model, ability: str) -> None:
    """Check that a model has one of `ABILITIES` and was trained for it.

    Raises:
        MelpError: its method lacks the ability, the weight of the loss that trains it was 0, or the model was
            converted from a checkpoint of an encoder.
    """
    part, alternative = ABILITIES[ability]
    if not hasattr(model.method, ability):
        raise MelpError(f"{model.folder}: method {model.name} has no {part}, wanted {alternative}")
    if model.config.get("without_text"):
        raise MelpError(f"{model.folder}: converted from an encoder alone, so it has no {part}")
    option = getattr(model.method, "requires_loss", {}).get(ability)
    if option and not getattr(model.method.config, option):
        raise MelpError(f"{model.folder}: trained with method.{option}=0, so it has no {part}")


def can(model: Model, ability: str) -> bool:
    """Return whether a model has one of `ABILITIES` and was trained for it."""
    try:
        require(model, ability)
    except MelpError:
        return False
    return True


def write_embeddings(
    vectors: Float[np.ndarray, "record dimension"], records: pd.DataFrame, folder: Path
) -> None:
    """Write `embeddings.npy` and, with the same rows, `ids.parquet` (id and, of stores, patient and fold)."""
    with replacing(folder / "embeddings.npy") as array, replacing(folder / "ids.parquet") as table:
        with array.open("wb") as file:  # np.save adds ".npy" to a path
            np.save(file, vectors)
        names = [name for name in ("id", "patient", "fold") if name in records]
        records[names].reset_index(drop=True).to_parquet(table)
