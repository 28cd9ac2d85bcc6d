"""Cut a long recording into windows of the length of a store's records."""

from __future__ import annotations

import math
from itertools import pairwise

from melp.ecg import ECG

WINDOW_COLUMNS = {"recording": "string", "start": "float"}
"""Further columns of the index of a store with all windows: id of the recording, and second of its start."""
REMAINDER = "remainder under half a window"
"""Why the end of a recording is left out of a store with all windows."""


def window_id(name: str, start: float) -> str:
    """Return the id of the record that begins at second `start` of the recording `name`."""
    return f"{name}@{start:.10g}"


def cut(ecg: ECG, seconds: float) -> tuple[list[tuple[float, ECG]], float | None]:
    """Return the windows of a recording, each with the second at which it begins.

    The last one is shorter if `seconds` does not divide the length.

    Returns:
        The windows, and the second at which a remainder of under half a window begins, which is left out;
        None if there is no such remainder.
    """
    samples = round(ecg.seconds * ecg.rate)
    count = max(1, math.ceil(samples / (seconds * ecg.rate)))
    edges = [min(samples, round(number * seconds * ecg.rate)) for number in range(count + 1)]
    windows = [
        (number * seconds, _part(ecg, first, last)) for number, (first, last) in enumerate(pairwise(edges))
    ]
    if count > 1 and edges[-1] - edges[-2] < seconds * ecg.rate / 2:
        return windows[:-1], windows[-1][0]
    return windows, None


def _part(ecg: ECG, first: int, last: int) -> ECG:
    meta = dict(ecg.meta)
    if "beats" in meta:
        pairs = zip(meta["beats"], meta["kinds"], strict=True)
        inside = [(beat - first, kind) for beat, kind in pairs if first <= beat < last]
        meta |= {"beats": [beat for beat, _ in inside], "kinds": [kind for _, kind in inside]}
    if ecg.microvolt is not None:
        return ECG.of_microvolt(ecg.microvolt[:, first:last], ecg.rate, ecg.leads, meta)
    return ECG(ecg.signal[:, first:last], ecg.rate, ecg.leads, meta)
