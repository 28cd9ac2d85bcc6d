"""Answers of a method that gives statements a probability for each ECG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from melp.data.store import Store
from melp.evaluation.embed import Change, map_rows, require, rows_of
from melp.evaluation.wordings import check_wordings
from melp.hub import Model

__all__ = ["answers", "any_of", "group_answers", "read_groups"]


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
    change: Change | None = None,
) -> pd.DataFrame:
    """Return the log odds that any statement of a group applies: a row per record, a column per group.

    Args:
        model: a loaded model folder of a method with answers.
        store: the records.
        ids: the records to embed.
        texts: the statements of each group.
        refuse: see `check_wordings`.
        keep, change: see `map_rows`.

    Raises:
        MelpError: the method has no answers, or a statement is refused.
    """
    ask = group_answers(model, texts, "prompt", refuse)
    parts = map_rows(model, store, rows_of(store, ids), ask, keep=keep, change=change)
    return pd.DataFrame(torch.cat(parts).cpu().numpy(), index=ids, columns=list(texts))


def group_answers(
    model: Model, texts: Mapping[str, Sequence[str]], what: str, refuse: bool
) -> Callable[[Float[Tensor, "batch lead time"]], Float[Tensor, "batch group"]]:
    """Return a function of preprocessed ECGs: the log odds that any statement of a group applies.

    Each statement is read once, here; groups may share one. For `what` and `refuse` see `check_wordings`.

    Raises:
        MelpError: the method has no answers, or a statement is refused.
    """
    statements, rows = read_groups(model, texts, what, refuse)
    groups = list(rows.values())

    def ask(ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch group"]:
        logits = model.method.answers(ecg, statements).float()
        return torch.stack([any_of(logits[:, group]) for group in groups], dim=1)

    return ask


def read_groups(
    model: Model, texts: Mapping[str, Sequence[str]], what: str, refuse: bool
) -> tuple[Float[Tensor, "statement dim"], dict[str, list[int]]]:
    """Return the vectors of all statements of some groups, each read once, and the rows of each group.

    For `what` and `refuse` see `check_wordings`.

    Raises:
        MelpError: the method has no answers, or a statement is refused.
    """
    require(model, "answers")
    wordings = list(dict.fromkeys(chain(*texts.values())))
    check_wordings(model, wordings, what, refuse)
    place = {text: number for number, text in enumerate(wordings)}
    with torch.inference_mode():
        statements = model.method.embed_statements(wordings)
    return statements, {name: [place[text] for text in group] for name, group in texts.items()}
