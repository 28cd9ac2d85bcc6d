"""Polyphase resampling by any rational ratio, as one strided convolution."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from melp.signal.precision import full_precision

_ZERO_CROSSINGS = 10
_KAISER_BETA = 5.0


def ratio(source: float, target: float) -> tuple[int, int]:
    """Return (up, down), the simplest fraction within 1e-6 of target/source."""
    fraction = Fraction(target / source).limit_denominator(1000)
    return fraction.numerator, fraction.denominator


def low_pass(up: int, down: int) -> Float[np.ndarray, " tap"]:
    """Return the anti-alias filter: a Kaiser-windowed sinc with ten zero crossings a side, gain `up` at 0 Hz.

    It is the default filter of `scipy.signal.resample_poly`.
    """
    widest = max(up, down)
    reach = _ZERO_CROSSINGS * widest
    taps = np.sinc(np.arange(-reach, reach + 1) / widest) * np.kaiser(2 * reach + 1, _KAISER_BETA)
    return taps * (up / taps.sum())


@lru_cache(maxsize=32)
def _phases(up: int, down: int) -> tuple[np.ndarray, int]:
    """Return one filter per output phase, [up, width], and the number of input samples before it."""
    taps = low_pass(up, down)
    reach = len(taps) // 2
    back = reach // up
    ahead = ((up - 1) * down + reach) // up
    offset = np.arange(-back, ahead + 1)
    index = np.arange(up)[:, None] * down + reach - offset[None, :] * up
    inside = (index >= 0) & (index < len(taps))
    return np.where(inside, taps[index.clip(0, len(taps) - 1)], 0.0), back


@full_precision
def resample(
    signal: Float[Tensor, "*batch time"], source: float, target: float
) -> Float[Tensor, "*batch samples"]:
    """Resample signals from `source` to `target` Hz; the result has ceil(time * target / source) samples.

    Equal to `scipy.signal.resample_poly(..., padtype="edge")`: the first and last samples are repeated beyond
    the ends, so that an offset of the baseline causes no step.
    """
    up, down = ratio(source, target)
    if up == down:
        return signal
    kernel, back = _phases(up, down)
    time = signal.shape[-1]
    samples = -(-time * up // down)
    blocks = -(-samples // up)
    width = kernel.shape[1]
    ahead = max((blocks - 1) * down + width - back - time, 0)
    rows = functional.pad(signal.reshape(-1, 1, time), (back, ahead), mode="replicate")
    weight = torch.as_tensor(kernel, dtype=signal.dtype, device=signal.device)[:, None]
    phases = functional.conv1d(rows, weight, stride=down)[..., :blocks]
    return phases.transpose(1, 2).reshape(*signal.shape[:-1], blocks * up)[..., :samples]
