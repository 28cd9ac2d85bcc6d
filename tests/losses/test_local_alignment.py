"""The vectorised beat-level loss against a slow one, and its invariances."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from melp.errors import MelpError
from melp.losses.local_alignment import (
    LocalAlignment,
    local_alignment_loss,
    local_attention,
    local_similarity,
)

FORMS = [LocalAlignment(form, aggregation) for form in ("paper", "code") for aggregation in ("mean", "sum")]


def slow_similarity(beats: Tensor, report: Tensor, form: LocalAlignment) -> Tensor:
    """Similarity of one ECG and one report, statement by statement, from the contexts."""
    products = [[torch.dot(beat, sentence) for sentence in report] for beat in beats]
    if form.form == "code":
        products = [list(torch.stack(row).softmax(0)) for row in products]
    exponentials = []
    for place, sentence in enumerate(report):
        column = torch.stack([row[place] for row in products])
        weights = (form.attention_factor * column).softmax(0)
        context = sum(weight * beat for weight, beat in zip(weights, beats, strict=True))
        cosine = torch.dot(sentence, context) / (sentence.norm() * context.norm())
        exponentials.append((form.similarity_factor * cosine).exp())
    total = torch.stack(exponentials).sum()
    return (total / len(exponentials) if form.aggregation == "mean" else total).log()


def slow_loss(beats: Tensor, reports: list[Tensor], form: LocalAlignment) -> Tensor:
    """The loss pair by pair, after dropping the pairs without statements."""
    kept = [pair for pair, report in enumerate(reports) if len(report)]
    logits = torch.stack(
        [
            torch.stack(
                [form.logit_factor * slow_similarity(beats[ecg], reports[report], form) for report in kept]
            )
            for ecg in kept
        ]
    )
    losses = []
    for place in range(len(kept)):
        losses.append(logits[place].logsumexp(0) - logits[place, place])
        losses.append(logits[:, place].logsumexp(0) - logits[place, place])
    return torch.stack(losses).sum() / len(losses)


def vectors(counts: list[int], beats: int = 4, dim: int = 6, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Beats, statements and owners; `counts` has the number of statements of each pair."""
    generator = torch.Generator().manual_seed(seed)
    owner = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    return (
        torch.randn(len(counts), beats, dim, generator=generator),
        torch.randn(len(owner), dim, generator=generator),
        owner,
    )


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.form}-{form.aggregation}")
@pytest.mark.parametrize("counts", [[1, 3, 2], [0, 2, 0, 4, 1], [2, 1, 0]])
def test_equals_the_slow_loss_and_its_gradient(form: LocalAlignment, counts: list[int]) -> None:
    beats, statements, owner = vectors(counts)
    found = [beats.clone().requires_grad_(), statements.clone().requires_grad_()]
    wanted = [beats.clone().requires_grad_(), statements.clone().requires_grad_()]
    loss = local_alignment_loss(*found, owner, form)
    slow = slow_loss(wanted[0], list(wanted[1].split(counts)), form)
    torch.testing.assert_close(loss, slow, rtol=1e-5, atol=1e-5)
    for ours, theirs in zip(torch.autograd.grad(loss, found), torch.autograd.grad(slow, wanted), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.form}-{form.aggregation}")
def test_similarity_of_every_pair(form: LocalAlignment) -> None:
    beats, statements, owner = vectors([2, 0, 3])
    similarity = local_similarity(beats, statements, owner, 3, form)
    assert bool((similarity[:, 1] == -math.inf).all())
    for ecg in range(3):
        for report in (0, 2):
            slow = slow_similarity(beats[ecg], statements[owner == report], form)
            torch.testing.assert_close(similarity[ecg, report], slow, rtol=1e-5, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(
    counts=st.lists(st.integers(0, 4), min_size=2, max_size=6).filter(any),
    seed=st.integers(0, 1000),
    form=st.sampled_from(FORMS),
)
def test_order_of_pairs_and_of_statements_does_not_matter(
    counts: list[int], seed: int, form: LocalAlignment
) -> None:
    beats, statements, owner = vectors(counts, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(counts), generator=generator)
    shuffled = torch.randperm(len(owner), generator=generator)
    new_owner = order.argsort()[owner[shuffled]]
    torch.testing.assert_close(
        local_alignment_loss(beats[order], statements[shuffled], new_owner, form),
        local_alignment_loss(beats, statements, owner, form),
        rtol=1e-4,
        atol=1e-5,
    )


def test_mean_does_not_favour_a_report_with_a_repeated_statement() -> None:
    beats, statements, owner = vectors([1, 2, 3])
    twice, twice_owner = torch.cat([statements, statements[:1]]), torch.cat([owner, owner[:1]])
    mean, total = LocalAlignment(aggregation="mean"), LocalAlignment(aggregation="sum")
    torch.testing.assert_close(
        local_similarity(beats, twice, twice_owner, 3, mean),
        local_similarity(beats, statements, owner, 3, mean),
    )
    longer = local_similarity(beats, twice, twice_owner, 3, total)[:, 0]
    torch.testing.assert_close(
        longer, local_similarity(beats, statements, owner, 3, total)[:, 0] + math.log(2)
    )


def test_code_form_attends_evenly_for_a_single_statement() -> None:
    beats, statements, owner = vectors([1, 1])
    code = local_attention(beats, statements, owner, LocalAlignment("code"))
    torch.testing.assert_close(code, torch.full_like(code, 1 / beats.shape[1]))
    paper = local_attention(beats, statements, owner, LocalAlignment("paper"))
    products = torch.stack([beats[pair] @ statements[pair] for pair in range(2)])
    torch.testing.assert_close(paper, (4 * products).softmax(1))


def test_identical_reports_are_positives_by_option() -> None:
    beats, statements, _ = vectors([1, 1, 1])
    owner = torch.arange(3)
    statements = statements[[0, 0, 1]]
    form = LocalAlignment()
    logits = form.logit_factor * local_similarity(beats, statements, owner, 3, form)
    positives = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]]).bool()
    by_row, by_column = logits.log_softmax(1), logits.log_softmax(0)
    matched = [(0, [0, 1]), (1, [0, 1]), (2, [2])]
    wanted = -sum(
        (by_row[place, others].mean() + by_column[others, place].mean()) / 6 for place, others in matched
    )
    torch.testing.assert_close(local_alignment_loss(beats, statements, owner, form, positives), wanted)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.form}-{form.aggregation}")
@pytest.mark.parametrize("size", [1e-4, 1.0, 100.0])
def test_finite_in_bfloat16_at_any_size(form: LocalAlignment, size: float) -> None:
    beats, statements, owner = vectors([3, 0, 1, 2])
    leaves = [(size * x).bfloat16().requires_grad_() for x in (beats, statements)]
    with torch.autocast("cpu", torch.bfloat16):
        loss = local_alignment_loss(*leaves, owner, form)
    assert loss.dtype == torch.float32
    gradients = torch.autograd.grad(loss, leaves)
    assert all(bool(x.isfinite().all()) for x in (loss, *gradients))


def test_finite_for_zero_vectors_and_without_statements() -> None:
    beats = torch.zeros(2, 3, 4, requires_grad=True)
    statements = torch.zeros(2, 4, requires_grad=True)
    loss = local_alignment_loss(beats, statements, torch.tensor([0, 1]))
    torch.testing.assert_close(loss.detach(), torch.tensor(math.log(2)))
    assert all(bool(x.isfinite().all()) for x in torch.autograd.grad(loss, [beats, statements]))
    empty = local_alignment_loss(beats, statements[:0], torch.zeros(0, dtype=torch.long))
    assert empty.item() == 0
    assert torch.autograd.grad(empty, beats)[0].abs().max() == 0


def test_unknown_form_is_refused() -> None:
    with pytest.raises(MelpError, match="form 'papre' found, wanted 'paper' or 'code'"):
        LocalAlignment(form="papre")
    with pytest.raises(MelpError, match="aggregation 'max' found"):
        LocalAlignment(aggregation="max")
