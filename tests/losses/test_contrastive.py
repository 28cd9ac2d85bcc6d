"""The rhythm-level loss against a slow one."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from melp.losses.contrastive import global_contrastive, same_report, symmetric_cross_entropy


def unit(rows: int, dim: int, seed: int) -> torch.Tensor:
    return F.normalize(torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_equals_the_slow_loss() -> None:
    ecg, text = unit(5, 8, 0), unit(5, 8, 1)
    total = 0.0
    for pair in range(5):
        by_ecg = torch.stack([7.0 * torch.dot(ecg[pair], other) for other in text])
        by_text = torch.stack([7.0 * torch.dot(text[pair], other) for other in ecg])
        total -= float(by_ecg.log_softmax(0)[pair] + by_text.log_softmax(0)[pair]) / 10
    torch.testing.assert_close(global_contrastive(ecg, text, 7.0), torch.tensor(total))


def test_identical_reports_share_the_target() -> None:
    ecg, text = unit(4, 8, 0), unit(4, 8, 1)
    report = torch.tensor([7, 9, 7, 8])
    logits = 3.0 * ecg @ text.t()
    wanted = 0.0
    for pair in range(4):
        others = [other for other in range(4) if report[other] == report[pair]]
        wanted -= float(logits.log_softmax(1)[pair, others].mean()) / 8
        wanted -= float(logits.log_softmax(0)[others, pair].mean()) / 8
    found = global_contrastive(ecg, text, 3.0, same_report(report))
    torch.testing.assert_close(found, torch.tensor(wanted))
    alone = global_contrastive(ecg, text, 3.0, same_report(torch.arange(4)))
    torch.testing.assert_close(alone, global_contrastive(ecg, text, 3.0))


def test_invalid_pairs_are_ignored() -> None:
    logits = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    valid = torch.tensor([True, False, True, True, False])
    report = torch.tensor([0, 0, 0, 1, 1])
    torch.testing.assert_close(
        symmetric_cross_entropy(logits, same_report(report), valid),
        symmetric_cross_entropy(logits[valid][:, valid], same_report(report[valid])),
    )


def test_scale_learns_and_half_precision_is_finite() -> None:
    ecg, text = unit(4, 8, 0).bfloat16().requires_grad_(), unit(4, 8, 1).bfloat16()
    scale = torch.tensor(100.0, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        loss = global_contrastive(ecg, text, scale)
    assert loss.dtype == torch.float32
    gradients = torch.autograd.grad(loss, [ecg, scale])
    assert all(bool(x.isfinite().all()) for x in (loss, *gradients))
    assert gradients[1].abs() > 0
