from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import melp
from melp.ecg import LEADS, BadRecordError
from melp.errors import MelpError
from small_ptb_xl import beats, write_record


@pytest.fixture
def record(tmp_path: Path) -> Path:
    write_record(tmp_path / "rec", beats(1))
    return tmp_path / "rec.hea"


def edit(header: Path, old: str, new: str) -> None:
    text = header.read_text()
    assert old in text
    header.write_text(text.replace(old, new))


@settings(max_examples=25, deadline=None)
@given(
    microvolt=arrays(
        np.int16, st.tuples(st.just(12), st.integers(1, 40)), elements=st.integers(-32767, 32767)
    ),
    rate=st.sampled_from([100, 250, 500, 1000]),
    order=st.permutations(range(12)),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, microvolt: np.ndarray, rate: int, order: list[int]
) -> None:
    microvolt[0, 0] = 1  # not all zero
    stem = tmp_path_factory.mktemp("round") / "rec"
    write_record(stem, microvolt[order], rate, tuple(LEADS[row] for row in order))
    read = melp.read(stem)
    assert read.leads == LEADS and read.rate == rate
    assert np.array_equal(np.rint(read.signal * 1000), microvolt)


@pytest.mark.parametrize("name", ["rec", "rec.hea", "rec.dat"])
def test_path_of_any_file_of_the_record(record: Path, name: str) -> None:
    assert np.array_equal(np.rint(melp.read(record.parent / name).signal * 1000), beats(1))


def test_units_are_converted_to_millivolt(record: Path) -> None:
    text = record.read_text().splitlines()
    changes = {1: ("1000.0(0)/mV", "1.0(0)/uV"), 2: ("1000.0(0)/mV", "1000000.0(0)/V")}
    for line, (old, new) in changes.items():
        assert old in text[line]
        text[line] = text[line].replace(old, new)
    record.write_text("\n".join(text) + "\n")
    signal = melp.read(record).signal
    assert np.allclose(signal[:2], beats(1)[:2] / 1000, atol=1e-6)


@pytest.mark.parametrize("sign", ["µ".encode(), "μ".encode(), "µ".encode("latin-1")])
def test_micro_signs(record: Path, sign: bytes) -> None:
    lines = record.read_bytes().split(b"\n")
    lines[1] = lines[1].replace(b"1000.0(0)/mV", b"1.0(0)/" + sign + b"V")
    record.write_bytes(b"\n".join(lines))
    assert np.allclose(melp.read(record).signal[:2], beats(1)[:2] / 1000, atol=1e-6)
    lines[2] = lines[2].replace(b"1000.0(0)/mV", b"1000000.0(0)/V")
    record.write_bytes(b"\n".join(lines))
    assert np.allclose(melp.read(record).signal[:2], beats(1)[:2] / 1000, atol=1e-6)


@pytest.mark.parametrize(
    ("unit", "per_millivolt"), [("Millivolts", 1), ("microvolt", 1000), ("uVolts", 1000)]
)
def test_units_in_words(record: Path, unit: str, per_millivolt: int) -> None:
    edit(record, "1000.0(0)/mV", f"{1000 / per_millivolt}(0)/{unit}")
    assert np.allclose(melp.read(record).signal, beats(1) / 1000, atol=1e-6)


def test_byte_offset_and_mat(tmp_path: Path) -> None:
    signal = beats(2)[:, :700]
    (tmp_path / "rec.mat").write_bytes(b"\x07" * 24 + signal.T.astype("<i2").tobytes())
    lines = ["rec 12 500 700", *(f"rec.mat 16+24 1000/mV 16 0 0 0 0 {lead}" for lead in LEADS)]
    (tmp_path / "rec.hea").write_text("\n".join(lines) + "\n")
    assert np.array_equal(np.rint(melp.read(tmp_path / "rec.mat").signal * 1000), signal)
    (tmp_path / "rec.mat").write_bytes(b"\x07" * 24 + signal.T.astype("<i2").tobytes()[:-24])
    with pytest.raises(BadRecordError, match=r"rec\.mat: 699 samples, the header says 700"):
        melp.read(tmp_path / "rec")


def test_other_formats_and_segments(tmp_path: Path) -> None:
    physical = beats(1)[:, :600].T / 1000
    options = {
        "fs": 500,
        "units": ["mV"] * 12,
        "sig_name": list(LEADS),
        "p_signal": physical,
        "write_dir": str(tmp_path),
    }
    wfdb.wrsamp("rec", fmt=["24"] * 12, **options)
    assert np.allclose(melp.read(tmp_path / "rec").signal, physical.T, atol=1e-5)
    for name in ("one", "two"):
        wfdb.wrsamp(name, fmt=["16"] * 12, **options)
    (tmp_path / "both.hea").write_text("both/2 12 500 1200\none 600\ntwo 600\n")
    assert np.allclose(melp.read(tmp_path / "both").signal, np.tile(physical.T, 2), atol=1e-4)


def test_other_leads_are_ignored(tmp_path: Path) -> None:
    write_record(tmp_path / "rec", np.vstack([beats(1), beats(2)[:2]]), leads=(*LEADS, "vx", "resp"))
    assert np.array_equal(np.rint(melp.read(tmp_path / "rec").signal * 1000), beats(1))


def refusal(path: Path, leads: tuple[str, ...] | None = None) -> tuple[str, str]:
    with pytest.raises(BadRecordError) as caught:
        melp.read(path, leads)
    message = str(caught.value)
    assert "\n" not in message and str(path.parent) in message
    return message.replace(f"{path.parent}/", ""), caught.value.reason


def test_truncated(record: Path) -> None:
    file = record.with_suffix(".dat")
    file.write_bytes(file.read_bytes()[: 12 * 2 * 3210 + 7])
    assert refusal(record) == ("rec.dat: 3210 samples, the header says 5000", "truncated")


def test_empty_signal_file(record: Path) -> None:
    record.with_suffix(".dat").write_bytes(b"")
    assert refusal(record) == ("rec.dat: 0 samples, the header says 5000", "truncated")


def test_missing_files(record: Path) -> None:
    assert refusal(record.with_name("other.hea")) == ("other.hea: no such file", "missing file")
    record.with_suffix(".dat").unlink()
    assert refusal(record) == ("rec.hea: its signal file rec.dat is missing", "missing file")
    lonely = record.with_name("lonely.mat")
    lonely.write_bytes(b"MATLAB 5.0")
    assert refusal(lonely) == ("lonely.mat: no WFDB header lonely.hea beside it", "missing file")


def test_unknown_lead(record: Path) -> None:
    edit(record, " V6", " XYZ")
    ecg = melp.read(record)
    assert ecg.leads == LEADS[:-1] and ecg.meta["other_channels"] == ("XYZ",)
    found = "found I, II, III, aVR, aVL, aVF, V1, V2, V3, V4, V5, XYZ"
    assert refusal(record, leads=LEADS) == (f"rec.hea: no lead V6; {found}", "missing lead")
    with pytest.raises(BadRecordError, match=rf"rec\.hea: no lead V6; {found}$") as caught:
        ecg.ordered()
    assert caught.value.reason == "missing lead"


def test_no_lead_of_the_twelve(tmp_path: Path) -> None:
    write_record(tmp_path / "rec", beats(1)[:2], leads=("ABP", "V7"))
    assert refusal(tmp_path / "rec.hea") == (
        "rec.hea: none of the twelve leads; found ABP, V7",
        "unknown leads",
    )


def test_repeated_lead(tmp_path: Path) -> None:
    write_record(tmp_path / "rec", np.vstack([beats(1), beats(1)[:1]]), leads=(*LEADS, "Lead V1"))
    assert refusal(tmp_path / "rec.hea") == ("rec.hea: lead V1 comes twice", "repeated lead")


def test_nan(tmp_path: Path) -> None:
    signal = beats(1)
    signal[7, 100:103] = -32768  # the invalid marker of WFDB format 16
    write_record(tmp_path / "rec", signal)
    assert refusal(tmp_path / "rec.hea") == ("rec.hea: 3 samples are NaN or infinite (lead V2)", "NaN")


def test_all_zero(tmp_path: Path) -> None:
    write_record(tmp_path / "rec", np.zeros((12, 500), dtype=np.int16))
    assert refusal(tmp_path / "rec.hea") == ("rec.hea: all samples are zero", "all zero")


def test_unknown_unit(record: Path) -> None:
    edit(record, "/mV", "/mmHg")
    assert refusal(record) == ("rec.hea: unit 'mmHg', wanted V, mV or uV", "unknown unit")


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff\xfe garbage \x80\x81", b"hello world\nfoo\n", b"rec twelve 500"]
)
def test_garbage_header(record: Path, content: bytes) -> None:
    record.write_bytes(content)
    message, reason = refusal(record)
    assert message.startswith("rec.hea: ") and reason in ("unreadable", "missing lead")


def test_paths_that_are_not_recordings(tmp_path: Path) -> None:
    with pytest.raises(MelpError, match="a folder, wanted a recording"):
        melp.read(tmp_path)
    with pytest.raises(MelpError, match=r"x\.xyz: no such file"):
        melp.read(tmp_path / "x.xyz")
    (tmp_path / "x.xyz").write_text("")
    with pytest.raises(MelpError, match=r"x\.xyz: an empty file found, wanted one of .*WFDB"):
        melp.read(tmp_path / "x.xyz")
