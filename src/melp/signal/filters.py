"""Zero-phase filters by name."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from melp.signal.precision import full_precision

# Pass bands in Hz; None for no limit.
FILTERS: dict[str, tuple[float | None, float | None]] = {
    "none": (None, None),
    "highpass": (0.5, None),
    "bandpass": (0.67, 40.0),
    "diagnostic": (0.05, 150.0),
}
_ORDER = 3
# Periods of the lower edge in a record from which its filter does not reach over a mirror image: to 1e-6.
_SHORT_MEMORY = 5


def fast_length(length: int) -> int:
    """Return the least number of samples, not below `length`, that has no prime factor above 5.

    Fourier transforms of such lengths are fast. The same as `scipy.fft.next_fast_len(length, real=True)`,
    whose import takes a tenth of the time that `melp classify` takes for one recording.
    """
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1


def gain(frequency: Float[Tensor, " bin"], name: str) -> Float[Tensor, " bin"]:
    """Return the gain of the filter `name` at each frequency (Hz).

    It is the power response of an analogue Butterworth filter of order 3, which equals running that filter
    forwards and backwards; 0.5 at the edges of the band.
    """
    return _gain(frequency, *FILTERS[name])


def _gain(frequency: Float[Tensor, " bin"], low: float | None, high: float | None) -> Float[Tensor, " bin"]:
    response = torch.ones_like(frequency)
    if low is not None:
        power = (frequency / low) ** (2 * _ORDER)
        response = response * power / (1 + power)
    if high is not None:
        response = response / (1 + (frequency / high) ** (2 * _ORDER))
    return response


@full_precision
def apply_filter(
    signal: Float[Tensor, "*batch time"], rate: float, name: str
) -> Float[Tensor, "*batch time"]:
    """Filter signals at `rate` Hz with the filter `name`, without delay; see `band_pass`."""
    return signal if name == "none" else band_pass(signal, rate, *FILTERS[name])


@full_precision
def band_pass(
    signal: Float[Tensor, "*batch time"], rate: float, low: float | None, high: float | None
) -> Float[Tensor, "*batch time"]:
    """Filter signals at `rate` Hz to the band from `low` to `high` (Hz; None for no limit), with zero phase.

    Both ends are extended by the mirror image of the whole record, so that an offset of the baseline causes
    no step. (The more common point reflection would shift the extension if a record ends on an R wave.)
    """
    time = signal.shape[-1]
    parts = [signal[..., 1:].flip(-1), signal, signal[..., :-1].flip(-1)]
    if low is None or low * time / rate >= _SHORT_MEMORY:
        # The mirror images go on to a length without large prime factors, which takes a third of the time.
        length = 3 * time - 2
        parts.append(signal[..., 1 : 1 + fast_length(length) - length])
    extended = torch.cat(parts, dim=-1)
    frequency = torch.fft.rfftfreq(extended.shape[-1], 1 / rate, dtype=signal.dtype, device=signal.device)
    filtered = torch.fft.irfft(torch.fft.rfft(extended) * _gain(frequency, low, high), n=extended.shape[-1])
    return filtered[..., time - 1 : 2 * time - 1]
