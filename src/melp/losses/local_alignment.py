"""Alignment of heartbeats and statements (beat level)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from melp.errors import MelpError
from melp.losses.contrastive import symmetric_cross_entropy
from melp.signal.precision import without_autocast

_EPS = 1e-8


@dataclass(frozen=True)
class LocalAlignment:
    """Form and temperatures of the beat-level loss; the factors are inverse temperatures."""

    form: str = "paper"
    """`paper`: attention is one softmax over beats. `code`: softmax over statements, then over beats."""
    aggregation: str = "mean"
    """Over a report's statements: `mean` (independent of their number) or `sum` (published code)."""
    attention_factor: float = 4.0
    """Of the input to the softmax over beats (MELP's code, temp1)."""
    similarity_factor: float = 5.0
    """Of the cosine between a statement and its context (MELP's code, temp2)."""
    logit_factor: float = 10.0
    """Of the similarity of an ECG and a report (MELP's code, temp3)."""

    def __post_init__(self) -> None:
        if self.form not in ("paper", "code"):
            raise MelpError(f"local alignment: form {self.form!r} found, wanted 'paper' or 'code'")
        if self.aggregation not in ("mean", "sum"):
            raise MelpError(
                f"local alignment: aggregation {self.aggregation!r} found, wanted 'mean' or 'sum'"
            )


def _membership(owner: Int[Tensor, " statement"], reports: int) -> Float[Tensor, "statement report"]:
    return torch.eye(reports, device=owner.device)[owner]


def _report_maximum(
    values: Float[Tensor, "*rest statement"], owner: Int[Tensor, " statement"], reports: int
) -> Float[Tensor, "*rest report"]:
    # Statements first: torch reduces rows several times faster than single numbers.
    rows = values.detach().flatten(0, -2).t().contiguous()
    start = rows.new_full((reports, rows.shape[1]), -torch.inf)
    maximum = start.scatter_reduce(0, owner[:, None].expand_as(rows), rows, "amax")
    return maximum.t().unflatten(0, values.shape[:-1])


def _report_softmax(
    values: Float[Tensor, "*rest statement"], owner: Int[Tensor, " statement"], reports: int
) -> Float[Tensor, "*rest statement"]:
    """Softmax over the statements of each report."""
    member = _membership(owner, reports)
    exponentials = (values - _report_maximum(values, owner, reports).index_select(-1, owner)).exp()
    # The sum of a report includes exp(0) = 1; it is smaller only for a report without statements.
    return exponentials * ((exponentials @ member).clamp(min=1).reciprocal() @ member.t())


def _attention(
    products: Float[Tensor, "*ecg beat statement"],
    owner: Int[Tensor, " statement"],
    reports: int,
    settings: LocalAlignment,
) -> Float[Tensor, "*ecg beat statement"]:
    if settings.form == "code":
        products = _report_softmax(products, owner, reports)
    return (settings.attention_factor * products).softmax(-2)


def _cosines(
    beats: Float[Tensor, "ecg beat dim"],
    statements: Float[Tensor, "statement dim"],
    owner: Int[Tensor, " statement"],
    reports: int,
    settings: LocalAlignment,
) -> Float[Tensor, "ecg statement"]:
    """Cosine between each statement and its context over the beats of each ECG.

    With products a_k = <b_k, s> and context c = sum_k w_k b_k: <c, s> = sum_k w_k a_k and |c|^2 = w' G w,
    where G contains the products of the ECG's beats. No context needs to be formed.
    """
    products = beats @ statements.t()
    weights = _attention(products, owner, reports, settings)
    gram = beats @ beats.transpose(1, 2)
    squared_norm = ((gram @ weights) * weights).sum(1)
    norms = squared_norm.clamp(min=_EPS**2).sqrt() * statements.norm(dim=1)
    return (weights * products).sum(1) / norms.clamp(min=_EPS)


def local_similarity(
    beats: Float[Tensor, "ecg beat dim"],
    statements: Float[Tensor, "statement dim"],
    owner: Int[Tensor, " statement"],
    reports: int,
    settings: LocalAlignment | None = None,
) -> Float[Tensor, "ecg report"]:
    """Return similarities of ECGs and reports: log of sum (or mean) over statements of exp(factor * cosine).

    Args:
        beats: beat vectors, of any length.
        statements: vectors of all reports' statements, of any length.
        owner: number of the report of each statement.
        reports: number of reports; those without statements get minus infinity.
        settings: form and temperatures.
    """
    settings = settings or LocalAlignment()
    with without_autocast(beats.device):
        cosines = _cosines(beats.float(), statements.float(), owner, reports, settings)
        scaled = settings.similarity_factor * cosines
        maximum = _report_maximum(scaled, owner, reports)
        sums = (scaled - maximum.index_select(1, owner)).exp() @ _membership(owner, reports)
        similarity = sums.clamp(min=1).log() + maximum
        if settings.aggregation == "mean":
            similarity = similarity - torch.bincount(owner, minlength=reports).clamp(min=1).log()
    return similarity


def local_alignment_loss(
    beats: Float[Tensor, "pair beat dim"],
    statements: Float[Tensor, "statement dim"],
    owner: Int[Tensor, " statement"],
    settings: LocalAlignment | None = None,
    positives: Bool[Tensor, "pair pair"] | None = None,
) -> Float[Tensor, ""]:
    """Beat-level loss of MELP (after GLoRIA, Huang et al. 2021): symmetric InfoNCE between ECGs and reports.

    Report i has statements s_l and ECG j beats b_k, with products a_kl = <b_k, s_l>. The weights are
    w_kl = softmax_k(f a_kl) in the paper's form and softmax_k(f softmax_l(a_kl)) in the published code's; the
    contexts c_l = sum_k w_kl b_k; the similarity log sum_l exp(g cos(s_l, c_l)); the logits h times that.

    Args:
        beats: beat vectors, of any length.
        statements: vectors of all reports' statements.
        owner: number of the pair of each statement. Pairs without statements are left out of the loss.
        settings: form and the factors f, g, h.
        positives: pairs with the same report; see `contrastive.symmetric_cross_entropy`.

    Differences: all pairs are computed at once; aggregation is `mean` by default because the log of a sum
    favours long reports.
    """
    settings = settings or LocalAlignment()
    pairs = beats.shape[0]
    valid = torch.bincount(owner, minlength=pairs) > 0
    similarity = local_similarity(beats, statements, owner, pairs, settings)
    logits = (settings.logit_factor * similarity).masked_fill(~valid, 0)
    return symmetric_cross_entropy(logits, positives, valid)


def local_attention(
    beats: Float[Tensor, "pair beat dim"],
    statements: Float[Tensor, "statement dim"],
    owner: Int[Tensor, " statement"],
    settings: LocalAlignment | None = None,
) -> Float[Tensor, "statement beat"]:
    """Return the attention weights of each statement over the beats of its own ECG; they sum to 1."""
    settings = settings or LocalAlignment()
    with without_autocast(beats.device):
        products = torch.einsum("nkd,nd->kn", beats.float()[owner], statements.float())
        return _attention(products, owner, beats.shape[0], settings).t()
