"""AliveCor Kardia: ATC files (ALIVE File Format Specification 1.7) of one to twelve leads.

A file is a signature, a version and blocks: name, size, content, and a checksum of these. Average and median
beats have blocks of their own. Files exist whose checksum is the CRC-32 of the specification and such whose
checksum is the sum of the bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from melp.ecg import ECG
from melp.io.recording import Channel, to_ecg
from melp.io.source import Source
from melp.leads import LEADS

NAME = "Kardia ATC"
ENDINGS = (".atc",)
NEEDS = ""

_SIGNATURE = b"ALIVE\0\0\0"
_FIRST_BLOCK = 12
_BLOCKS = dict(zip([b"ecg ", *(b"ecg%x" % number for number in range(2, 13))], LEADS, strict=True))
_FORMAT = struct.Struct("<BHHB")
_INTEGERS = 1  # 16 bits, signed


class _Block(NamedTuple):
    name: bytes
    content: bytes
    valid: bool


def matches(source: Source) -> bool:
    """Return whether the file begins with the signature of ATC."""
    return source.head.startswith(_SIGNATURE)


def read(source: Source) -> ECG:
    """Read the leads, in mV; leads that differ from their checksum are left out with a warning.

    Raises:
        BadRecordError: the file is cut, no lead is undamaged, or its rate or step cannot be read.
    """
    blocks = list(_blocks(source))
    if len(blocks) > 1 and not any(block.valid for block in blocks):
        source.warnings.append("the checksums are of an unknown kind")
        blocks = [block._replace(valid=True) for block in blocks]
    layout = next((block for block in blocks if block.name == b"fmt "), None)
    if layout is None or not layout.valid or len(layout.content) < _FORMAT.size:
        raise source.error("no undamaged block 'fmt ' found, wanted rate and step")
    kind, rate, step, _ = _FORMAT.unpack_from(layout.content)
    if kind != _INTEGERS or not step:
        raise source.error(f"samples of kind {kind} in steps of {step} nV found, wanted 16 bits")
    channels: list[Channel] = []
    for block in blocks:
        lead = _BLOCKS.get(block.name)
        if lead is None:
            continue
        if not block.valid or len(block.content) % 2:
            source.warnings.append(f"lead {lead} left out: it differs from its checksum")
            continue
        channels.append((lead, np.frombuffer(block.content, "<i2") * (step * 1e-6)))
    if not channels:
        raise source.error("no undamaged lead found, wanted one")
    return to_ecg(source, channels, source.sampling_rate(rate or None))


def _blocks(source: Source) -> Iterator[_Block]:
    data, position = source.data, _FIRST_BLOCK
    while position < len(data):
        name, size = data[position : position + 4], 0
        if position + 8 <= len(data):
            size = struct.unpack_from("<I", data, position + 4)[0]
        end = position + 8 + size
        if end + 4 > len(data):
            raise source.error(f"a block {name!a} of {size} bytes that ends after the file", "truncated")
        (stated,) = struct.unpack_from("<I", data, end)
        block = data[position:end]
        valid = stated in (zlib.crc32(block), sum(block) & 0xFFFFFFFF)
        yield _Block(name, block[8:], valid)
        position = end + 4
