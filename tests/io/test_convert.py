"""Folders of recordings of several formats, with broken files among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from melp.ecg import ECG
from melp.errors import MelpError
from melp.io import read_file
from melp.io.convert import convert, list_files
from melp.io.write import write
from small_exports import cardiosoft, kardia, sapphire, steps, table, watch

BROKEN = {
    "a/cut.atc": kardia(steps())[:900],
    "b/notes.txt": b"remember the milk",
    "c/empty.xml": b"",
    "zipped.zip": b"PK\x03\x04rest",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "a/one.xml": cardiosoft(steps()),
        "a/two.csv": table(steps()).encode(),
        "b/one.xml": sapphire(steps()),
        "b/watch.csv": watch(steps()[0], "de", ","),
        "b/watch.atc": kardia(steps()[:1]),
        ".hidden/x.xml": b"<a/>",
        **BROKEN,
    }
    for name, content in files.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    write(ECG(steps() / 1000, 500), tmp_path / "in" / "c" / "rec", "wfdb")
    return tmp_path / "in"


def test_a_mixed_folder(folder: Path) -> None:
    out = folder.with_name("out")
    done = convert(folder, out, "npz")
    names = [(str(file.relative_to(folder)), str(target.relative_to(out))) for file, target in done.files]
    assert names == [
        ("a/one.xml", "a/one.npz"),
        ("a/two.csv", "a/two.npz"),
        ("b/one.xml", "b/one.npz"),
        ("b/watch.atc", "b/watch_atc.npz"),
        ("b/watch.csv", "b/watch_csv.npz"),
        ("c/rec.hea", "c/rec.npz"),
    ]
    for file, target in done.files:
        before, after = read_file(file), read_file(target)
        assert np.array_equal(after.signal, before.signal)
        assert (after.leads, after.rate) == (before.leads, before.rate)
    assert [str(file.relative_to(folder)) for file, _ in done.failed] == list(BROKEN)
    reasons = [reason for _, reason in done.failed]
    assert "that ends after the file" in reasons[0] and "text found" in reasons[1]
    assert "empty" in reasons[2] and "a zip archive" in reasons[3]
    written = {file for file in out.rglob("*") if file.is_file()}
    assert written == {target for _, target in done.files}


def test_again_and_with_other_content(folder: Path) -> None:
    out = folder.with_name("out")
    first = convert(folder, out, "npz")
    assert convert(folder, out, "npz") == first
    (folder / "a" / "two.csv").write_text(table(steps() + 1))
    again = convert(folder, out, "npz")
    assert [str(file.relative_to(folder)) for file, _ in again.failed][:2] == ["a/cut.atc", "a/two.csv"]
    assert "another content found" in again.failed[1][1]


def test_options_reach_the_reader(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(table(steps(), unit="", time=None))
    with pytest.raises(MelpError, match="no unit of the samples"):
        convert(tmp_path / "x.csv", tmp_path / "x.npz", "")
    convert(tmp_path / "x.csv", tmp_path / "x.npz", "", ["V1", "II"], 250, "uV")
    ecg = read_file(tmp_path / "x.npz")
    assert ecg.leads == ("II", "V1") and ecg.rate == 250
    np.testing.assert_allclose(ecg.signal, steps()[[1, 6]] / 1000, atol=1e-6)


def test_nothing_to_convert(folder: Path) -> None:
    with pytest.raises(MelpError, match="in the folder of the recordings"):
        convert(folder, folder / "out", "npz")
    (folder.parent / "none").mkdir()
    for missing, message in (("none", "no files found"), ("absent", "no such file or folder")):
        with pytest.raises(MelpError, match=message):
            list_files(folder.parent / missing)
