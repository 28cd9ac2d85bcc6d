"""Where a sentence looks: its attention over time, shaded on the ECG."""

from __future__ import annotations

from typing import Unpack

import numpy as np
from jaxtyping import Float

from melp.disclaimer import DISCLAIMER
from melp.ecg import ECG
from melp.errors import MelpError
from melp.plots.attention import shading
from melp.plots.ecg_paper import PageOptions, ecg_page
from melp.plots.ecg_shading import draw_scale, shade
from melp.plots.figures import Picture

__all__ = ["frame_edges", "plot_attention"]

_FULL = 2.0  # even shares; the least that is shaded in full


def plot_attention(
    ecg: ECG,
    times: Float[np.ndarray, " frame"],
    weights: Float[np.ndarray, " frame"],
    sentence: str,
    *,
    start: float = 0.0,
    **options: Unpack[PageOptions],
) -> Picture:
    """Shade an ECG where a sentence looks.

    Blank is at most an even share of the attention; the darkest shade is its peak, at least twice an even
    share. The legend says so, so that the figure can be read alone and without color.

    Args:
        ecg: the recording.
        times: middle of each frame or beat in seconds of the recording, rising.
        weights: attention of the sentence to each of them, not negative; they are divided by their sum.
        sentence: the sentence.
        start: second of the recording at which the page begins.
        options: those of `plot_ecg`; `title` is written after the sentence.

    Raises:
        MelpError: `times` do not rise, there is not a weight for each, or the weights cannot be shares.
    """
    times, weights = np.asarray(times, dtype=float), np.asarray(weights, dtype=float)
    if not times.size or times.shape != weights.shape or (np.diff(times) <= 0).any():
        found = f"{times.size} times and {weights.size} weights"
        raise MelpError(f"attention: found {found}, wanted a weight for each of some rising times")
    if not np.isfinite(weights).all() or weights.min() < 0 or not weights.any():
        raise MelpError("attention: found weights that are not shares, wanted numbers from 0, not all 0")
    shares = weights / weights.sum()
    darkest = max(_FULL, shares.max() * len(shares))
    legend = ["Shaded is where in time the model looks for this sentence.", "", DISCLAIMER]
    options["title"] = " · ".join(text for text in (f"“{sentence}”", options.get("title", "")) if text)
    page = ecg_page(ecg, start=start, right=legend, **options)
    draw_scale(page, 1, f"blank: at most an even share; darkest: {darkest:.1f} times an even share")
    shade(page, frame_edges(times, ecg.seconds), shading(shares[None], _FULL)[0], gid="ecg-layer-0")
    return page.figure


def frame_edges(times: Float[np.ndarray, " frame"], seconds: float) -> Float[np.ndarray, " edge"]:
    """Return where frames begin, and where the last one ends: half way between their middles."""
    if len(times) == 1:
        return np.array([0.0, seconds])
    between = (times[1:] + times[:-1]) / 2
    edges = [2 * times[0] - between[0], *between, 2 * times[-1] - between[-1]]
    return np.clip(edges, 0, seconds)
