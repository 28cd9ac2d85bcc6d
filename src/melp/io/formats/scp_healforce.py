"""The dialect of SCP-ECG that Healforce monitors export.

Its pointers count from 0, the checksums are wrong, and section 6 has, instead of Huffman codes, samples of 10
bits, all leads in turn, with the rate in Hz in place of the time between two samples.
"""

from __future__ import annotations

import struct

import numpy as np
from jaxtyping import Int, UInt16

from melp.ecg import ECG
from melp.io.formats.scp_ecg import pointer
from melp.io.recording import to_ecg
from melp.io.source import Source

NAME = "SCP-ECG of Healforce"
ENDINGS = (".scp",)
NEEDS = ""

_LEADS = 3
_POINTER = 22
"""Position of the first pointer, of 10 bytes; they are in the order of their sections."""


def matches(source: Source) -> bool:
    """Return whether the first section points to itself, counted from 0."""
    return pointer(source)[1] == 6


def read(source: Source) -> ECG:
    """Read the three leads, which the file does not name: lead1, lead2 and lead3, or the names asked for.

    Raises:
        BadRecordError: samples are missing.
    """
    data = source.data
    for position in range(_POINTER, len(data) - 9, 10):
        number, _, start = struct.unpack_from("<HII", data, position)
        if number == 6:
            break
    else:
        raise source.error("no section 6 found, wanted the rhythm", "no samples")
    if start + 24 > len(data):
        raise source.error(f"section 6 at byte {start} found, the file has {len(data)}", "truncated")
    nanovolt, rate, _, _, size = struct.unpack_from("<HHBBH", data, start + 16)
    if start + 24 + size > len(data) or not nanovolt:
        raise source.error(f"section 6 of {size} bytes at {nanovolt} nV found", "truncated")
    values = _unpack(np.frombuffer(data, "<u2", size // 6 * 3, start + 24).reshape(-1, 3))
    values = values[: values.size // _LEADS * _LEADS].reshape(-1, _LEADS)
    names = source.leads if source.leads and len(source.leads) == _LEADS else ("lead1", "lead2", "lead3")
    channels = zip(names, values.T * (nanovolt * source.millivolt("nV")), strict=True)
    return to_ecg(source, channels, source.sampling_rate(float(rate) or None))


def _unpack(words: UInt16[np.ndarray, "groups 3"]) -> Int[np.ndarray, " sample"]:
    """Return four samples for three words: three in their lower 10 bits, one in the rest of all."""
    high = (words >> 10).astype(np.int64)
    fourth = (high[:, 0] & 3) << 8 | (high[:, 1] & 15) << 4 | high[:, 2] & 15
    return np.column_stack([(words & 0x3FF).astype(np.int64), fourth]).ravel() - 0x200
