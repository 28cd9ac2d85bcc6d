"""SCP-ECG (EN 1064, ISO 11073-91064)."""

from __future__ import annotations

import struct
from binascii import crc_hqx
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from melp.ecg import ECG
from melp.io import scp_samples as scp
from melp.io.lead_codes import LEAD_CODES
from melp.io.recording import Channel, Key, age_and_sex, most_samples, to_ecg
from melp.io.source import Source, decoded

NAME = "SCP-ECG"
ENDINGS = (".scp", ".ecg")
NEEDS = ""

_RECORD, _HEADER = 6, 16
"""Bytes before the first section, and of the header of each."""
_YEARS = {1: 1.0, 2: 1 / 12, 3: 7 / 365.25, 4: 1 / 365.25, 5: 1 / 8766}
_SEX = {b"\1": "m", b"\2": "f"}
_AGE_TAG, _SEX_TAG, _DEVICE_TAG, _END_TAG = 4, 8, 14, 255


def pointer(source: Source) -> tuple[int, int]:
    """Return length and index of the first section as its pointers say; (0, 0) if they are none."""
    head = source.head
    if len(head) < _RECORD + _HEADER + 10 or head[8:10] != b"\0\0":
        return 0, 0
    number, length, index = struct.unpack_from("<HII", head, _RECORD + _HEADER)
    (own,) = struct.unpack_from("<I", head, 10)
    return (length, index) if number == 0 and length == own else (0, 0)


def matches(source: Source) -> bool:
    """Return whether the first section is that of the pointers, and points to itself."""
    return source.head[16:22] == b"SCPECG" or pointer(source)[1] == _RECORD + 1


def read(source: Source) -> ECG:
    """Read the rhythm; reference beats that were subtracted are added again.

    Raises:
        BadRecordError: a section is missing or damaged.
    """
    sections = _sections(source)
    if missing := [number for number in (3, 6) if not sections.get(number)]:
        raise source.error(f"no section {missing[0]} found, wanted the leads and their rhythm", "no samples")
    try:
        sets = _leads(source, sections)
    except (ValueError, struct.error) as error:
        raise source.error(f"{error}; a damaged file") from None
    (rate, *_), channels = most_samples(source, sets)
    statements = _statements(sections.get(8, b""))
    rate = source.sampling_rate(rate)
    return to_ecg(source, channels, rate, statements=statements, **_meta(sections.get(1, b"")))


def _sections(source: Source) -> dict[int, bytes]:
    """Return the contents of the sections by their numbers, after comparing them with their checksums."""
    data, sections = source.data, {}
    (size,) = struct.unpack_from("<I", data, 2)
    (length,) = struct.unpack_from("<I", data, 10)
    if size > len(data):
        raise source.error(f"{len(data)} bytes found, the header says {size}", "truncated")
    start, end = _RECORD + _HEADER, min(_RECORD + length, len(data))
    for position in range(start, end - 9, 10):
        number, length, index = struct.unpack_from("<HII", data, position)
        if number > 11 or length <= _HEADER:
            continue
        if not _RECORD < index <= len(data) - length + 1:
            raise source.error(
                f"section {number} at byte {index} found, the file has {len(data)}", "truncated"
            )
        content = data[index - 1 : index - 1 + length]
        checksum, own, own_length = struct.unpack_from("<HHI", content)
        if (own, own_length) != (number, length):
            found = f"section {own} of {own_length} bytes"
            raise source.error(f"{found} found, wanted section {number} of {length}; a damaged file")
        if not checksum:
            source.warnings.append(f"section {number} has no checksum")
        elif crc_hqx(content[2:], 0xFFFF) != checksum:
            raise source.error(f"section {number} differs from its checksum; a damaged file")
        sections[number] = content[_HEADER:]
    return sections


class _Signals:
    """Section 5 or 6: the samples of all leads, `step` us apart, in units of `unit` nV."""

    def __init__(self, section: bytes, tables: list[scp.Table], count: int) -> None:
        self.unit, self.step, self.differences, self.bimodal = struct.unpack_from("<HHBB", section)
        sizes = struct.unpack_from(f"<{count}H", section, 6)
        ends = np.cumsum((6 + 2 * count, *sizes)).tolist()
        self.parts = [section[start:end] for start, end in pairwise(ends)]
        self.tables = tables
        if not self.unit or not self.step or self.differences > 2:
            raise ValueError(
                f"{self.unit} nV, {self.step} us and differences of order {self.differences} found"
            )

    def lead(
        self, number: int, length: int, factor: int = 1, protected: Sequence[scp.Zone] = ()
    ) -> Float[np.ndarray, " {length}"]:
        """Return a lead in nV, of which all but the protected zones is decimated by `factor`."""
        part = self.parts[number]
        if not part:
            return np.empty(0)
        if length > 8 * factor * len(part):
            raise ValueError(f"lead {number + 1} of {length} samples in {len(part)} bytes found")
        places = scp.stored_samples(length, factor, protected)
        values = scp.integrate(scp.decode(part, self.tables, len(places)), self.differences)
        return scp.expand(values, places, length) * float(self.unit)


def _leads(source: Source, sections: dict[int, bytes]) -> list[tuple[Key, list[Channel]]]:
    """Return each lead in mV, with its rate and start."""
    leads, tables = sections[3], scp.huffman_tables(sections.get(2, b""))
    count, subtracted = leads[0], leads[1] & 1
    if subtracted and not (sections.get(4) and sections.get(5)):
        raise ValueError("subtracted reference beats found, but not the sections 4 and 5")
    rhythm = _Signals(sections[6], tables, count)
    beats = scp.read_beats(sections[4]) if sections.get(4) else scp.Beats(0, 0, (), ())
    reference = _Signals(sections[5], tables, count) if sections.get(5) else None
    if rhythm.bimodal and reference is None:
        raise ValueError("a decimated rhythm found, but not section 5, which has its full rate")
    step, factor = rhythm.step, 4 if rhythm.bimodal else 1
    if reference and (subtracted or rhythm.bimodal) and rhythm.step != reference.step:
        # The rhythm is decimated to a fraction of the rate of the reference beat.
        step, factor = reference.step, round(rhythm.step / reference.step)
        if not 1 <= factor <= 8:
            raise ValueError(f"a rhythm every {rhythm.step} us and a reference beat every {step} us found")
    sets: list[tuple[Key, list[Channel]]] = []
    for number in range(count):
        first, last, code = struct.unpack_from("<IIB", leads, 2 + 9 * number)
        length = last - first + 1
        if length < 1:
            raise ValueError(f"lead {number + 1} from sample {first} to {last} found")
        samples = rhythm.lead(number, length, factor, beats.protected if rhythm.bimodal else ())
        if reference and subtracted:
            beat = reference.lead(number, beats.milliseconds * 1000 // step)
            samples = scp.add_reference(samples, beat, beats)
        name = LEAD_CODES.get(code, f"lead{number + 1}")
        sets.append(((1e6 / step, len(samples), first), [(name, samples * source.millivolt("nV"))]))
    return sets


def _statements(section: bytes) -> tuple[str, ...]:
    """Return the statements of section 8, each with its number and length before it."""
    statements, position = [], 9
    for _ in range(section[8] if len(section) > 8 else 0):
        if position + 3 > len(section):
            break
        (length,) = struct.unpack_from("<H", section, position + 1)
        statements.append(decoded(section[position + 3 : position + 3 + length]))
        position += 3 + length
    return tuple(statements)


def _meta(section: bytes) -> dict[str, object]:
    """Return the entries of `meta` of section 1. Names, numbers and dates are not read."""
    fields, position = {}, 0
    while position + 3 <= len(section) and section[position] != _END_TAG:
        tag, length = struct.unpack_from("<BH", section, position)
        if tag in (_AGE_TAG, _SEX_TAG, _DEVICE_TAG):
            fields[tag] = section[position + 3 : position + 3 + length]
        position += 3 + length
    sex = _SEX.get(fields.get(_SEX_TAG, b"")[:1], "")
    number, unit = struct.unpack("<HB", fields.get(_AGE_TAG, b"").ljust(3, b"\0")[:3])
    age = f"{number * _YEARS[unit]:.4g}" if unit in _YEARS else ""
    device = fields.get(_DEVICE_TAG, b"")
    # The model has a fixed place, the maker is the last of the texts at the end.
    maker = decoded(device[36:].rstrip(b"\0").rpartition(b"\0")[2])
    return age_and_sex(age, sex) | {"device": f"{maker} {decoded(device[8:14])}".strip()}
