"""The text around an ECG: what is known of the recording, and how it is drawn."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from melp.ecg import ECG
from melp.plots.layouts import Layout

__all__ = ["about", "footer", "statements"]

_MOST_LINES = 5


def about(ecg: ECG) -> list[str]:
    """Return what is known of the person and the recording; never a name."""
    length = f"{len(ecg.leads)} lead{'s' * (len(ecg.leads) > 1)} · {ecg.rate:g} Hz · {ecg.seconds:.5g} s"
    known = [_person(ecg.meta), _heart_rate(ecg.meta), length, _filters(ecg.meta)]
    return [text for text in known if text]


def _person(meta: Mapping[str, Any]) -> str:
    age, sex = meta.get("age"), meta.get("sex")
    years = f"{age:.0f} years" if age is not None and np.isfinite(age) else ""
    return ", ".join(text for text in (years, str(sex or "")) if text)


def _heart_rate(meta: Mapping[str, Any]) -> str:
    rate = meta.get("heart_rate")
    return f"heart rate {rate:.0f}/min (from the file)" if rate is not None and np.isfinite(rate) else ""


def _filters(meta: Mapping[str, Any]) -> str:
    filters = meta.get("filters") or ()
    text = filters if isinstance(filters, str) else ", ".join(map(str, filters))
    return f"filters: {text}" if text else ""


def statements(texts: Iterable[str], width: int) -> list[str]:
    """Return the statements of the file in lines of at most `width` characters; what is left out is said."""
    texts = [" ".join(str(text).split()) for text in texts]
    if not texts:
        return []
    for shown in range(len(texts), 0, -1):
        more = [f"and {len(texts) - shown} more"] * (shown < len(texts))
        lines = textwrap.wrap(" · ".join([*texts[:shown], *more]), width)
        if len(lines) < _MOST_LINES:
            return ["Statements in the file:", *lines]
    return ["Statements in the file:", textwrap.shorten(texts[0], width, placeholder=" …"), *more]


def footer(layout: Layout, speed: float, gain: float, notes: Iterable[str]) -> str:
    """Return the scale, the time and what a reader has to know."""
    whole = layout.ecg.seconds
    part = f"{layout.start:.5g} to {layout.end:.5g} s of {whole:.5g} s"
    shown = [part] if layout.start > 0 or layout.end < whole - 0.5 / layout.ecg.rate else []
    return " · ".join([f"{speed:g} mm/s", f"{gain:g} mm/mV", *shown, *notes])
