"""The token-level loss against a slow one."""

from __future__ import annotations

import pytest
import torch

from melp.losses.caption import caption_loss

PAD = 3


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_equals_the_slow_loss(smoothing: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 6, generator=generator)
    targets = torch.tensor([[5, 0, PAD, PAD], [1, 2, 4, PAD]])
    losses = []
    for report in range(2):
        for token in range(4):
            if targets[report, token] != PAD:
                log_probability = logits[report, token].log_softmax(0)
                hit = log_probability[targets[report, token]]
                losses.append(-(1 - smoothing) * hit - smoothing * log_probability.mean())
    torch.testing.assert_close(caption_loss(logits, targets, PAD, smoothing), torch.stack(losses).sum() / 5)


def test_padding_does_not_change_the_loss() -> None:
    logits, targets = torch.randn(2, 3, 6), torch.tensor([[5, 0, PAD], [1, 2, 4]])
    padded = torch.cat([logits, torch.randn(2, 2, 6)], dim=1)
    more = torch.cat([targets, torch.full((2, 2), PAD)], dim=1)
    torch.testing.assert_close(caption_loss(padded, more, PAD), caption_loss(logits, targets, PAD))


def test_zero_without_targets() -> None:
    logits = torch.randn(2, 3, 6, requires_grad=True)
    loss = caption_loss(logits, torch.full((2, 3), PAD), PAD)
    loss.backward()
    assert loss.item() == 0 and logits.grad is not None and logits.grad.abs().max() == 0


def test_divided_by_another_count_and_finite_in_bfloat16() -> None:
    logits, targets = torch.randn(2, 3, 6), torch.tensor([[5, 0, PAD], [1, 2, 4]])
    whole = caption_loss(logits, targets, PAD)
    torch.testing.assert_close(caption_loss(logits, targets, PAD, count=torch.tensor(10.0)), whole / 2)
    assert bool(caption_loss((1e4 * logits).bfloat16(), targets, PAD).isfinite())
