"""Zero-phase filters by name."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

# Pass bands in Hz; None leaves that end open.
FILTERS: dict[str, tuple[float | None, float | None]] = {
    "none": (None, None),
    "highpass": (0.5, None),
    "bandpass": (0.67, 40.0),
    "diagnostic": (0.05, 150.0),
}
_ORDER = 3


def gain(frequency: Float[Tensor, " bin"], name: str) -> Float[Tensor, " bin"]:
    """Gain of the filter `name` at each frequency (Hz).

    The power response of an analogue Butterworth filter of order 3: what running it forwards and backwards
    gives, 0.5 at the edges of the band.
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


def apply_filter(
    signal: Float[Tensor, "*batch time"], rate: float, name: str
) -> Float[Tensor, "*batch time"]:
    """Signals at `rate` Hz through the filter `name`, without delay; see `band_pass`."""
    return signal if name == "none" else band_pass(signal, rate, *FILTERS[name])


def band_pass(
    signal: Float[Tensor, "*batch time"], rate: float, low: float | None, high: float | None
) -> Float[Tensor, "*batch time"]:
    """Signals at `rate` Hz between two edges (Hz; None leaves that end open), with the gain of `gain`.

    Both ends are continued by their mirror image over as long as the record itself, so that a baseline away
    from zero makes no step there. (A point reflection, usual elsewhere, would shift the whole continuation
    where a record happens to end on an R wave.)
    """
    time = signal.shape[-1]
    extended = torch.cat([signal[..., 1:].flip(-1), signal, signal[..., :-1].flip(-1)], dim=-1)
    frequency = torch.fft.rfftfreq(extended.shape[-1], 1 / rate, dtype=signal.dtype, device=signal.device)
    filtered = torch.fft.irfft(torch.fft.rfft(extended) * _gain(frequency, low, high), n=extended.shape[-1])
    return filtered[..., time - 1 : 2 * time - 1]
