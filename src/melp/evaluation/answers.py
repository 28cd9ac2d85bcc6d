"""Answers of a method that gives statements a probability for each ECG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from melp.data.store import Store
from melp.evaluation.embed import map_rows, require, rows_of
from melp.evaluation.wordings import check_wordings
from melp.hub import Model

__all__ = ["answers", "any_of", "group_answers"]


def any_of(logits: Float[Tensor, "record statement"]) -> Float[Tensor, " record"]:
    """Return the log odds that at least one of several statements applies, if they are independent.

    With p_k = sigmoid(logit_k): 1 - prod_k (1 - p_k). Rare statements add little, common ones decide; the
    mean of the logits would give both the same weight.
    """
    # -log prod_k (1 - p_k), then log(exp(x) - 1), which is x for large x.
    none = F.softplus(logits.double()).sum(1)
    return (none + torch.log(-torch.expm1(-none))).to(logits.dtype)


def answers(
    model: Model,
    store: Store,
    ids: pd.Index,
    texts: Mapping[str, Sequence[str]],
    *,
    refuse: bool = True,
    keep: float | None = None,
) -> pd.DataFrame:
    """Return the log odds that any statement of a group applies: a row per record, a column per group.

    Args:
        model: a loaded model folder of a method with answers.
        store: the records.
        ids: the records to embed.
        texts: the statements of each group.
        refuse: see `check_wordings`.
        keep: see `map_rows`.

    Raises:
        MelpError: the method has no answers, or a statement is refused.
    """
    require(model, "answers")
    check_wordings(model, list(dict.fromkeys(chain(*texts.values()))), "prompt", refuse)
    rows = rows_of(store, ids)
    parts = map_rows(model, store, rows, lambda ecg: group_answers(model, ecg, texts), keep=keep)
    return pd.DataFrame(torch.cat(parts).cpu().numpy(), index=ids, columns=list(texts))


def group_answers(
    model: Model, ecg: Float[Tensor, "batch lead time"], texts: Mapping[str, Sequence[str]]
) -> Float[Tensor, "batch group"]:
    """Return the log odds that any statement of a group applies to preprocessed ECGs."""
    # Each wording is asked once; groups may share one.
    wordings = list(dict.fromkeys(chain(*texts.values())))
    place = {text: number for number, text in enumerate(wordings)}
    logits = model.method.answers(ecg, wordings).float()
    return torch.stack(
        [any_of(logits[:, [place[text] for text in group]]) for group in texts.values()], dim=1
    )
