"""The preprocessing of recordings, which is stored in each checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float, Int16, Shaped
from torch import Tensor
from torch.nn import functional

from melp.ecg import ECG, LEADS, normalise_lead_name
from melp.errors import MelpError, check_choices, check_ranges, dataclass_from_dict
from melp.signal.filters import FILTERS, apply_filter
from melp.signal.precision import full_precision
from melp.signal.resampling import resample

SCALINGS = ("minmax", "millivolt", "zscore", "zscore_lead")
# The published constant, added to the range or standard deviation before the division.
_EPSILON = 1e-8


@dataclass(frozen=True)
class Preprocessing:
    """Lead order, crop, rate, filter and scaling, in this order.

    Works on one ECG or a batch; each record is processed independently. Records shorter than `seconds` are
    padded with 0 mV at their end before scaling, as in a store, so that a file and its row of a store give
    the same numbers.

    Attributes:
        rate: Hz of the result.
        seconds: length of the result; the first window of a record is used.
        leads: lead names in the model's order.
        filter: a name of `melp.signal.filters.FILTERS`.
        scaling: "minmax" (one minimum and one maximum over the whole record, as published for MERL and
            MELP), "millivolt" (none), "zscore" (mean and deviation of the whole record), "zscore_lead".
    """

    rate: float = 500
    seconds: float = 10
    leads: tuple[str, ...] = LEADS
    filter: str = "none"
    scaling: str = "minmax"

    def __post_init__(self) -> None:
        leads = tuple(normalise_lead_name(lead) or lead for lead in self.leads)
        object.__setattr__(self, "leads", leads)
        if not leads or len(set(leads)) != len(leads) or not set(leads) <= set(LEADS):
            raise MelpError(
                f"preprocessing.leads: {', '.join(self.leads)!r} found, wanted distinct names of the 12 leads"
            )
        check_choices("preprocessing", self, {"filter": tuple(FILTERS), "scaling": SCALINGS})
        check_ranges("preprocessing", self, {}, above=("rate", "seconds"))

    @property
    def samples(self) -> int:
        """Number of samples of the result."""
        return round(self.rate * self.seconds)

    @full_precision
    def __call__(
        self,
        signal: Float[Tensor, "*batch lead time"] | Int16[Tensor, "*batch lead time"],
        rate: float,
        leads: Sequence[str] = LEADS,
    ) -> Float[Tensor, "*batch model_lead samples"]:
        """Preprocess signals at `rate` Hz whose rows are `leads`.

        Floats are in mV. int16 is in microvolts, as in a store; it gives the same numbers in less time.

        Raises:
            MelpError: a lead of the model is missing.
        """
        signal = self._reordered(signal, leads)[..., : round(self.seconds * rate)]
        is_microvolt = signal.dtype == torch.int16
        if is_microvolt:
            signal = signal.float().div_(1000)
        signal = resample(signal, rate, self.rate)[..., : self.samples]
        if signal.shape[-1] < self.samples:
            signal = functional.pad(signal, (0, self.samples - signal.shape[-1]))
        return scale(apply_filter(signal, self.rate, self.filter), self.scaling, in_place=is_microvolt)

    def from_ecg(self, ecg: ECG, device: torch.device | str = "cpu") -> Float[Tensor, "lead samples"]:
        """Preprocess one recording on a device.

        Raises:
            BadRecordError: a lead of the model is missing, and does not follow from I and II.
        """
        ecg = ecg.select(self.leads)
        return self(torch.tensor(ecg.signal, device=device), ecg.rate, ecg.leads)

    def _reordered(
        self, signal: Shaped[Tensor, "*batch lead time"], leads: Sequence[str]
    ) -> Shaped[Tensor, "*batch model_lead time"]:
        if signal.shape[-2] != len(leads):
            raise MelpError(
                f"signal of {signal.shape[-2]} leads found, wanted {len(leads)}: {', '.join(leads)}"
            )
        names = [normalise_lead_name(lead) or lead for lead in leads]
        missing = [lead for lead in self.leads if lead not in names]
        if missing:
            raise MelpError(f"no lead {', '.join(missing)} among {', '.join(leads)}")
        if tuple(names) == self.leads:
            return signal
        return signal[..., [names.index(lead) for lead in self.leads], :]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self) | {"leads": list(self.leads)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """Build from plain values, as `to_dict` returns them.

        Raises:
            MelpError: an unknown key, or a value out of its range.
        """
        return dataclass_from_dict(cls, "preprocessing", values)


@full_precision
def scale(
    signal: Float[Tensor, "*batch lead time"], scaling: str, in_place: bool = False
) -> Float[Tensor, "*batch lead time"]:
    """Scale each record of `signal` by the rule `scaling`, one of `SCALINGS`.

    With `in_place` the signal may be overwritten: on a CPU, allocating memory takes longer than scaling.
    """
    if scaling == "millivolt":
        return signal
    if scaling == "minmax":
        low, high = signal.amin((-2, -1), keepdim=True), signal.amax((-2, -1), keepdim=True)
        shifted = signal.sub_(low) if in_place else signal - low
        return shifted.div_(high - low + _EPSILON)
    axes = (-1,) if scaling == "zscore_lead" else (-2, -1)
    centred = signal - signal.mean(axes, keepdim=True)
    return centred / (centred.square().mean(axes, keepdim=True).sqrt() + _EPSILON)
