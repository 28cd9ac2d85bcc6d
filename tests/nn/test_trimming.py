"""Parts of rows with similar lengths against one row at a time."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from melp.nn.trimming import run_trimmed


def network(values: Tensor, weights: Tensor, rows: Tensor) -> Tensor:
    """Depends on earlier places of the row and on the number of the row."""
    return (values.cumsum(1) * weights[..., None]).tanh() + rows[:, None, None]


@settings(deadline=None, max_examples=40)
@given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=9), parts=st.integers(1, 6))
def test_equals_row_by_row(lengths: list[int], parts: int) -> None:
    torch.manual_seed(0)
    values, weights = torch.randn(len(lengths), 9, 3), torch.randn(len(lengths), 9)
    found = run_trimmed(network, torch.tensor(lengths), values, weights, parts=parts)
    assert found.shape == (len(lengths), 9, 3)
    for row, length in enumerate(lengths):
        alone = network(values[row : row + 1, :length], weights[row : row + 1, :length], torch.tensor([row]))
        torch.testing.assert_close(found[row, :length], alone[0])
    if parts == 1:
        assert not found[:, max(*lengths, 1) :].any()


def test_gradients_reach_only_the_places_used() -> None:
    lengths = torch.tensor([5, 1, 3, 2, 5])
    values = torch.randn(5, 6, 2, requires_grad=True)
    weights = torch.randn(5, 6)
    run_trimmed(network, lengths, values, weights)[2, :3].sum().backward()
    assert values.grad is not None
    reached = values.grad.abs().sum(-1) > 0
    assert reached[2, :3].all() and reached.sum() == 3


@pytest.mark.parametrize("parts", [1, 4])
def test_integers_and_a_single_row(parts: int) -> None:
    tokens = torch.arange(4)[None]
    found = run_trimmed(lambda x, rows: x + 1, torch.tensor([3]), tokens, parts=parts)
    assert found.tolist() == [[1, 2, 3, 0]]
