"""The sampling rate that follows from the times of samples."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def rate_of_times(times: Float[np.ndarray, " sample"], quantum: float) -> float:
    """Return the rate in Hz of regular times in seconds.

    A whole rate is preferred, then one of which the interval is whole in quanta, if rounding explains the
    difference: times in ms of 360 Hz (0.003, 0.006, 0.008) give 360.

    Args:
        times: one for each sample.
        quantum: what the times are rounded to, in seconds.

    Raises:
        ValueError: there are fewer than two times, or they are not regular.
    """
    steps = len(times) - 1
    span = float(times[-1] - times[0]) if steps > 0 else 0.0
    if not span > quantum:
        raise ValueError("times that do not increase found, wanted one for each sample")
    regular = times[0] + np.arange(steps + 1) * (span / steps)
    late = np.maximum(np.abs(times - regular)[1:], np.abs(np.diff(times) - span / steps))
    if not late.max() <= 1.001 * quantum:
        raise ValueError(f"times that are not regular found (first at sample {_first(late, quantum)})")
    low, high = steps / (span + quantum), steps / (span - quantum)
    interval = max(1, round(span / steps / quantum)) * quantum
    candidates = (float(round(steps / span)), 1 / interval)
    return next((rate for rate in candidates if low <= rate <= high), steps / span)


def _first(late: Float[np.ndarray, " step"], quantum: float) -> int:
    return int(np.argmax(~(late <= 1.001 * quantum))) + 2
