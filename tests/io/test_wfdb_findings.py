"""What a header says beyond the samples: checksums, samples a frame, further lines, part of the leads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb

import melp
from melp.ecg import LEADS, BadRecordError
from melp.errors import MelpError
from melp.io import read_file
from small_ptb_xl import beats, write_record


def write_frames(folder: Path, kind: str, frames: list[int], leads: tuple[str, ...] = LEADS) -> np.ndarray:
    """Write 40 frames at 125 Hz, 1000 steps per mV, with checksums; return the samples of each lead."""
    rng = np.random.default_rng(0)
    blocks = [rng.integers(-900, 900, (40, frame)) for frame in frames]
    (folder / "rec.dat").write_bytes(np.hstack(blocks).astype("<i2").tobytes())
    lines = [f"rec {len(leads)} 125 40"]
    for lead, frame, block in zip(leads, frames, blocks, strict=True):
        lines.append(f"rec.dat {kind}x{frame} 1000/mV 16 0 {block[0, 0]} {block.sum()} 0 {lead}")
    (folder / "rec.hea").write_text("\n".join(lines) + "\n")
    return [block.reshape(-1) for block in blocks]


def test_frames_are_read_at_their_full_rate(tmp_path: Path) -> None:
    blocks = write_frames(tmp_path, "16", [4] * 12)
    ecg = melp.read(tmp_path / "rec")
    assert ecg.rate == 500 and ecg.meta["samples_per_frame"] == 4 and "warnings" not in ecg.meta
    assert np.array_equal(np.rint(ecg.signal * 1000), np.stack(blocks))


def test_other_channels_may_have_other_frames(tmp_path: Path) -> None:
    blocks = write_frames(tmp_path, "16", [1, *[2] * 12, 3], ("resp", *LEADS, "ABP"))
    ecg = melp.read(tmp_path / "rec")
    assert ecg.rate == 250 and ecg.meta["other_channels"] == ("resp", "ABP")
    assert np.array_equal(np.rint(ecg.signal * 1000), np.stack(blocks[1:-1]))


def test_leads_of_different_frames_are_refused(tmp_path: Path) -> None:
    write_frames(tmp_path, "16", [*[4] * 11, 1])
    with pytest.raises(BadRecordError, match=r"rec\.hea: leads of 1 and 4 samples a frame, wanted the same"):
        melp.read(tmp_path / "rec")
    assert melp.read(tmp_path / "rec", ["V6"]).rate == 125  # those that are wanted agree
    write_frames(tmp_path, "16", [4] * 12)
    header = tmp_path / "rec.hea"
    header.write_text(header.read_text().replace(" 125 ", " 500000 "))
    with pytest.raises(BadRecordError, match=r"rec\.hea: 2e\+06 Hz, wanted at most 1e\+06"):
        melp.read(header)


def flip(file: Path, sample: int, channel: int, bit: int = 12) -> None:
    content = np.fromfile(file, "<i2").reshape(-1, 12)
    content[sample, channel] ^= np.int16(1 << bit)
    content.tofile(file)


@pytest.mark.parametrize("sample", [0, 2000, 4999])
def test_a_flipped_bit_is_found_by_the_checksum(
    tmp_path: Path, sample: int, capsys: pytest.CaptureFixture[str]
) -> None:
    write_record(tmp_path / "rec", beats(1))
    assert "checksum" not in melp.read(tmp_path / "rec").meta and capsys.readouterr().err == ""
    flip(tmp_path / "rec.dat", sample, LEADS.index("V2"))
    ecg = melp.read(tmp_path / "rec")
    assert ecg.meta["checksum"] == ("V2",)
    line = f"melp: {tmp_path / 'rec'}: the samples of lead V2 differ from the checksum in the header\n"
    assert capsys.readouterr().err == line
    assert read_file(tmp_path / "rec").meta["checksum"] == ("V2",) and capsys.readouterr().err == ""
    assert "checksum" not in melp.read(tmp_path / "rec", ["I", "V1"]).meta


@pytest.mark.parametrize("kind", ["16", "24", "32", "80", "212", "508", "516", "524"])
def test_checksums_of_every_format(tmp_path: Path, kind: str) -> None:
    numbers = np.random.default_rng(0).integers(-100, 100, (501, 12))
    wfdb.wrsamp(
        "rec", 500, ["mV"] * 12, list(LEADS), d_signal=numbers, fmt=[kind] * 12, adc_gain=[200.0] * 12,
        baseline=[0] * 12, write_dir=str(tmp_path),
    )  # fmt: skip
    assert "checksum" not in melp.read(tmp_path / "rec").meta
    header = tmp_path / "rec.hea"
    lines = header.read_text().splitlines()
    fields = lines[4].split()
    fields[6] = str(int(fields[6]) + 1 - 2**16)  # also written as a negative number
    header.write_text("\n".join([*lines[:4], " ".join(fields), *lines[5:]]) + "\n")
    assert melp.read(header).meta["checksum"] == ("aVR",)


def test_checksums_of_frames_count_every_sample(tmp_path: Path) -> None:
    write_frames(tmp_path, "16", [4] * 12)
    content = np.fromfile(tmp_path / "rec.dat", "<i2")
    content[12 * 4 * 7 + 4 * 2 + 3] += 1  # the last sample of lead III in a frame
    content.tofile(tmp_path / "rec.dat")
    assert melp.read(tmp_path / "rec").meta["checksum"] == ("III",)


def test_checksums_of_segments(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_record(tmp_path / name, beats(1))
    (tmp_path / "both.hea").write_text("both/2 12 500 10000\none 5000\ntwo 5000\n")
    assert "checksum" not in melp.read(tmp_path / "both").meta
    flip(tmp_path / "two.dat", 4999, 0)
    assert melp.read(tmp_path / "both").meta["checksum"] == ("I",)


def test_headers_without_checksums(tmp_path: Path) -> None:
    """Some programs write 0, or the same number, for every signal."""
    (tmp_path / "rec.dat").write_bytes(beats(1).T.astype("<i2").tobytes())
    for number in (0, 10742):
        lines = [f"rec.dat 16 1000/mV 16 0 0 {number} 0 {lead}" for lead in LEADS]
        (tmp_path / "rec.hea").write_text("\n".join(["rec 12 500 5000", *lines]) + "\n")
        assert "warnings" not in melp.read(tmp_path / "rec").meta
    (tmp_path / "rec.dat").write_bytes(beats(1)[:1].T.astype("<i2").tobytes())
    for number, damaged in ((0, False), (10742, True)):
        (tmp_path / "rec.hea").write_text(f"rec 1 500 5000\nrec.dat 16 1000/mV 16 0 0 {number} 0 I\n")
        assert ("checksum" in melp.read(tmp_path / "rec").meta) is damaged


def test_further_lines_and_samples_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_record(tmp_path / "rec", beats(1))
    header = tmp_path / "rec.hea"
    lines = header.read_text().splitlines()
    lines[0] = "rec 12 500 4990"
    header.write_text("\n".join([*lines, "other.dat 16 100/mmHg 16 0 0 0 0 ABP"]) + "\n")
    ecg = melp.read(header)
    assert np.array_equal(np.rint(ecg.signal * 1000), beats(1)[:, :4990])
    assert ecg.meta["warnings"][-2:] == (
        "header lines beyond the number in the record line left out: 1",
        "samples beyond the length in the header left out: 10",
    )
    assert len(capsys.readouterr().err.splitlines()) == 1
    header.write_text("\n".join(lines[:12]) + "\n")
    with pytest.raises(BadRecordError, match="11 signal lines, the record line says 12"):
        melp.read(header)


@pytest.mark.parametrize("record", ["rec 12 500 400 12:00:00 2006", "rec.v1 12 500 400", "d/rec.mat 12 5e2"])
def test_one_header_grammar_for_all_formats(tmp_path: Path, record: str) -> None:
    (tmp_path / "rec.dat").write_bytes(bytes(np.random.default_rng(1).integers(16, 100, 7200).tolist()))
    lines = [f"d/rec.dat 212 200/mV 12 0 0 0 0 {lead}" for lead in LEADS]
    (tmp_path / "rec.hea").write_bytes("\n".join(["", record, *lines, "# Größe"]).encode("latin-1") + b"\x1a")
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "rec.dat").write_bytes((tmp_path / "rec.dat").read_bytes())
    lines = [line.replace("d/", "") for line in lines]
    (plain / "rec.hea").write_text("\n".join(["rec 12 500 400", *lines]) + "\n")
    wanted = wfdb.rdrecord(str(plain / "rec")).p_signal.T.astype(np.float32)
    ecg = melp.read(tmp_path / "rec")
    assert ecg.rate == 500 and np.array_equal(ecg.signal, wanted)


EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


@pytest.mark.parametrize("kind", ["16", "212"])
def test_eight_leads_become_twelve(tmp_path: Path, kind: str) -> None:
    microvolt = beats(1)  # its limb leads satisfy the identities exactly
    rows = [LEADS.index(lead) for lead in EIGHT]
    wfdb.wrsamp(
        "rec", 500, ["mV"] * 8, list(EIGHT), d_signal=microvolt[rows].T.astype(np.int64), fmt=[kind] * 8,
        adc_gain=[1000.0] * 8, baseline=[0] * 8, write_dir=str(tmp_path),
    )  # fmt: skip
    ecg = melp.read(tmp_path / "rec")
    assert ecg.leads == LEADS and ecg.meta["derived"] == ("III", "aVR", "aVL", "aVF")
    assert np.array_equal(np.rint(ecg.signal * 1000), microvolt)


def test_part_of_the_leads(tmp_path: Path) -> None:
    microvolt = beats(1)
    write_record(tmp_path / "rec", microvolt[[11, 1, 0]], leads=("V6", "II", "I"))
    ecg = melp.read(tmp_path / "rec")
    assert ecg.leads == (*LEADS[:6], "V6") and ecg.meta["derived"] == ("III", "aVR", "aVL", "aVF")
    assert np.array_equal(np.rint(ecg.signal * 1000), microvolt[[0, 1, 2, 3, 4, 5, 11]])
    wanted = melp.read(tmp_path / "rec", ["C6", "avf"])
    assert wanted.leads == ("aVF", "V6") and wanted.meta["derived"] == ("aVF",)
    assert np.array_equal(np.rint(wanted.signal * 1000), microvolt[[5, 11]])
    only = melp.read(tmp_path / "rec", ["II"])
    assert only.leads == ("II",) and "derived" not in only.meta
    with pytest.raises(BadRecordError, match=r"rec\.hea: no lead V1, V2; found V6, II, I$"):
        melp.read(tmp_path / "rec", ["V1", "V2", "I"])
    with pytest.raises(MelpError, match="leads: I, V7 found, wanted names of the 12 leads"):
        melp.read(tmp_path / "rec", ["I", "V7"])


def test_leads_that_are_not_wanted_may_be_bad(tmp_path: Path) -> None:
    microvolt = beats(1)
    microvolt[7, 100] = -32768  # the invalid marker of format 16
    write_record(tmp_path / "rec", microvolt)
    with pytest.raises(BadRecordError, match="1 samples are NaN"):
        melp.read(tmp_path / "rec")
    assert np.array_equal(np.rint(melp.read(tmp_path / "rec", ["V1"]).signal * 1000), microvolt[[6]])


def test_segments_with_different_leads(tmp_path: Path) -> None:
    write_record(tmp_path / "one", beats(1))
    write_record(tmp_path / "two", beats(2)[[1, 0]], leads=("II", "I"))
    (tmp_path / "both.hea").write_text("both/2 12 500 10000\none 5000\ntwo 5000\n")
    ecg = melp.read(tmp_path / "both")
    assert ecg.leads == LEADS[:6]
    assert np.array_equal(np.rint(ecg.signal * 1000), np.hstack([beats(1), beats(2)])[:6])
    left = "lead V1, V2, V3, V4, V5, V6, which some segments lack, left out"
    assert ecg.meta["warnings"] == (left,)
