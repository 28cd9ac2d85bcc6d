"""The state space against its recurrence, one sample after another."""

from __future__ import annotations

import pytest
import torch

from melp.errors import MelpError
from melp.nn import build_encoder
from melp.nn.state_space import DiagonalStateSpace


def recurrence(layer: DiagonalStateSpace, x: torch.Tensor, direction: int) -> torch.Tensor:
    """y of x' = a x + u with u held during each step, for each channel by a loop over samples."""
    a = torch.complex(-layer.log_decay[direction].exp(), layer.frequency[direction]).to(torch.complex128)
    step = layer.log_step[direction].exp().double()
    c = torch.view_as_complex(layer.output[direction].contiguous()).to(torch.complex128)
    gain, hold = torch.exp(step * a), (torch.exp(step * a) - 1) / a
    state, outputs = torch.zeros_like(a), []
    for u in x.double().unbind(-1):
        state = gain * state + hold * u[:, None]
        outputs.append(2 * (c * state).sum(1).real)
    return torch.stack(outputs, -1)


@torch.no_grad()
def test_both_directions_equal_the_recurrence() -> None:
    torch.manual_seed(0)
    layer, x = DiagonalStateSpace(5, 4), torch.randn(2, 5, 33)
    wanted = []
    for ecg in x:
        # Backwards, a sample reads those after it; it reads itself in the forward direction.
        later = recurrence(layer, ecg.flip(-1), 1).flip(-1)[:, 1:]
        both = recurrence(layer, ecg, 0) + torch.cat([later, torch.zeros(5, 1)], 1)
        wanted.append(both + layer.skip[:, None] * ecg)
    torch.testing.assert_close(layer(x), torch.stack(wanted).float(), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_frames_see_the_whole_recording() -> None:
    torch.manual_seed(0)
    encoder = build_encoder("s4d_narrow", leads=2, dim=16, layers=1).eval()
    ecg = torch.randn(1, 2, 1000)
    changed = ecg.clone()
    changed[..., 500:510] += 5
    difference = (encoder(changed) - encoder(ecg)).abs().amax(-1)[0]
    assert bool((difference > 0).all())


def test_sizes_that_are_none_are_one_line() -> None:
    with pytest.raises(MelpError, match="s4d: stride 0 found, wanted 1 or more"):
        build_encoder("s4d_narrow", stride=0)
