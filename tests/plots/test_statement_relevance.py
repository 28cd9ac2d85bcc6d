"""Where statements look, against the slow way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from melp.errors import MelpError
from melp.hub import load
from melp.plots.attention import shading, statement_relevance


def test_relevance_is_the_statements_attention_times_the_beats(tiny_run: Path) -> None:
    method = load(tiny_run).method
    ecg = torch.randn(12, 1000, generator=torch.Generator().manual_seed(0))
    statements = ["sinus rhythm", "left bundle branch block"]
    relevance = statement_relevance(method, ecg, statements)
    with torch.no_grad():
        frames, beats = method.encoder(ecg[None]), method.beat_vectors(ecg[None])[0]
        over_frames = method.beat_pooler.weights(frames)[0]
        for row, text in enumerate(statements):
            vector = method.embed_statements([text])[0]
            over_beats = torch.stack([4.0 * beat @ vector for beat in beats]).softmax(0)
            slow = sum(weight * attended for weight, attended in zip(over_beats, over_frames, strict=True))
            torch.testing.assert_close(relevance[row], slow, atol=1e-6, rtol=1e-4)
    assert relevance.shape == (2, frames.shape[1])
    torch.testing.assert_close(relevance.sum(1), torch.ones(2))
    assert statement_relevance(method, ecg, []).shape == (0, frames.shape[1])


def test_a_model_without_beats_is_refused(tiny_run: Path) -> None:
    with pytest.raises(MelpError, match="no beat_pooler"):
        statement_relevance(torch.nn.Identity(), torch.zeros(12, 1000), ["sinus rhythm"])
    method = load(tiny_run).method
    object.__setattr__(method.config, "local_weight", 0.0)
    with pytest.raises(MelpError, match="local_weight"):
        statement_relevance(method, torch.zeros(12, 1000), ["sinus rhythm"])


def test_an_even_spread_is_blank_and_a_peak_is_full() -> None:
    even = np.full(10, 0.1)
    peak = np.r_[0.5, np.full(9, 0.5 / 9)]
    faint = np.r_[0.15, np.full(9, 0.85 / 9)]
    shades = shading(np.stack([even, peak, faint]))
    assert not shades[0].any()
    assert shades[1, 0] == 1 and not shades[1, 1:].any()
    assert shades[2, 0] == pytest.approx(0.5), "half way from one share to two"
