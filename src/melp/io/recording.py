"""From the channels of a file to an ECG with its leads in standard order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from melp.ecg import ECG, LEADS
from melp.io.source import Source, printable
from melp.io.values import is_nothing, parse_age, parse_sex
from melp.io.wfdb_header import MAX_RATE, MIN_RATE
from melp.leads import available_leads, normalise_lead_name

_PERSON = re.compile(
    r"(?i)\b(?:by|from)\s*:|\b(?:confirmed|reviewed|signed|edited|read|ordered|referred)\s+by\b|\bdr\.? "
)

_FURTHER = re.compile(r"(?i)(?:mdc_ecg_lead_|e[ck]g[ _:-]?|lead[ _:-]?)?(V[789]|V[2-9]R|[XYZ])")
"""Leads of the right side, the back, and of Frank."""

Channel = tuple[str, Num[np.ndarray, " time"]]
"""Name and samples in mV."""
Key = tuple[float | None, int, float | str]
"""Rate in Hz, number of samples, and start of channels recorded together."""


def to_ecg(source: Source, channels: Iterable[Channel], rate: float, **meta: Any) -> ECG:
    """Return the channels of a file as an ECG, in their own order.

    Channels without samples, or with NaN only, and those that repeat a name are left out with a warning.

    Args:
        source: what is read.
        channels: names in any spelling, and samples in mV.
        rate: Hz.
        meta: entries of `ECG.meta`; those that are None, "" or () are left out.

    Raises:
        BadRecordError: no samples, channels of different lengths, or an impossible rate.
    """
    if not MIN_RATE <= rate <= MAX_RATE:
        raise source.error(f"{rate:g} Hz found, wanted {MIN_RATE:g} to {MAX_RATE:g}")
    kept: dict[str, np.ndarray] = {}
    for name, samples in channels:
        lead = _lead_name(name) or f"channel {len(kept) + 1}"
        if not samples.size or (samples.dtype.kind == "f" and np.isnan(samples).all()):
            source.warnings.append(f"channel {lead} without samples left out")
        elif lead in kept:
            source.warnings.append(f"a second channel {lead} left out")
        else:
            kept[lead] = samples
    lengths = sorted({len(samples) for samples in kept.values()})
    if len(lengths) != 1:
        found = f"channels of {' and '.join(map(str, lengths))} samples" if lengths else "no samples"
        raise source.error(f"{found} found, wanted channels of one length")
    meta["statements"] = _without_names(source, meta.get("statements", ()))
    with np.errstate(over="ignore"):  # infinite values raise an error that names the lead
        signal = _without_end(source, np.stack(list(kept.values())).astype(np.float32))
    signal.setflags(write=False)
    filled = {name: value for name, value in meta.items() if value not in (None, "", ())}
    return ECG(signal, rate, tuple(kept), filled)


def _lead_name(name: str) -> str:
    """Return the name of a lead: standard, else without what comes before those beyond the twelve."""
    further = _FURTHER.fullmatch(name.strip())
    return normalise_lead_name(name) or (further[1].upper() if further else printable(name.strip()[:40]))


def _without_end(source: Source, signal: Float[np.ndarray, "lead time"]) -> Float[np.ndarray, "lead end"]:
    """Return the signal without the samples at its end that no lead has."""
    last = np.flatnonzero(~np.isnan(signal).all(axis=0))[-1] + 1
    if missing := signal.shape[1] - last:
        source.warnings.append(f"{missing} missing samples at the end of all leads left out")
        return signal[:, :last].copy()
    return signal


def _without_names(source: Source, statements: Sequence[str]) -> tuple[str, ...]:
    """Return the statements, each in one line, that do not say who confirmed or ordered them."""
    lines = [line for line in (printable(" ".join(text.split())) for text in statements) if line]
    kept = tuple(line for line in lines if not _PERSON.search(line))
    if left_out := len(lines) - len(kept):
        source.warnings.append(f"statements that name a person left out: {left_out}")
    return kept


def most_samples(source: Source, sets: Iterable[tuple[Key, list[Channel]]]) -> tuple[Key, list[Channel]]:
    """Return the channels of those sets that together have most samples among the sets of one key.

    Args:
        source: what is read.
        sets: channels with their rate, number of samples, and start.

    Raises:
        BadRecordError: there are no samples.
    """
    together: dict[Key, list[Channel]] = {}
    for key, channels in sets:
        together.setdefault(key, []).extend(channels)
    if not any(key[1] and channels for key, channels in together.items()):
        raise source.error("no samples of an ECG found", "no samples")
    best = max(together, key=lambda key: key[1] * len(together[key]))
    if left_out := sum(map(len, together.values())) - len(together[best]):
        source.warnings.append(f"{left_out} channels of other times, rates or lengths left out")
    return best, together[best]


def lead_names(source: Source, found: Sequence[str]) -> tuple[str, ...]:
    """Return the names that the user gives to channels whose own names, `found`, are not those of leads.

    Raises:
        BadRecordError: the user gave none, or another number of them.
    """
    leads = source.leads or ()
    if len(leads) != len(found):
        named = ", ".join(name or "without name" for name in found)[:200]
        wanted = f"wanted the names of {len(found)} leads (--leads)"
        raise source.error(
            f"channels {named!a} found and {len(leads)} names given, {wanted}", "unknown leads"
        )
    return tuple(leads)


def age_and_sex(age: str, sex: str) -> dict[str, Any]:
    """Return the entries `age` and `sex` of `meta` for texts; `unread` names those that cannot be read."""
    meta: dict[str, Any] = {}
    for name, text, parse in (("age", age, parse_age), ("sex", sex, parse_sex)):
        try:
            value = None if is_nothing(text) else parse(text)
        except ValueError:
            meta["unread"] = [*meta.get("unread", ()), name]
        else:
            meta |= {} if value is None else {name: value}
    return meta


def in_standard_order(ecg: ECG, wanted: Sequence[str] | None) -> ECG:
    """Return the leads of `wanted`, or all: the standard ones in standard order, then the others.

    III, aVR, aVL and aVF are computed from I and II if they are missing, see `ECG.select`.

    Raises:
        BadRecordError: a lead of `wanted` is missing.
    """
    if wanted is not None:
        return ecg.select(wanted)
    others = tuple(lead for lead in ecg.leads if lead not in LEADS)
    standard = available_leads(ecg.leads)
    if not others:
        return ecg.select(standard)
    if not standard:
        return ecg
    first, rows = ecg.select(standard), [ecg.leads.index(lead) for lead in others]
    signal = np.concatenate([first.signal, ecg.signal[rows]])
    return ECG(signal, ecg.rate, (*standard, *others), first.meta)
