"""Losses between views against slow versions and against pytorch-metric-learning."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor

from melp.losses.barlow_twins import barlow_twins_loss
from melp.losses.info_nce import info_nce
from melp.losses.negative_cosine import negative_cosine
from melp.losses.nt_xent import nt_xent
from melp.losses.patient_contrast import patient_contrast
from melp.losses.temporal_contrast import temporal_contrast


def pair(batch: int = 7, dim: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, batch, dim, generator=generator, dtype=torch.float64).unbind()
    return first.requires_grad_(), (0.5 * first.detach() + second).requires_grad_()


def cosine(one: Tensor, other: Tensor) -> Tensor:
    return sum(a * b for a, b in zip(one, other, strict=True)) / (one.norm() * other.norm())


def slow_nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Chen et al. 2020, equation 1, view by view."""
    views = [*first, *second]
    total = torch.zeros((), dtype=torch.float64)
    for i, view in enumerate(views):
        partner = (i + len(first)) % len(views)
        others = [(cosine(view, other) / temperature).exp() for k, other in enumerate(views) if k != i]
        total = total - (cosine(view, views[partner]) / temperature - torch.stack(others).sum().log())
    return total / len(views)


def slow_byol(first: Tensor, second: Tensor, _: float) -> Tensor:
    """Grill et al. 2020, equation 2: squared distances of unit vectors."""
    rows = [(p / p.norm() - z / z.norm()).square().sum() for p, z in zip(first, second, strict=True)]
    return torch.stack(rows).mean()


def slow_simsiam(first: Tensor, second: Tensor, _: float) -> Tensor:
    """Chen and He 2021, equation 1."""
    return -torch.stack([cosine(p, z) for p, z in zip(first, second, strict=True)]).mean()


def slow_barlow_twins(first: Tensor, second: Tensor, redundancy: float) -> Tensor:
    """Zbontar et al. 2021, equations 1 and 2, entry by entry."""
    total = torch.zeros((), dtype=torch.float64)
    for i in range(first.shape[1]):
        for j in range(second.shape[1]):
            one, other = first[:, i] - first[:, i].mean(), second[:, j] - second[:, j].mean()
            correlation = (one * other).sum() / (one.square().sum().sqrt() * other.square().sum().sqrt())
            total = total + ((1 - correlation) ** 2 if i == j else redundancy * correlation**2)
    return total


def slow_info_nce(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Chen et al. 2021, equation 1."""
    rows = []
    for i, query in enumerate(first):
        scores = torch.stack([(cosine(query, key) / temperature).exp() for key in second])
        rows.append(-(scores[i] / scores.sum()).log())
    return torch.stack(rows).mean()


def byol(first: Tensor, second: Tensor, _: float) -> Tensor:
    return 2 + 2 * negative_cosine(first, second)


def simsiam(first: Tensor, second: Tensor, _: float) -> Tensor:
    return negative_cosine(first, second)


CASES: dict[str, tuple[Callable, Callable, bool]] = {
    "simclr": (nt_xent, slow_nt_xent, True),
    "byol": (byol, slow_byol, False),
    "simsiam": (simsiam, slow_simsiam, False),
    "barlow_twins": (barlow_twins_loss, slow_barlow_twins, True),
    "moco_v3": (info_nce, slow_info_nce, True),
}
"""Loss, slow version, and whether a gradient reaches the second view."""


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("batch", "dim", "number"), [(7, 5, 0.1), (2, 3, 0.5), (12, 2, 0.02)])
def test_equals_the_slow_loss_and_its_gradient(name: str, batch: int, dim: int, number: float) -> None:
    loss, slow, both = CASES[name]
    first, second = pair(batch, dim)
    value, wanted = loss(first, second, number), slow(first, second, number)
    torch.testing.assert_close(value.double(), wanted, rtol=1e-5, atol=1e-6)
    (found,) = torch.autograd.grad(value, first, retain_graph=True)
    (slope,) = torch.autograd.grad(wanted, first, retain_graph=True)
    torch.testing.assert_close(found, slope, rtol=1e-4, atol=1e-5)
    reaches = torch.autograd.grad(value, second, allow_unused=True)[0] is not None
    assert reaches is both


@pytest.mark.parametrize("name", CASES)
def test_invariant_to_vector_length_and_batch_order(name: str) -> None:
    loss = CASES[name][0]
    first, second = pair()
    order = torch.randperm(len(first), generator=torch.Generator().manual_seed(1))
    wanted = loss(first, second, 0.1)
    torch.testing.assert_close(loss(3 * first[order], 0.2 * second[order], 0.1), wanted)


@pytest.mark.parametrize("name", CASES)
def test_identical_views_have_the_lowest_loss(name: str) -> None:
    loss = CASES[name][0]
    # Orthogonal rows with mean 0 are optimal for every loss.
    views = torch.eye(8)[:, :4] - torch.eye(8)[:, 4:]
    views = torch.cat([views[:4], -views[:4]])
    first = views + 0.5 * torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    assert float(loss(views, views, 0.1)) < float(loss(first, views, 0.1))
    wanted = {"byol": 0.0, "simsiam": -1.0, "barlow_twins": 0.0}
    if name in wanted:
        assert float(loss(views, views, 0.1)) == pytest.approx(wanted[name], abs=1e-6)


def test_uniform_similarities_give_the_logarithm_of_the_number_of_candidates() -> None:
    same = torch.ones(6, 3)
    assert float(nt_xent(same, same, 0.1)) == pytest.approx(math.log(11), rel=1e-5)
    assert float(info_nce(same, same, 0.1)) == pytest.approx(math.log(6), rel=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_half_precision_is_computed_in_single(name: str) -> None:
    first, second = (view.detach().bfloat16() for view in pair())
    loss = CASES[name][0]
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(first, second, 0.1)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, loss(first.float(), second.float(), 0.1))


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_nt_xent_equals_pytorch_metric_learning(temperature: float) -> None:
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    first, second = (view.detach().float() for view in pair(9, 6))
    labels = torch.arange(9).repeat(2)
    theirs = losses.NTXentLoss(temperature=temperature)(torch.cat([first, second]), labels)
    torch.testing.assert_close(nt_xent(first, second, temperature), theirs)


def slow_patient_contrast(first: Tensor, second: Tensor, patient: list[int], temperature: float) -> Tensor:
    """Kiyasseh et al. 2021, equation 1, pair by pair."""
    views = []
    for one, other in zip(first, second, strict=True):
        terms = []
        for i, k in product(range(len(patient)), repeat=2):
            if i != k and (patient[i] != patient[k] or patient[i] < 0):
                continue
            for query, keys, mine in ((one[i], other, k), (other[k], one, i)):
                scores = torch.stack([cosine(query, key) / temperature for key in keys])
                terms.append(scores.exp().sum().log() - scores[mine])
        views.append(2 * torch.stack(terms).mean())
    return torch.stack(views).mean()


@pytest.mark.parametrize("patient", [[0, 1, 2, 3, 4], [0, 1, 0, 3, 0], [2, 2, 2, 2, 2], [-1, -1, 5, 5, 7]])
def test_all_records_of_a_patient_are_positives(patient: list[int]) -> None:
    generator = torch.Generator().manual_seed(3)
    first, second = torch.randn(2, 3, 5, 4, generator=generator).unbind()
    found = patient_contrast(first, second, torch.tensor(patient), 0.1)
    torch.testing.assert_close(found, slow_patient_contrast(first, second, patient, 0.1))


def test_temporal_contrast_place_by_place() -> None:
    generator = torch.Generator().manual_seed(4)
    prediction, target = torch.randn(2, 6, 3, 5, generator=generator).unbind()
    terms = []
    for place, record in product(range(3), range(6)):
        scores = torch.stack([prediction[record, place] @ frame for frame in target[:, place]])
        terms.append(scores.exp().sum().log() - scores[record])
    torch.testing.assert_close(temporal_contrast(prediction, target), torch.stack(terms).mean())
