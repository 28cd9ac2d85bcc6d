"""The report decoder: causality, caches, beams, tying."""

from __future__ import annotations

import math

import pytest
import torch

from melp.errors import MelpError
from melp.nn.report_decoder import ReportDecoder


@torch.no_grad()
def test_a_later_token_changes_no_earlier_logit() -> None:
    decoder = ReportDecoder(16, 30, layers=2, heads=4).eval()
    text, ecg = torch.randn(2, 6, 16), torch.randn(2, 5, 16)
    changed = text.clone()
    changed[:, 3:] = torch.randn(2, 3, 16)
    before, after = decoder(text, ecg), decoder(changed, ecg)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert (before[:, 3:] - after[:, 3:]).abs().min(-1).values.max() > 0
    assert not torch.allclose(before, decoder(text, torch.randn(2, 5, 16)))


@torch.no_grad()
@pytest.mark.parametrize("steps", [[1] * 6, [4, 1, 1], [2, 3, 1]])
def test_cached_equals_uncached(steps: list[int]) -> None:
    decoder = ReportDecoder(16, 30, layers=2, heads=4).eval()
    text, ecg = torch.randn(2, 6, 16), torch.randn(2, 5, 16)
    cache = decoder.new_cache()
    parts = []
    for place, part in enumerate(text.split(steps, dim=1)):
        parts.append(decoder(part, ecg if place == 0 else None, cache))
    torch.testing.assert_close(torch.cat(parts, dim=1), decoder(text, ecg), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_reordered_cache_follows_its_beams() -> None:
    decoder = ReportDecoder(16, 30, layers=2, heads=4).eval()
    text, ecg = torch.randn(3, 5, 16), torch.randn(3, 4, 16)
    rows = torch.tensor([2, 2, 0, 1])
    cache = decoder.new_cache()
    decoder(text[:, :4], ecg, cache)
    cache.reorder(rows)
    last = torch.randn(4, 1, 16)
    whole = decoder(torch.cat([text[rows, :4], last], dim=1), ecg[rows])
    torch.testing.assert_close(decoder(last, cache=cache), whole[:, 4:], rtol=1e-5, atol=1e-5)


def test_initial_loss_is_near_that_of_a_uniform_guess() -> None:
    torch.manual_seed(0)
    decoder = ReportDecoder(64, 1000, layers=2, heads=4)
    logits = decoder(torch.randn(4, 10, 64), torch.randn(4, 8, 64))
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.randint(1000, (40,)))
    assert abs(loss.item() - math.log(1000)) < 1
    loss.backward()
    assert all(
        weight.grad is not None and weight.grad.abs().max() > 0
        for weight in decoder.parameters()
        if weight.dim() > 1
    )


@torch.no_grad()
def test_tied_to_word_embeddings() -> None:
    decoder = ReportDecoder(16, 30, layers=1, heads=4, tied=True).eval()
    free = ReportDecoder(16, 30, layers=1, heads=4).eval()
    assert decoder.output is None and free.output is not None
    free.load_state_dict(decoder.state_dict() | {"output": free.output})
    text, ecg = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    torch.testing.assert_close(decoder(text, ecg, embeddings=free.output.t()), free(text, ecg))
    with pytest.raises(MelpError, match="no word embeddings found"):
        decoder(text, ecg)
    with pytest.raises(MelpError, match="no ECG tokens found"):
        free(text)


def test_finite_in_bfloat16() -> None:
    decoder = ReportDecoder(16, 30, layers=2, heads=4)
    with torch.autocast("cpu", torch.bfloat16):
        logits = decoder(torch.randn(2, 6, 16), torch.randn(2, 5, 16))
    assert bool(logits.isfinite().all())
