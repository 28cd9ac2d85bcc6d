"""The parser of headers: against headers case from known fields, against wfdb, and against bad lines."""

from __future__ import annotations

from pathlib import Path

import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from melp.ecg import BadRecordError
from melp.io.wfdb_header import Header, Segment, Signal, parse_header, read_header

GAINS = ["200", "1000", "1000.0", "-1000", "204.7", "0", "0.0", "1e3", "1.5e-2", "4.88e+2", ".5"]
RATES = ["100", "250.5", "360.0", "500", "1000"]
UNITS = ["mV", "uV", "V", "mmHg", "NU", "%"]
NAMES = ["I", "aVR", "V6", "ECG lead II", "resp (chest)", "12 leads", "MDC_ECG_LEAD_I"]
COUNTERS = ["", "/250", "/500.5", "/1(0)", "/360(-12.5)", "(10)"]
small = st.integers(-(2**15), 2**15 - 1)


def optional(draw: st.DrawFn, values: st.SearchStrategy) -> object:
    return draw(st.none() | values)


@st.composite
def signal_lines(draw: st.DrawFn) -> tuple[str, Signal]:
    file = draw(st.from_regex(r"\A[A-Za-z0-9_-]{1,8}\.(dat|mat)\Z"))
    kind = draw(st.sampled_from(["8", "16", "24", "32", "61", "80", "160", "212", "310", "311", "516"]))
    frame, skew = optional(draw, st.integers(1, 20)), optional(draw, st.integers(0, 99))
    offset = optional(draw, st.integers(0, 4096))
    line = f"{file} {kind}"
    line += "" if frame is None else f"x{frame}"
    line += "" if skew is None else f":{skew}"
    line += "" if offset is None else f"+{offset}"
    signal = Signal(file, kind, frame or 1, skew or 0, offset or 0, 200.0, 0, "mV", "")
    gain = optional(draw, st.sampled_from(GAINS))
    if gain is None:
        return line, signal
    baseline, unit = optional(draw, small), optional(draw, st.sampled_from(UNITS))
    line += f" {gain}"
    line += "" if baseline is None else f"({baseline})"
    line += "" if unit is None else f"/{unit}"
    signal = signal._replace(gain=float(gain) or 200.0, baseline=baseline or 0, unit=unit or "mV")
    # Resolution, ADC zero, first value, checksum, size of a block, name: each requires those before it.
    numbers = draw(st.lists(small, max_size=5))
    numbers = [abs(number) if place in (0, 4) else number for place, number in enumerate(numbers)]
    gap = draw(st.sampled_from([" ", "\t", "  "]))
    line += "".join(f"{gap}{number}" for number in numbers)
    zero = numbers[1] if len(numbers) > 1 else 0
    signal = signal._replace(initial=numbers[2] if len(numbers) > 2 else zero)
    if baseline is None:
        signal = signal._replace(baseline=zero)
    if len(numbers) > 3:
        signal = signal._replace(checksum=numbers[3] % 2**16)
    if len(numbers) == 5:
        name = draw(st.sampled_from(["", *NAMES]))
        line, signal = f"{line}{gap}{name}", signal._replace(name=name)
    return line, signal


@st.composite
def headers(draw: st.DrawFn, further_rates: tuple[str, ...] = ()) -> tuple[str, Header]:
    signals = draw(st.lists(signal_lines(), min_size=1, max_size=4))
    name = draw(st.from_regex(r"\A[A-Za-z0-9_-]{1,10}\Z"))
    line, rate, samples = f"{name} {len(signals)}", "250", None
    if draw(st.booleans()):
        rate = draw(st.sampled_from([*RATES, *further_rates]))
        line += f" {rate}" + ("" if "/" in rate else draw(st.sampled_from(COUNTERS)))
        samples = optional(draw, st.integers(0, 10**9))
        if samples is not None:
            line += f" {samples}" + draw(st.sampled_from(["", " 12:33:59", " 10:43:00 12/06/2180"]))
    comments = draw(st.lists(st.sampled_from(["Age: 74", "Dx: 426783006,59118001", ""]), max_size=3))
    lines = ["# before the record line", "", line, *(text for text, _ in signals)]
    lines += [f"#{draw(st.sampled_from(['', ' ']))}{comment}" for comment in comments]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    header = Header(
        float(rate.partition("/")[0]), samples or None, tuple(signal for _, signal in signals), (),
        ("before the record line", *comments),
    )  # fmt: skip
    return end.join(lines) + draw(st.sampled_from(["", end])), header


@settings(max_examples=100, deadline=None, derandomize=True)
@given(case=headers(("5e2", "2.5E+02", "1e3/2.5e1(-1e3)")))
def test_round_trip(case: tuple[str, Header]) -> None:
    text, header = case
    assert parse_header(text.encode(), "case") == header


@settings(max_examples=60, deadline=None, derandomize=True)
@given(case=headers())
def test_equal_to_wfdb(tmp_path_factory: pytest.TempPathFactory, case: tuple[str, Header]) -> None:
    path = tmp_path_factory.mktemp("header") / "case.hea"
    path.write_bytes(case[0].encode())
    header, expected = read_header(path), wfdb.rdheader(str(path.with_suffix("")))
    assert (header.rate, header.samples) == (expected.fs, expected.sig_len or None)
    assert list(header.comments) == expected.comments
    for channel, signal in enumerate(header.signals):
        assert signal == Signal(
            expected.file_name[channel],
            expected.fmt[channel],
            expected.samps_per_frame[channel],
            expected.skew[channel] or 0,
            expected.byte_offset[channel] or 0,
            expected.adc_gain[channel],
            expected.baseline[channel],
            expected.units[channel],
            expected.sig_name[channel] or "",
            # wfdb starts from 0, the format from the ADC's zero, if there is no first sample.
            signal.initial if expected.init_value[channel] is None else expected.init_value[channel],
            None if expected.checksum[channel] is None else expected.checksum[channel] % 2**16,
        )


def test_defaults() -> None:
    assert parse_header(b"rec 1\nrec.dat 16\n", "rec") == Header(
        250.0, None, (Signal("rec.dat", "16", 1, 0, 0, 200.0, 0, "mV", ""),), (), ()
    )


@pytest.mark.parametrize(
    ("field", "gain", "baseline", "unit"),
    [
        ("200(0)/mV", 200.0, 0, "mV"),
        ("1000.0(-5)/mV 16 7", 1000.0, -5, "mV"),
        ("1000/uV 16 7", 1000.0, 7, "uV"),
        ("1000 11 1024 995 -22131 0 MLII", 1000.0, 1024, "mV"),
        ("0/mV 12 -3", 200.0, -3, "mV"),
        ("0(12)", 200.0, 12, "mV"),
    ],
)
def test_gain_and_baseline(field: str, gain: float, baseline: int, unit: str) -> None:
    signal = parse_header(f"rec 1 500\nrec.dat 16 {field}\n".encode(), "rec").signals[0]
    assert signal[5:8] == (gain, baseline, unit)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_non_ascii_text(encoding: str) -> None:
    header = parse_header("rec 1\nrec.dat 16 1/µV 0 0 0 0 0 Ä\n# größe\n".encode(encoding), "rec")
    assert (header.signals[0].unit, header.signals[0].name, header.comments) == ("µV", "Ä", ("größe",))


def test_names_end_at_a_tab() -> None:
    assert (
        parse_header(b"rec 1\nrec.dat 16 1/mV 0 0 0 0 0\tlead V1\tC 1\n", "rec").signals[0].name == "lead V1"
    )


def test_segments() -> None:
    header = parse_header(b"both/3 12 500 1200\none 600\n~ 100\ntwo 500\n", "both")
    assert header.segments == (Segment("one", 600), Segment("~", 100), Segment("two", 500))
    assert (header.signals, header.samples) == ((), 1200)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no record line"),
        ("# only a comment", "no record line"),
        ("rec", "record line 'rec', wanted a name and the number of signals"),
        ("rec -12 500", "record line 'rec -12 500', wanted a name and the number of signals"),
        ("rec 1 -500\nf 16", "sampling frequency '-500', wanted a number"),
        ("rec 1 nan\nf 16", "sampling frequency 'nan', wanted a number"),
        ("rec 1 0\nf 16", "sampling frequency 0 Hz, wanted 1 to 1e+06"),
        ("rec 1 99999999999999\nf 16", "sampling frequency 1e+14 Hz, wanted 1 to 1e+06"),
        ("rec 1 500 -1\nf 16", "number of samples '-1', wanted a whole number"),
        ("rec 1 500 1e12\nf 16", "number of samples '1e12', wanted a whole number"),
        (f"rec 1 500 {'9' * 5000}\nf 16", f"number of samples '{'9' * 57}...', wanted a whole number"),
        ("rec 2 500\nf 16", "1 signal lines, the record line says 2"),
        ("rec 1 500\nf", "signal line 'f', wanted file, format, gain(baseline)/unit ..."),
        ("rec 1\nf -16", "signal line 'f -16', wanted file, format, gain(baseline)/unit ..."),
        ("rec 1\nf 16 nan/mV", "signal line 'f 16 nan/mV', wanted file, format, gain(baseline)/unit ..."),
        (
            "rec 1\nf 16 1(1.5)/mV",
            "signal line 'f 16 1(1.5)/mV', wanted file, format, gain(baseline)/unit ...",
        ),
        ("rec 1\nf 16x0", "0 samples a frame in '16x0' of signal file 'f', wanted 1 or more"),
        ("rec 1\nf 16 1e999/mV", "gain 1e999/mV, wanted a finite number"),
        ("rec 1\npasswd/.. 16", "signal file 'passwd/..', wanted a name"),
        ("rec 1\n/etc/ 16", "signal file '/etc/', wanted a name"),
        ("rec 1\n.. 16", "signal file '..', wanted a name"),
        ("rec 1\nC:\\ 16", r"signal file 'C:\\', wanted a name"),
        ("rec 1\nf\0 16", r"control characters in line 'f\x00 16'"),
        ("rec/2 1\none 5", "1 segment lines, the record line says 2"),
        ("rec/0 1", "0 segment lines, the record line says 0"),
        ("rec/1 1\none -5", "segment line 'one -5', wanted a record and its number of samples"),
        ("rec/1 1\none/. 5", "segment 'one/.', wanted a name"),
        ("#" + "x" * 2**20, "over 1048576 bytes"),
    ],
)
def test_bad_lines(text: str, message: str) -> None:
    with pytest.raises(BadRecordError) as caught:
        parse_header(text.encode(), "rec.hea")
    assert (str(caught.value), caught.value.reason) == (
        f"rec.hea: not a readable WFDB record ({message})",
        "unreadable",
    )


@pytest.mark.parametrize(
    "line",
    ["rec " + "1" * 500_000 + "x", "rec 12 500/" + "1" * 500_000 + "x", "rec" + " " * 500_000 + "x"]
    + [f"rec 1\nf {kind}" for kind in ("1" * 500_000, "16 " + "1" * 500_000 + "x", "16" + " 1" * 250_000)],
)
def test_long_lines_take_little_time(line: str) -> None:
    """Patterns of quadratic time would run for hours."""
    try:
        parse_header(line.encode(), "rec.hea")
    except BadRecordError as error:
        assert len(str(error)) < 200


@pytest.mark.data
def test_real_headers(recordings: Path) -> None:
    header = read_header(recordings / "cpsc2018" / "A0001.hea")
    assert (header.rate, header.samples, len(header.signals)) == (500, 7500, 12)
    assert header.signals[5] == Signal("A0001.mat", "16", 1, 0, 24, 1000.0, 0, "mV", "aVF", -7, -1499 % 2**16)
    assert header.comments[:3] == ("Age: 74", "Sex: Male", "Dx: 59118001")


def first_line(line: str, source: str = "rec.hea") -> Header:
    return parse_header(f"{line}\nrec.dat 16 200 12 0 0 0 0 I\n".encode(), source)


@pytest.mark.parametrize(
    ("field", "rate"),
    [
        ("5e2", 500),
        ("5E+2", 500),
        ("2.5e+02", 250),
        ("5000e-1", 500),
        ("500/1e3", 500),
        ("500/-1.5e1(-2e2)", 500),
    ],
)
def test_rates_in_exponent_form(field: str, rate: float) -> None:
    header = first_line(f"rec 1 {field} 1000 12:00:00")
    assert (header.rate, header.samples) == (rate, 1000)


@pytest.mark.parametrize("end", [b"\x1a", b"\r\n\x1a", b"\x00\x00\x00", b"\n\x1a\x00\n", b"\x1a\x1a\x1a"])
def test_padding_after_the_text_is_ignored(end: bytes) -> None:
    lines = b"rec 1 500 10\r\nrec.dat 16 200 12 0 0 0 0 V1"
    assert parse_header(lines + end, "rec") == parse_header(lines, "rec")
    assert parse_header(lines + b"\n#Dx: 1" + end, "rec").comments == ("Dx: 1",)


def test_further_lines_are_counted_and_not_read() -> None:
    text = b"rec 1 500\nrec.dat 16 200 12 0 0 0 0 I\n#note\nother -1 ?\n\x07\n#last\n"
    header = parse_header(text, "rec")
    assert [signal.name for signal in header.signals] == ["I"] and header.further == 2
    assert header.comments == ("note", "last")
    segments = parse_header(b"both/2 12 500\none 600\ntwo 600\nthree\n", "both")
    assert segments.segments == (Segment("one", 600), Segment("two", 600)) and segments.further == 1


@pytest.mark.parametrize(
    ("name", "source", "segments"),
    [
        ("beats/00001", "x/00001.hea", 0), ("beats/0/00001_m", "00001_m.hea", 0), ("a.b/rec.v1", "f.hea", 0),
        ("rec/1", "rec.hea", 1), ("a/rec/1", "rec.hea", 1), ("1/1", "1.hea", 1), ("rec/1", "2.hea", 1),
    ],
)  # fmt: skip
def test_a_number_after_the_name_of_the_record(name: str, source: str, segments: int) -> None:
    header = parse_header(f"{name} 1 500\nrec.dat 16\n".encode(), source)
    assert (len(header.segments), len(header.signals)) == (segments, 1 - segments)


def test_folders_before_names_are_left_out() -> None:
    header = parse_header(b"d/rec 2 500\nd/e/rec.dat 16\nd\\f\\rec.dat 16\n", "rec")
    assert [signal.file for signal in header.signals] == ["rec.dat", "rec.dat"]
    assert parse_header(b"all/1 1 500\nd/one 5\n", "all").segments == (Segment("one", 5),)
