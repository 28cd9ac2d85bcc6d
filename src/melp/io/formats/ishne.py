"""ISHNE, the format of Holter recordings (Badilini, Ann. Noninvasive Electrocardiol. 3:263, 1998)."""

from __future__ import annotations

import struct
from binascii import crc_hqx

import numpy as np
from jaxtyping import Int16

from melp.ecg import ECG, LEADS
from melp.io.recording import age_and_sex, to_ecg
from melp.io.source import Source, decoded

NAME = "ISHNE"
ENDINGS = (".ecg",)
NEEDS = ""

_HEADER = struct.Struct("<4i h 100x h 26x h 12h 24x 12h 2x 40s h")
"""From byte 10: size of the variable block, samples, positions of that block and of the samples; version,
sex, number of leads, their codes and resolutions in nV, recorder, rate. Names and dates are skipped."""
_START, _LEAST = 10, 522
_SEX = {1: "m", 2: "f"}
_LEADS = dict(enumerate(("X", "Y", "Z", *LEADS, "ES", "AS", "AI"), start=2))
"""Names of the lead codes; 0 is an unknown lead, 1 any bipolar one."""


def matches(source: Source) -> bool:
    """Return whether the file begins with the magic of annotated or plain recordings."""
    return source.head.startswith((b"ISHNE1.0", b"ANN  1.0"))


def read(source: Source) -> ECG:
    """Read all leads.

    Raises:
        BadRecordError: the header is damaged, the file has annotations only, or samples are missing.
    """
    data = source.data
    if data.startswith(b"ANN"):
        raise source.error("annotations of an ISHNE recording found, wanted its samples", "no samples")
    if len(data) < _LEAST:
        raise source.error(f"{len(data)} bytes found, wanted a header of {_LEAST}", "truncated")
    variable, samples, _, start, _, sex, count, *rest = _HEADER.unpack_from(data, _START)
    codes, resolutions, (recorder, rate) = rest[:12], rest[12:24], rest[24:]
    if not 1 <= count <= 12 or not _LEAST <= start <= len(data):
        raise source.error(f"{count} leads from byte {start} on found; a damaged ISHNE header")
    (checksum,) = struct.unpack_from("<H", data, 8)
    if crc_hqx(data[_START : _LEAST + max(variable, 0)], 0xFFFF) != checksum:
        source.warnings.append("the header differs from its checksum")
    values = _samples(source, data[start:], count, samples)
    channels = [
        (_LEADS.get(code, f"lead{number}"), row * _millivolt(source, number, nanovolt))
        for number, (code, nanovolt, row) in enumerate(zip(codes, resolutions, values, strict=False), 1)
    ]
    found = source.sampling_rate(rate if rate > 0 else None)
    return to_ecg(source, channels, found, device=decoded(recorder), **age_and_sex("", _SEX.get(sex, "")))


def _samples(source: Source, data: bytes, count: int, wanted: int) -> Int16[np.ndarray, "lead time"]:
    """Return the samples of all leads; `wanted` is their number a lead or, by some writers, of all leads."""
    found = len(data) // 2 // count
    values = np.frombuffer(data, "<i2", found * count).reshape(found, count).T
    if wanted in (found, found * count) or wanted <= 0:
        return values
    if wanted > found:
        raise source.error(f"{found} samples a lead found, the header says {wanted}", "truncated")
    source.warnings.append(f"samples beyond the length in the header left out: {found - wanted}")
    return values[:, :wanted]


def _millivolt(source: Source, number: int, nanovolt: int) -> float:
    if nanovolt <= 0:
        raise source.error(f"lead {number}: a resolution of {nanovolt} nV found, wanted a positive one")
    return nanovolt * source.millivolt("nV")
