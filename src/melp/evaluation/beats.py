"""Similarity of statements and heartbeats, as the local loss of a method pools them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from melp.data.store import Store
from melp.evaluation.embed import Change, map_rows, require, rows_of
from melp.evaluation.wordings import check_wordings
from melp.hub import Model
from melp.losses.local_alignment import local_similarity

__all__ = ["beat_similarities"]


def beat_similarities(
    model: Model,
    store: Store,
    ids: pd.Index,
    texts: Mapping[str, Sequence[str]],
    *,
    refuse: bool = True,
    keep: float | None = None,
    change: Change | None = None,
) -> pd.DataFrame:
    """Return the similarity of records with groups of statements: one row per record, one column per group.

    Each statement attends to the beats of an ECG; the similarity is the log mean over the statements of the
    exponential of their scaled cosines with the context (see `local_similarity`).

    Args:
        model: a loaded model folder of a method with beats.
        store: the records.
        ids: the records to embed.
        texts: the statements of each group.
        refuse: see `check_wordings`.
        keep, change: see `map_rows`.

    Raises:
        MelpError: the method has no beats, or a statement is refused.
    """
    require(model, "beat_vectors")
    wordings = [text for group in texts.values() for text in group]
    check_wordings(model, list(dict.fromkeys(wordings)), "prompt", refuse)
    owner = torch.tensor([number for number, group in enumerate(texts.values()) for _ in group])
    owner = owner.to(model.device)
    with torch.inference_mode():
        statements = model.method.embed_statements(wordings)

    def similarity(ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch group"]:
        beats = model.method.beat_vectors(ecg)
        return local_similarity(beats, statements, owner, len(texts), model.method.local)

    parts = map_rows(model, store, rows_of(store, ids), similarity, keep=keep, change=change)
    return pd.DataFrame(torch.cat(parts).float().cpu().numpy(), index=ids, columns=list(texts))
