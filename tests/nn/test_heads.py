"""The builder of multi-layer perceptrons."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from melp.nn.heads import mlp


@pytest.mark.parametrize(("norm", "last"), [(True, True), (True, False), (False, False), (False, True)])
def test_mlp_layer_by_layer(norm: bool, last: bool) -> None:
    torch.manual_seed(0)
    network = mlp((4, 6, 5, 3), norm, last)
    x = torch.randn(9, 4)
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    wanted = x
    for number, layer in enumerate(linear):
        is_last = number == 2
        normed = last if is_last else norm
        assert (layer.bias is None) is normed, "a bias before a norm does nothing"
        wanted = wanted @ layer.weight.t() + (0 if normed else layer.bias)
        if normed:
            wanted = (wanted - wanted.mean(0)) / (wanted.var(0, unbiased=False) + 1e-5).sqrt()
        wanted = wanted if is_last else wanted.clamp(min=0)
    torch.testing.assert_close(network(x), wanted)


def test_mlp_with_another_activation() -> None:
    network = mlp((4, 6, 3), norm=False, activation=nn.Tanh)
    first, activation, second = network
    x = torch.randn(9, 4)
    assert isinstance(activation, nn.Tanh)
    torch.testing.assert_close(network(x), second(first(x).tanh()))
