"""Embeddings and reports of recordings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float
from torch import Tensor

from melp.answers.batches import Inputs, ask, finish
from melp.answers.sources import Reading, Recordings
from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.embed import require
from melp.evaluation.split import labels_of
from melp.hub import Model
from melp.tasks import Task

if TYPE_CHECKING:
    from melp.plots.figures import Picture

__all__ = ["embed", "embedder", "map_of", "report"]


def embedder(model: Model, space: str) -> Callable[[Inputs], Float[Tensor, "record dimension"]]:
    """Return the function that embeds preprocessed ECGs in a space.

    Raises:
        MelpError: an unknown space, or the model has no space shared with text.
    """
    if space not in ("features", "text"):
        raise MelpError(f"space: found {space!r}, wanted features or text")
    if space == "text":
        require(model, "project_ecg")
    function: Callable[[Inputs], Tensor] = model.method.project_ecg if space == "text" else model.method.embed
    return function


def embed(model: Model, x: Recordings, space: str, reading: Reading) -> pd.DataFrame:
    """Return one row per recording, indexed by id; see `melp.Model.embed`."""
    function = embedder(model, space)

    def vectors(inputs: Inputs) -> list[np.ndarray]:
        return list(function(inputs).float().cpu().numpy())

    answered = ask(model, x, vectors, reading)
    table = pd.DataFrame(np.array(answered.values), pd.Index(answered.ids, name="id"))
    table.columns = [f"e{number}" for number in range(table.shape[1])]
    bad = ~np.isfinite(table.to_numpy()).all(axis=1)
    if bad.any():
        raise MelpError(
            f"{model.folder}: embedding of {table.index[bad][0]} is not finite ({bad.sum()} in all)"
        )
    return finish(table, answered)


def map_of(embeddings: pd.DataFrame, store: str | Path, task: Task, method: str) -> Picture:
    """Draw the embeddings of a store's records in two dimensions, colored by the classes of a task.

    Args:
        embeddings: as `melp.Model.embed` returns them for the store.
        store: folder of the store.
        task: its classes; records without a label of it are grey.
        method: pca, tsne or umap.

    Raises:
        MelpError: there is no store, or it lacks the corpus of the task; or see `melp.plots.map.plot_map`.
    """
    from melp.plots.map import plot_map, single_class

    labels = labels_of(task, Store(store), task.corpus).rename(columns=task.titles)
    classes = single_class(labels.reindex(embeddings.index))
    return plot_map(embeddings.to_numpy(), classes, method=method, title=task.title)


def report(model: Model, x: Recordings, beams: int, reading: Reading) -> pd.DataFrame:
    """Return a generated report for each recording; see `melp.Model.report`."""
    require(model, "generate")
    answered = ask(model, x, lambda inputs: model.method.generate(inputs, beams=beams), reading)
    table = pd.DataFrame({"id": answered.ids, "report": answered.values, "doubts": answered.doubts})
    return finish(table, answered, "Written by a model, and not checked by anyone.")
