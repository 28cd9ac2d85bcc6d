"""What is done to a recording before a model sees it: named, carried by the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from jaxtyping import Float, Int16, Shaped
from torch import Tensor
from torch.nn import functional

from melp.ecg import ECG, LEADS, normalise_lead_name
from melp.errors import MelpError
from melp.signal.filters import FILTERS, apply_filter
from melp.signal.resampling import resample

SCALINGS = ("minmax", "millivolt", "zscore", "zscore_lead")
# The published constant (added to the range, or to the standard deviation, before dividing).
_EPSILON = 1e-8


@dataclass(frozen=True)
class Preprocessing:
    """Lead order, crop, rate, filter and scaling, in this order.

    One implementation serves one ECG and a batch; each record is treated by itself. Records that are shorter
    than `seconds` get 0 mV at their end before they are scaled, as a store pads them, so that a file and its
    row of a store give the same numbers.

    Attributes:
        rate: Hz of the result.
        seconds: length of the result; the record's first window is taken.
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
        unknown = [lead for lead in leads if lead not in LEADS]
        if unknown or not leads or len(set(leads)) != len(leads):
            raise MelpError(f"preprocessing.leads: {', '.join(self.leads)}; wanted different names of the 12")
        if self.filter not in FILTERS:
            raise MelpError(f"preprocessing.filter: {self.filter!r}, wanted one of {', '.join(FILTERS)}")
        if self.scaling not in SCALINGS:
            raise MelpError(f"preprocessing.scaling: {self.scaling!r}, wanted one of {', '.join(SCALINGS)}")
        for name in ("rate", "seconds"):
            if not getattr(self, name) > 0:
                raise MelpError(f"preprocessing.{name}: {getattr(self, name)}, wanted a positive number")

    @property
    def samples(self) -> int:
        """Samples of the result."""
        return round(self.rate * self.seconds)

    def __call__(
        self,
        signal: Float[Tensor, "*batch lead time"] | Int16[Tensor, "*batch lead time"],
        rate: float,
        leads: Sequence[str] = LEADS,
    ) -> Float[Tensor, "*batch model_lead samples"]:
        """Signals at `rate` Hz, rows named by `leads`, as the model wants them.

        Floats are in mV; int16 is in microvolt, as a store has it, and gives the same numbers in less time.

        Raises:
            MelpError: a lead that the model wants is missing.
        """
        signal = self._reordered(signal, leads)[..., : round(self.seconds * rate)]
        stored = signal.dtype == torch.int16
        if stored:
            signal = signal.float().div_(1000)
        signal = resample(signal, rate, self.rate)[..., : self.samples]
        if signal.shape[-1] < self.samples:
            signal = functional.pad(signal, (0, self.samples - signal.shape[-1]))
        return scale(apply_filter(signal, self.rate, self.filter), self.scaling, in_place=stored)

    def from_ecg(self, ecg: ECG) -> Float[Tensor, "lead samples"]:
        """One recording as the model wants it."""
        return self(torch.tensor(ecg.signal), ecg.rate, ecg.leads)

    def _reordered(
        self, signal: Shaped[Tensor, "*batch lead time"], leads: Sequence[str]
    ) -> Shaped[Tensor, "*batch model_lead time"]:
        if signal.shape[-2] != len(leads):
            raise MelpError(f"signal of {signal.shape[-2]} leads, wanted {len(leads)}: {', '.join(leads)}")
        names = [normalise_lead_name(lead) or lead for lead in leads]
        missing = [lead for lead in self.leads if lead not in names]
        if missing:
            raise MelpError(f"no lead {', '.join(missing)} among {', '.join(leads)}")
        if tuple(names) == self.leads:
            return signal
        return signal[..., [names.index(lead) for lead in self.leads], :]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self) | {"leads": list(self.leads)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """The inverse of `to_dict`.

        Raises:
            MelpError: an unknown key, or a value out of its range.
        """
        unknown = sorted(set(values) - {each.name for each in fields(cls)})
        if unknown:
            raise MelpError(f"preprocessing: unknown key {', '.join(unknown)}")
        try:
            return cls(**{**values, "leads": tuple(values.get("leads", LEADS))})
        except (TypeError, AttributeError) as error:
            raise MelpError(
                f"preprocessing: {dict(values)} found, wanted numbers and names ({error})"
            ) from error


def scale(
    signal: Float[Tensor, "*batch lead time"], scaling: str, in_place: bool = False
) -> Float[Tensor, "*batch lead time"]:
    """Each record of `signal` scaled by the rule `scaling`, one of `SCALINGS`.

    On a CPU it takes longer to get memory for another signal than to scale it: `in_place` may overwrite it.
    """
    if scaling == "millivolt":
        return signal
    if scaling == "minmax":
        low, high = signal.amin((-2, -1), keepdim=True), signal.amax((-2, -1), keepdim=True)
        raised = signal.sub_(low) if in_place else signal - low
        return raised.div_(high - low + _EPSILON)
    axes = (-1,) if scaling == "zscore_lead" else (-2, -1)
    centred = signal - signal.mean(axes, keepdim=True)
    return centred / (centred.square().mean(axes, keepdim=True).sqrt() + _EPSILON)
