"""The ECG type, and the error for recordings that cannot be used."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int16, Shaped

from melp._display import as_html, as_text
from melp.errors import MelpError
from melp.leads import LEADS, available_leads, derive, normalise_lead_name, standard_leads

__all__ = ["ECG", "LEADS", "BadRecordError", "normalise_lead_name"]


class BadRecordError(MelpError):
    """A recording that cannot be used; `reason` is its category in summaries."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type[BadRecordError], tuple[str, str]]:
        # By default, unpickling passes only `args`, so the reason would be lost between processes.
        return type(self), (str(self), self.reason)


@dataclass(frozen=True, eq=False, repr=False)
class ECG:
    """One recording.

    Attributes:
        signal: float32 in mV, one row a lead; a read-only copy, or the array itself if it is read-only
            float32 and owns its memory.
        rate: samples a second.
        leads: the name of each row, in standard spelling if it is one of the twelve.
        meta: what else the file says (`age` in years, `sex`, `statements` of the machine, `device` ...),
            `warnings`, leads that are `derived`; no names, numbers or birth dates. See docs/formats.md.
        microvolt: `signal` as int16 in microvolts, if all its values are whole microvolts; else None.

    Raises:
        MelpError: the numbers of rows and names differ, a name is repeated, or the rate is not positive.
    """

    signal: Shaped[np.ndarray, "lead time"]
    rate: float
    leads: tuple[str, ...] = LEADS
    meta: Mapping[str, Any] = field(default_factory=dict)
    microvolt: ClassVar[Int16[np.ndarray, "lead time"] | None] = None
    __repr__, _repr_html_ = as_text, as_html

    @classmethod
    def of_microvolt(
        cls,
        microvolt: Int16[np.ndarray, "lead time"],
        rate: float,
        leads: tuple[str, ...] = LEADS,
        meta: Mapping[str, Any] = MappingProxyType({}),
        limits: Int16[np.ndarray, "2 lead"] | None = None,
    ) -> ECG:
        """Create an ECG from whole microvolts within +-32767; `signal` is computed on first access.

        `limits` are minimum and maximum of each lead, if they are known.
        """
        ecg = object.__new__(cls)
        if limits is not None:
            vars(ecg)["limits"] = limits
        microvolt.setflags(write=False)
        object.__setattr__(ecg, "microvolt", microvolt)
        ecg._set_fields(microvolt.shape, rate, leads, meta)
        return ecg

    def __getattr__(self, name: str) -> Any:
        if name != "signal" or self.microvolt is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        signal = self.microvolt / np.float32(1000)
        signal.setflags(write=False)
        object.__setattr__(self, "signal", signal)
        return signal

    # A read-only mapping cannot be pickled, and an array does not stay read-only.
    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "meta": dict(self.meta)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, meta=MappingProxyType(state["meta"]))
        for name in {"signal", "microvolt"} & state.keys():
            state[name].setflags(write=False)

    def __post_init__(self) -> None:
        signal = _read_only(self.signal)
        object.__setattr__(self, "signal", signal)
        self._set_fields(signal.shape, self.rate, self.leads, self.meta)

    def _set_fields(
        self, shape: tuple[int, ...], rate: float, leads: tuple[str, ...], meta: Mapping[str, Any]
    ) -> None:
        if leads != LEADS:
            leads = tuple(normalise_lead_name(lead) or lead for lead in leads)
        if len(shape) != 2 or shape[0] != len(leads):
            raise MelpError(f"ECG: signal of shape {shape}, wanted [{len(leads)} leads, time]")
        if len(set(leads)) != len(leads):
            raise MelpError(f"ECG: found leads {', '.join(leads)}, wanted each once")
        if not math.isfinite(rate) or rate <= 0:
            raise MelpError(f"ECG: rate {rate} Hz, wanted a positive number")
        object.__setattr__(self, "rate", float(rate))
        object.__setattr__(self, "leads", leads)
        object.__setattr__(self, "meta", MappingProxyType(dict(meta)))

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return (self.signal if self.microvolt is None else self.microvolt).shape[1] / self.rate

    @cached_property
    def extent(self) -> Float[np.ndarray, "2 lead"]:
        """Minimum and maximum of each lead in mV; NaN for a lead with a NaN sample."""
        if self.microvolt is not None:
            return self.limits / np.float32(1000)
        return np.stack([self.signal.min(axis=1), self.signal.max(axis=1)])

    @cached_property
    def limits(self) -> Int16[np.ndarray, "2 lead"]:
        """Minimum and maximum of each lead of `microvolt`."""
        assert self.microvolt is not None
        limits = np.empty((2, len(self.leads)), dtype=np.int16)
        self.microvolt.min(axis=1, out=limits[0])
        self.microvolt.max(axis=1, out=limits[1])
        return limits

    def with_meta(self, **values: Any) -> ECG:
        """Return a copy with `values` added to `meta`; the signal is shared."""
        ecg = copy.copy(self)
        object.__setattr__(ecg, "meta", MappingProxyType({**self.meta, **values}))
        return ecg

    def ordered(self) -> ECG:
        """Return the recording with the twelve standard leads in standard order, without any other lead.

        Raises:
            BadRecordError: see `select`.
        """
        return self if self.leads == LEADS else self.select(LEADS)

    def select(self, leads: Sequence[str]) -> ECG:
        """Return the recording with some of the standard leads, in standard order.

        III, aVR, aVL and aVF are computed from I and II if the recording lacks them; `meta["derived"]` then
        names them.

        Raises:
            BadRecordError: a lead is missing, or not one of the twelve.
        """
        wanted = standard_leads(leads)
        if wanted == self.leads:
            return self
        available = available_leads(self.leads)
        if missing := [lead for lead in wanted if lead not in available]:
            found = ", ".join([*self.leads, *self.meta.get("other_channels", ())])
            message = f"{self.meta.get('path', 'ECG')}: no lead {', '.join(missing)}; found {found[:200]}"
            raise BadRecordError(message, "missing lead" if len(missing) < len(wanted) else "unknown leads")
        row = {lead: number for number, lead in enumerate(self.leads)}
        derived = tuple(lead for lead in wanted if lead not in row)
        if not derived:
            rows = [row[lead] for lead in wanted]
            if self.microvolt is not None:
                return ECG.of_microvolt(self.microvolt[rows], self.rate, wanted, self.meta)
            return ECG(self.signal[rows], self.rate, wanted, self.meta)
        one, two = self.signal[row["I"]], self.signal[row["II"]]
        signal = [self.signal[row[lead]] if lead in row else derive(lead, one, two) for lead in wanted]
        return ECG(np.stack(signal), self.rate, wanted, {**self.meta, "derived": derived})


def _read_only(signal: Shaped[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return `signal` itself if it is read-only float32 and owns its memory, else such a copy."""
    if isinstance(signal, np.ndarray):
        flags = signal.flags
        if signal.dtype == np.float32 and flags.c_contiguous and flags.owndata and not flags.writeable:
            return signal
    # A copy, because making the caller's array read-only would surprise them.
    copied = np.array(signal, dtype=np.float32, order="C")
    copied.setflags(write=False)
    return copied
