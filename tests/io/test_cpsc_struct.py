"""The original form of CPSC 2018: MATLAB files with a struct, written by scipy and by MATLAB."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import melp
from melp.ecg import LEADS, BadRecordError
from melp.io.matlab import is_matlab5, read_variables
from melp.lead_order import check_lead_order
from small_ptb_xl import beats, write_record


def write_struct(path: Path, fields: dict[str, Any], compress: bool = False) -> Path:
    scipy.io.savemat(path, {"ECG": fields}, do_compression=compress)
    return path


def millivolts() -> np.ndarray:
    return beats(1, seconds=2) / 1000 + 1e-7


@pytest.mark.parametrize("compress", [False, True])
def test_round_trip(tmp_path: Path, compress: bool) -> None:
    fields = {"sex": "Female", "age": 74, "data": millivolts()}
    ecg = melp.read(write_struct(tmp_path / "A0001.mat", fields, compress))
    assert (ecg.rate, ecg.leads) == (500, LEADS)
    assert np.array_equal(ecg.signal, millivolts().astype(np.float32))
    assert dict(ecg.meta) == {"path": str(tmp_path / "A0001.mat"), "age": 74.0, "sex": "female"}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    data=arrays(
        st.sampled_from([np.float64, np.float32, np.int16, np.int32, np.uint8]),
        (12, 7),
        elements=st.integers(0, 99),
    ),
    text=st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), min_size=1, max_size=9),
    compress=st.booleans(),
)
def test_fields_equal_scipy(
    tmp_path_factory: pytest.TempPathFactory, data: np.ndarray, text: str, compress: bool
) -> None:
    path = write_struct(tmp_path_factory.mktemp("struct") / "x.mat", {"data": data, "text": text}, compress)
    expected = scipy.io.loadmat(path)["ECG"][0, 0]
    fields = read_variables(path.read_bytes())
    assert np.array_equal(fields["ECG/data"], expected["data"])
    assert fields["ECG/data"].dtype == expected["data"].dtype
    assert fields["ECG/text"] == text


def test_other_arrays_and_big_endian_files(tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    scipy.io.savemat(
        path, {"first": np.eye(3), "ECG": {"data": np.ones((12, 2)), "cell": np.array([[1, "a"]], object)}}
    )
    assert set(read_variables(path.read_bytes())) == {"first", "ECG/data"}
    assert is_matlab5(path)
    path.write_bytes(big_endian(np.arange(24.0).reshape(12, 2)))
    assert is_matlab5(path)
    assert np.array_equal(melp.read(path).signal, np.arange(24).reshape(12, 2))
    assert np.array_equal(scipy.io.loadmat(path)["ECG"]["data"][0, 0], np.arange(24).reshape(12, 2))


def big_endian(data: np.ndarray) -> bytes:
    """Return a big-endian file, built element by element."""

    def element(kind: int, content: bytes) -> bytes:
        return struct.pack(">II", kind, len(content)) + content + b"\0" * (-len(content) % 8)

    def array(kind: int, shape: tuple[int, int], name: bytes, rest: bytes) -> bytes:
        start = element(6, struct.pack(">II", kind, 0)) + element(5, struct.pack(">ii", *shape))
        return element(14, start + element(1, name) + rest)

    numbers = array(6, data.shape, b"", element(9, data.astype(">f8").tobytes(order="F")))
    fields = struct.pack(">HHi", 4, 5, 5) + element(1, b"data\0") + numbers
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI" + array(2, (1, 1), b"ECG", fields)


def test_content_decides_the_kind_of_mat_file(tmp_path: Path) -> None:
    microvolt = beats(2, seconds=1)
    matlab4 = struct.pack("<5i", 30, 12, microvolt.shape[1], 0, 4) + b"val\0"
    (tmp_path / "rec.mat").write_bytes(matlab4 + microvolt.T.astype("<i2").tobytes())
    lines = [
        f"rec 12 500 {microvolt.shape[1]}",
        *(f"rec.mat 16+24 1000/mV 16 0 0 0 0 {lead}" for lead in LEADS),
    ]
    (tmp_path / "rec.hea").write_text("\n".join(lines))
    assert np.array_equal(np.rint(melp.read(tmp_path / "rec.mat").signal * 1000), microvolt)
    # With a header in the same folder, a struct is still read as a struct.
    write_struct(tmp_path / "rec.mat", {"data": millivolts()})
    assert np.array_equal(melp.read(tmp_path / "rec.mat").signal, millivolts().astype(np.float32))
    with pytest.raises(BadRecordError, match=r"rec\.mat: a MATLAB 5 file, not the samples of rec\.hea"):
        melp.read(tmp_path / "rec.hea")


def refusal(path: Path) -> tuple[str, str]:
    with pytest.raises(BadRecordError) as caught:
        melp.read(path)
    return str(caught.value).replace(f"{path}: ", ""), caught.value.reason


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sex": "Male", "val": np.ones((12, 5))}, "no numbers ECG.data; fields found 'sex, val'"),
        ({"data": "twelve leads"}, "no numbers ECG.data; fields found 'data'"),
        ({"data": np.ones((12, 5)) * 1j}, "arrays 'none' found, wanted one named signal"),
        ({"data": np.ones((5, 12))}, "ECG.data of shape (5, 12), wanted [12 leads, time]"),
        ({"data": np.zeros((12, 5))}, "all samples are zero"),
        ({"data": np.ones((12, 0))}, "no samples"),
        ({"data": np.full((12, 5), np.nan)}, f"60 samples are NaN or infinite (lead {', '.join(LEADS)})"),
        ({"data": np.full((12, 1), 1e300)}, f"12 samples are NaN or infinite (lead {', '.join(LEADS)})"),
    ],
)
def test_unusable_recordings(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    assert refusal(write_struct(tmp_path / "x.mat", fields))[0] == message


@pytest.mark.parametrize(
    ("fields", "meta"),
    [
        ({"age": 52, "sex": "Male"}, {"age": 52.0, "sex": "male"}),
        ({"age": np.nan, "sex": "unknown"}, {}),
        ({"age": -1, "sex": 1}, {"unread": ["age", "sex"]}),
        ({"age": "52", "sex": "m"}, {"age": 52.0, "sex": "male"}),
        ({"age": np.array([[1, 2]])}, {"unread": ["age"]}),
        ({}, {}),
    ],
)
def test_age_and_sex(tmp_path: Path, fields: dict[str, Any], meta: dict[str, Any]) -> None:
    path = write_struct(tmp_path / "x.mat", {"data": millivolts(), **fields})
    assert melp.read(path).meta == {"path": str(path), **meta}


def test_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, {"signal": np.eye(3)})
    assert refusal(path) == (
        "no names of leads found for a signal of shape [3, 3], wanted them in order (--leads I,II,...)",
        "unknown leads",
    )
    scipy.io.savemat(path, {"ECG": np.eye(3)})
    assert refusal(path)[0].startswith("no names of leads found for a signal of shape [3, 3]")
    scipy.io.savemat(path, {"ECG": np.zeros((2, 3), [("data", "O")])})
    assert refusal(path)[0] == "arrays 'none' found, wanted one named signal"
    whole = write_struct(path, {"data": millivolts()}).read_bytes()
    path.write_bytes(whole[:-9])
    assert refusal(path) == ("cut short", "unreadable")
    whole = write_struct(path, {"data": millivolts()}, compress=True).read_bytes()
    path.write_bytes(whole[:-9])
    assert refusal(path) == ("cut short", "unreadable")
    path.write_bytes(whole[:128])
    assert refusal(path) == ("arrays 'none' found, wanted one named signal", "unreadable")


def test_decompression_is_bounded(tmp_path: Path) -> None:
    bomb = zlib.compress(b"\0" * 10**7, 9)
    path = tmp_path / "x.mat"
    path.write_bytes(b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 15, len(bomb)) + bomb)
    assert refusal(path) == ("cut short, or over 100 times its size unpacked", "unreadable")


@pytest.mark.data
def test_real_files_equal_scipy(recordings: Path) -> None:
    files = sorted((recordings / "cpsc2018-original").glob("*.mat"))
    assert len(files) >= 3
    for file in files:
        ecg, expected = melp.read(file), scipy.io.loadmat(file)["ECG"][0, 0]
        assert np.array_equal(ecg.signal, expected["data"].astype(np.float32))
        assert ecg.meta["age"] == expected["age"].item() and ecg.meta["sex"] == expected["sex"].item().lower()
        assert check_lead_order(ecg) == []


@pytest.mark.data
def test_physionet_records_as_structs(recordings: Path, tmp_path: Path) -> None:
    headers = sorted((recordings / "cpsc2018").glob("*.hea"))
    assert len(headers) >= 10
    for header in headers:
        ecg = melp.read(header)
        comments = dict(line.split(": ") for line in ecg.meta["comments"])
        fields = {
            "sex": comments["Sex"],
            "age": float(comments["Age"]),
            "data": ecg.signal.astype(np.float64),
        }
        same = melp.read(write_struct(tmp_path / header.with_suffix(".mat").name, fields, compress=True))
        assert np.array_equal(same.signal, ecg.signal) and same.rate == ecg.rate
        assert same.meta["sex"] == comments["Sex"].lower()


def test_mat_file_without_header(tmp_path: Path) -> None:
    write_record(tmp_path / "rec", beats(1, seconds=1))
    (tmp_path / "rec.dat").rename(tmp_path / "lonely.mat")
    assert refusal(tmp_path / "lonely.mat") == ("no WFDB header lonely.hea beside it", "missing file")
