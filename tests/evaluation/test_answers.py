"""Answers of several statements together."""

from __future__ import annotations

import math

import pytest
import torch

from melp.evaluation.answers import any_of


def test_any_of_independent_statements() -> None:
    logits = torch.tensor([[-2.0, 0.5, 1.0], [-9.0, -9.5, -11.0]])
    for row, found in zip(logits.tolist(), any_of(logits).tolist(), strict=True):
        none = math.prod(1 - 1 / (1 + math.exp(-value)) for value in row)
        assert found == pytest.approx(math.log((1 - none) / none), rel=1e-5)


def test_one_statement_keeps_its_log_odds_however_large() -> None:
    logits = torch.tensor([[-80.0], [-3.0], [0.0], [3.0], [80.0]])
    torch.testing.assert_close(any_of(logits), logits[:, 0])
