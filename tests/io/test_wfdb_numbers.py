"""Millivolts are equal to those of wfdb, to the last bit of float32, and to the formula."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

import melp
from melp.ecg import LEADS, BadRecordError
from melp.lead_order import keeps_identities

MILLIVOLT = {"mV": 1.0, "uV": 0.001, "V": 1000.0, "": 1.0}


def of_wfdb(header: Path) -> np.ndarray:
    """Read the standard leads with wfdb, every sample of a frame; float32 [lead, time]."""
    record = wfdb.rdrecord(str(header.with_suffix("")), smooth_frames=False)
    names = [name.upper() for name in record.sig_name]
    rows = [names.index(lead.upper()) for lead in LEADS]
    factors = np.array([MILLIVOLT[record.units[row]] for row in rows])
    return (np.stack(record.e_p_signal)[rows] * factors[:, None]).astype(np.float32)


def write_layout(folder: Path, draw: st.DrawFn) -> tuple[Path, np.ndarray]:
    """Write a random layout of format 16; return the header and the samples in mV."""
    names = draw(st.permutations([*LEADS, *draw(st.sampled_from([[], ["resp"], ["V7", "V8", "ABP"]]))]))
    samples = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    numbers = rng.integers(-(2**15) + 1, 2**15, (samples, len(names))).astype("<i2")
    cuts = sorted(draw(st.sets(st.integers(1, len(names) - 1), max_size=3)))
    # With several files, the number of samples may not be omitted.
    length = draw(st.sampled_from(["", f" {samples}", " 0"])) if not cuts else f" {samples}"
    lines = [f"rec {len(names)} 500{length}"]
    millivolt = {}
    for part, (start, stop) in enumerate(zip([0, *cuts], [*cuts, len(names)], strict=True)):
        offset = draw(st.sampled_from([0, 1, 24, 512]))
        block = numbers[:, start:stop]
        (folder / f"part{part}.dat").write_bytes(rng.bytes(offset) + block.tobytes())
        for channel in range(start, stop):
            gain = draw(st.sampled_from(["200", "1000.0", "0", "204.7", "-1000", "1e3", "0.0048828125", "3"]))
            baseline, zero = draw(st.none() | st.integers(-40000, 40000)), draw(st.integers(-2048, 2048))
            unit = draw(st.sampled_from(list(MILLIVOLT))) if names[channel] in LEADS else "mmHg"
            field = gain + ("" if baseline is None else f"({baseline})") + (f"/{unit}" if unit else "")
            lines.append(f"part{part}.dat 16+{offset} {field} 12 {zero} 0 0 0 {names[channel]}")
            steps = 200.0 if float(gain) == 0 else float(gain)
            base = zero if baseline is None else baseline
            if names[channel] in LEADS:
                values = [(int(number) - base) / steps * MILLIVOLT[unit] for number in numbers[:, channel]]
                millivolt[names[channel]] = values
    (folder / "rec.hea").write_text("\n".join(lines) + "\n")
    return folder / "rec.hea", np.array([millivolt[lead] for lead in LEADS])


@settings(max_examples=80, deadline=None, derandomize=True)
@given(data=st.data())
def test_format_16(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    header, millivolt = write_layout(tmp_path_factory.mktemp("layout"), data.draw)
    signal = melp.read(header).signal
    assert np.array_equal(signal, millivolt.astype(np.float32))
    if " 500 0\n" not in header.read_text():  # wfdb reads no samples; in the format, 0 means unknown
        assert np.array_equal(signal, of_wfdb(header))


@pytest.mark.parametrize(
    "kind", ["8", "24", "32", "61", "80", "160", "212", "310", "311", "16x3", "212x2", "24x2:0+3", "16+24"]
)
@pytest.mark.parametrize("has_length", [True, False])
def test_every_format(tmp_path: Path, kind: str, has_length: bool) -> None:
    # Bytes that do not occur in the invalid marker.
    (tmp_path / "rec.dat").write_bytes(bytes(np.random.default_rng(1).integers(16, 100, 15000).tolist()))
    lines = [f"rec 12 500{' 120' if has_length else ''}"]
    lines += [
        f"rec.dat {kind} 204.7(-7)/{'uV' if lead == 'II' else 'mV'} 12 0 5 0 0 {lead}" for lead in LEADS[::-1]
    ]
    (tmp_path / "rec.hea").write_text("\n".join(lines) + "\n")
    ecg = melp.read(tmp_path / "rec.hea")
    frame = int(kind.partition("x")[2][:1] or 1)
    assert ecg.rate == 500 * frame and ecg.meta.get("samples_per_frame", 1) == frame
    assert ecg.signal.shape[1] == 120 * frame or not has_length
    assert np.array_equal(ecg.signal, of_wfdb(tmp_path / "rec.hea"))


@pytest.mark.parametrize("kind", ["508", "516", "524"])
def test_flac(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    for name, leads in (("one", LEADS[:5]), ("two", LEADS[5:])):
        numbers = rng.integers(-100, 100, (5000, len(leads)))
        wfdb.wrsamp(
            name, 500, ["mV"] * len(leads), list(leads), d_signal=numbers, fmt=[kind] * len(leads),
            adc_gain=[200.0] * len(leads), baseline=[0] * len(leads), write_dir=str(tmp_path),
        )  # fmt: skip
    lines = [(tmp_path / f"{name}.hea").read_text().splitlines()[1:] for name in ("one", "two")]
    (tmp_path / "rec.hea").write_text("\n".join(["rec 12 500 5000", *lines[0], *lines[1]]) + "\n")
    assert np.array_equal(melp.read(tmp_path / "rec").signal, of_wfdb(tmp_path / "rec.hea"))


@pytest.mark.parametrize(("kind", "number"), [("16", -(2**15)), ("24", -(2**23)), ("80", -(2**7))])
def test_invalid_samples_are_nan(tmp_path: Path, kind: str, number: int) -> None:
    numbers = np.arange(240).reshape(20, 12) % 100 + 1
    numbers[3, 4] = numbers[3:5, 6] = number
    wfdb.wrsamp(
        "rec", 500, ["mV"] * 12, list(LEADS), d_signal=numbers, fmt=[kind] * 12, adc_gain=[200.0] * 12,
        baseline=[0] * 12, write_dir=str(tmp_path),
    )  # fmt: skip
    assert np.isnan(of_wfdb(tmp_path / "rec.hea")).sum() == 3
    with pytest.raises(BadRecordError, match=r"rec\.hea: 3 samples are NaN or infinite \(lead aVL, V1\)"):
        melp.read(tmp_path / "rec")


def test_skewed_lead_ends_in_nan(tmp_path: Path) -> None:
    (tmp_path / "rec.dat").write_bytes(b"\x11" * 2400)
    lines = [f"rec.dat 16:{3 if lead == 'V2' else 0} 200/mV 12 0 0 0 0 {lead}" for lead in LEADS]
    (tmp_path / "rec.hea").write_text("\n".join(["rec 12 500 100", *lines]) + "\n")
    with pytest.raises(BadRecordError, match=r"3 samples are NaN or infinite \(lead V2\)"):
        melp.read(tmp_path / "rec")


def test_gain_near_0(tmp_path: Path) -> None:
    (tmp_path / "rec.dat").write_bytes(b"\x11" * 240)
    lines = [f"rec.dat 16 {'1e-300' if lead == 'V2' else 200}/mV 12 0 0 0 0 {lead}" for lead in LEADS]
    (tmp_path / "rec.hea").write_text("\n".join(["rec 12 500 10", *lines]) + "\n")
    with pytest.raises(BadRecordError, match=r"10 samples are NaN or infinite \(lead V2\)"):
        melp.read(tmp_path / "rec")


def compare(headers: list[Path]) -> None:
    for header in headers:
        ecg, record = melp.read(header), wfdb.rdrecord(str(header.with_suffix("")))
        assert ecg.rate == record.fs and ecg.meta["comments"] == tuple(record.comments)
        assert [name.upper() for name in record.sig_name] == [lead.upper() for lead in LEADS]
        assert np.array_equal(ecg.signal, record.p_signal.T.astype(np.float32)), header


def real_headers(recordings: Path) -> list[Path]:
    return sorted(
        header for corpus in ("ptb-xl", "cpsc2018", "csn") for header in (recordings / corpus).rglob("*.hea")
    )


@pytest.mark.data
def test_some_real_records(recordings: Path) -> None:
    headers = real_headers(recordings)
    few = [*headers[:: len(headers) // 25], *(recordings / "cpsc2018").glob("*.hea")]
    compare(few)
    assert all(keeps_identities(melp.read(header).signal[:6]) for header in few)


@pytest.mark.slow
@pytest.mark.data
def test_all_real_records(recordings: Path) -> None:
    headers = real_headers(recordings)
    assert len(headers) > 2800
    compare(headers)
