"""Find recordings by a text, or by another recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from melp.answers.batches import read_one
from melp.answers.classify import classify
from melp.answers.describe import embed, embedder
from melp.answers.sources import Reading, Recordings, Source
from melp.data.store import Store
from melp.disclaimer import DISCLAIMER
from melp.errors import MelpError
from melp.evaluation.embed import write_embeddings
from melp.evaluation.similarity import embed_prompts, unit
from melp.evaluation.wordings import as_statement
from melp.hub import Model

__all__ = ["read_embeddings", "search", "write_folder"]

_SHOWN = ("patient", "age", "sex", "labels", "statements")


def search(
    model: Model, query: Source, x: Recordings | pd.DataFrame, k: int, space: str, reading: Reading
) -> pd.DataFrame:
    """Return the `k` recordings that are most similar to a query; see `melp.Model.search`."""
    if isinstance(query, str) and hasattr(model.method, "answers") and not isinstance(x, pd.DataFrame):
        asked = classify(model, x, [query], None, reading)
        scores, found = asked["score"].to_numpy(), asked.set_index("id")
        return _best(scores, found, x, k, asked.attrs["note"])
    wanted = _query_vector(model, query, space, reading)
    found = x if isinstance(x, pd.DataFrame) else embed(model, x, space, reading)
    vectors = found.to_numpy(dtype=np.float32)
    if vectors.shape[1] != len(wanted):
        raise MelpError(
            f"embeddings: {vectors.shape[1]} dimensions found, wanted {len(wanted)} (space={space!r})"
        )
    return _best(
        unit(vectors) @ unit(wanted),
        found,
        x,
        k,
        f"Similarities are cosines, not probabilities. {DISCLAIMER}",
    )


def _best(
    scores: Float[np.ndarray, " record"],
    found: pd.DataFrame,
    x: Recordings | pd.DataFrame,
    k: int,
    note: str,
) -> pd.DataFrame:
    """Return the recordings with the highest scores; of a store also what it knows of them."""
    best = np.argsort(-scores, kind="stable")[:k]
    table = pd.DataFrame(
        {"rank": np.arange(1, len(best) + 1), "id": found.index[best], "score": scores[best]}
    )
    if (store := _store(x)) is not None:
        index = store.index.set_index("id")
        table = table.join(index[[name for name in _SHOWN if name in index]], on="id")
    table.attrs = {"note": note, "failed": found.attrs.get("failed", {})}
    return table


def read_embeddings(folder: Path) -> pd.DataFrame:
    """Read the folder that `melp embed` writes.

    Raises:
        MelpError: it cannot be read, or the rows of its files differ.
    """
    try:
        vectors, ids = np.load(folder / "embeddings.npy"), pd.read_parquet(folder / "ids.parquet")["id"]
    except (OSError, ValueError, KeyError) as error:
        raise MelpError(f"{folder}: not the output of `melp embed` ({str(error).splitlines()[0]})") from error
    if len(vectors) != len(ids):
        raise MelpError(f"{folder}: {len(vectors)} embeddings and {len(ids)} ids found, wanted as many")
    return pd.DataFrame(vectors, pd.Index(ids, name="id"))


def write_folder(table: pd.DataFrame, files: Sequence[str], folder: Path) -> None:
    """Write embeddings as `embeddings.npy` and `ids.parquet`; for a store with patients and folds."""
    records = table.index.to_frame(index=False)
    if len(files) == 1 and (store := _store(files[0])) is not None:
        records = records.join(store.index.set_index("id")[["patient", "fold"]], on="id")
    write_embeddings(table.to_numpy(), records, folder)


def _query_vector(
    model: Model, query: Source, space: str, reading: Reading
) -> Float[np.ndarray, " dimension"]:
    if isinstance(query, str):
        if space != "text":
            raise MelpError(f"search: a text and space {space!r} found, wanted space 'text'")
        return embed_prompts(model, {query: [as_statement(query, "text")]}, "text")[query][0]
    _, inputs = read_one(model, query, reading)
    with torch.inference_mode():
        return np.asarray(embedder(model, space)(inputs)[0].float().cpu().numpy())


def _store(x: Recordings | pd.DataFrame) -> Store | None:
    if isinstance(x, str | Path) and Path(x, "manifest.json").is_file():
        return Store(x)
    return x if isinstance(x, Store) else None
