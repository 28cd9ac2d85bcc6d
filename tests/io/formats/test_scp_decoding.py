"""SCP-ECG: Huffman tables, reference beats, decimation, checksums, sets of leads."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import melp
import small_formats as small
from melp.ecg import LEADS
from melp.errors import MelpError
from melp.io.scp_samples import decode, huffman_tables, integrate

DEFAULT = huffman_tables(struct.pack("<H", 19999))
# The default table as EN 1064 prints it: bits of prefix and code, switch, value, and bits from the lowest.
PRINTED = [
    (1, 1, 1, 0, 0), (3, 3, 1, 1, 1), (3, 3, 1, -1, 5), (4, 4, 1, 2, 3), (4, 4, 1, -2, 11),
    (5, 5, 1, 3, 7), (5, 5, 1, -3, 23), (6, 6, 1, 4, 15), (6, 6, 1, -4, 47), (7, 7, 1, 5, 31),
    (7, 7, 1, -5, 95), (8, 8, 1, 6, 63), (8, 8, 1, -6, 191), (9, 9, 1, 7, 127), (9, 9, 1, -7, 383),
    (10, 10, 1, 8, 255), (10, 10, 1, -8, 767), (10, 18, 1, 0, 511), (10, 26, 1, 0, 1023),
]  # fmt: skip


def table_section(*tables: list[tuple[int, int, int, int, int]]) -> bytes:
    """The content of section 2."""
    parts = [
        struct.pack("<H", len(table)) + b"".join(struct.pack("<BBBhI", *code) for code in table)
        for table in tables
    ]
    return struct.pack("<H", len(tables)) + b"".join(parts)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(values=st.lists(st.integers(-32768, 32767), max_size=40), order=st.integers(0, 2))
def test_what_is_encoded_is_decoded(values: list[int], order: int) -> None:
    data = small.scp_lead(values, order) if values else b""
    assert integrate(decode(data, DEFAULT, len(values)), order).tolist() == values


def test_the_default_table_is_the_printed_one() -> None:
    assert huffman_tables(table_section(PRINTED)) == DEFAULT


def test_tables_may_be_switched() -> None:
    # 0 is "0" and "10" switches to the second table, in which 7 is "0" and "1" switches back.
    first, second = [(1, 1, 1, 0, 0), (2, 2, 0, 2, 1)], [(1, 1, 1, 7, 0), (1, 1, 0, 1, 1)]
    tables = huffman_tables(table_section(first, second))
    assert decode(bytes([0b01000101]), tables, 4).tolist() == [0, 7, 7, 0]


def test_reference_beats_are_added() -> None:
    ecg = melp.read(small.scp_reference(), ["I", "II"])
    assert np.array_equal(np.rint(ecg.signal * 1000), small.microvolt()[:2])


def test_another_decoder_adds_the_same_reference_beats(tmp_path: Path) -> None:
    ecgdatakit = pytest.importorskip("ecgdatakit")
    (tmp_path / "x.scp").write_bytes(small.scp_reference())
    leads = ecgdatakit.FileParser().parse(str(tmp_path / "x.scp")).leads
    assert np.allclose(
        melp.read(tmp_path / "x.scp", ["I", "II"]).signal, [lead.samples for lead in leads], atol=1e-6
    )


def decimated(row: np.ndarray, zones: list[tuple[int, int]]) -> list[int]:
    """Every sample of the zones, and the mean of every four of the rest up to the next zone."""
    stored, part = [], []
    inside = [any(first <= number <= last for first, last in zones) for number in range(1, len(row) + 1)]
    for number, value in enumerate(row):
        if inside[number]:
            stored.append(int(value))
            continue
        part.append(value)
        if len(part) == 4 or number + 1 == len(row) or inside[number + 1]:
            stored.append(round(np.mean(part)))
            part = []
    return stored


@pytest.mark.parametrize("step", [2000, 8000])
def test_decimated_samples_are_interpolated(step: int) -> None:
    time = np.arange(600) / 500
    row = np.rint(1000 * np.sin(2 * np.pi * 1.5 * time)).astype(int)
    zones = [(101, 160), (301, 343)]
    section = struct.pack("<HHH", 200, 50, 2) + b"".join(struct.pack("<II", *zone) for zone in zones)
    content = small.scp_file(
        {
            2: struct.pack("<H", 19999),
            3: small.scp_leads(("I",)),
            4: section,
            5: small.scp_signals([[0] * 100], 2000),
            6: small.scp_signals([decimated(row, zones)], step, 1, bimodal=True),
        }
    )
    ecg = melp.read(content)
    assert (ecg.leads, ecg.rate, ecg.signal.shape) == (("I",), 500, (1, 600))
    found = ecg.signal[0] * 1000
    for first, last in zones:
        assert np.array_equal(np.rint(found[first - 1 : last]), row[first - 1 : last])
    # The slope is at most 19 per sample; in the middle of four they are exact but for their rounding.
    assert np.abs(found[2:-2] - row[2:-2]).max() < 4


def test_paediatric_leads_are_kept_and_said(tmp_path: Path) -> None:
    ecg = melp.read(small.scp(("I", "II", "V3R", "V1", "V2", "V4", "V6", "V7"), step=1667))
    assert ecg.leads == ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V4", "V6", "V3R", "V7")
    assert ecg.rate == 1e6 / 1667
    with pytest.raises(MelpError, match="no lead V3, V5; found I, II, V3R, V1"):
        melp.read(small.scp(("I", "II", "V3R", "V1")), ["V1", "V3", "V5"])


def test_damage_is_seen_by_the_checksums() -> None:
    content = small.scp()
    for position in (200, 800, 3000):
        changed = content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]
        with pytest.raises(MelpError, match="; a damaged file"):
            melp.read(changed)
    with pytest.raises(MelpError, match="bytes found, the header says"):
        melp.read(content[:-1])
    unchecked = melp.read(small.without_checksums(content))
    assert unchecked.leads == LEADS and "section 6 has no checksum" in unchecked.meta["warnings"]


def test_what_is_missing() -> None:
    patient = b"\xff\0\0"
    with pytest.raises(MelpError, match="no section 6 found, wanted the leads and their rhythm"):
        melp.read(small.scp_file({1: patient, 3: small.scp_leads(("I",))}))
    with pytest.raises(MelpError, match="subtracted reference beats found, but not the sections 4 and 5"):
        melp.read(small.scp_file({3: small.scp_leads(("I",), flags=5), 6: small.scp_signals([[1, 2]], 2000)}))
    short = {
        2: struct.pack("<H", 19999),
        3: small.scp_leads(("I",)),
        6: small.scp_signals([range(9, 559)], 2000),
    }
    with pytest.raises(MelpError, match=r"5\d\d samples found"):
        melp.read(small.scp_file(short))
    long = short | {3: small.scp_leads(("I",), 300)}
    with pytest.raises(MelpError, match="bits found after 300 samples; a damaged file"):
        melp.read(small.scp_file(long))


def test_statements() -> None:
    texts = b"".join(
        struct.pack("<BH", n, len(text)) + text for n, text in enumerate((b"Sinusrytm\0", b"H\xf6g P\0"), 1)
    )
    section = b"\1" + bytes(7) + b"\2" + texts
    content = small.scp_file(
        {3: small.scp_leads(("I",), 3), 6: small.scp_signals([[1, 2, 3]], 2000, coded=False), 8: section}
    )
    assert melp.read(content).meta["statements"] == ("Sinusrytm", "Hög P")
