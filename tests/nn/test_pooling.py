"""Pooling by attention."""

from __future__ import annotations

import pytest
import torch

from melp.errors import MelpError
from melp.nn.pooling import ClassTokenPooler


@torch.no_grad()
def test_class_token_pooler_takes_fewer_frames_than_positions() -> None:
    pooler = ClassTokenPooler(8, 5, 20, heads=2).eval()
    frames = torch.randn(3, 12, 8)
    found = pooler(frames)
    assert found.shape == (3, 5)
    short = ClassTokenPooler(8, 5, 12, heads=2).eval()
    short.load_state_dict(pooler.state_dict() | {"positions": pooler.positions[:13]})
    assert torch.equal(short(frames), found)
    with pytest.raises(MelpError, match="pooling: 21 frames found, wanted at most 20"):
        pooler(torch.randn(1, 21, 8))
