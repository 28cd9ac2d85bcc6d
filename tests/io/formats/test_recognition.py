"""Files that are not recordings are named, and formats are told by content, whatever the name is."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

import melp
import small_formats as small
from melp.errors import MelpError
from melp.io.formats import modules


def zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("a.dcm", content)
    return stream.getvalue()


def tarred(content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as file:
        entry = tarfile.TarInfo("a.scp")
        entry.size = len(content)
        file.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


OTHERS = {
    "a zip archive found, wanted the files in it: unpack it first": zipped(small.dicom()),
    "a gzip archive found, wanted the files in it: unpack it first": gzip.compress(small.scp()),
    "a tar archive found, wanted the files in it: unpack it first": tarred(small.scp()),
    "a PDF document": b"%PDF-1.7\n...",
    "a JPEG image": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "a PNG image": b"\x89PNG\r\n\x1a\n",
    "an empty file": b"",
    "unknown binary data": bytes(range(256)) * 9,
    "XML with the root 'html'": b"<!DOCTYPE html>\n<html lang='en'><body/></html>",
    "JSON": b'{"resourceType": "Patient"}',
    "text": b"Dear colleague,\nthank you for referring this patient.\n",
}


@pytest.mark.parametrize("found", OTHERS)
@pytest.mark.parametrize("name", ["x.dcm", "x.unknown"])
def test_other_files_are_named(found: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(OTHERS[found])
    with pytest.raises(MelpError) as caught:
        melp.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {found}") and "\n" not in message
    assert "archive" in found or ("found, wanted one of" in message and "SCP-ECG" in message)


def test_a_header_of_wfdb_needs_its_path() -> None:
    header = b"rec 1 500 300\nrec.dat 16 1000/mV 16 0 0 0 0 II\n"
    with pytest.raises(
        MelpError, match="bytes: a WFDB header found, wanted its path: the samples are in other files"
    ):
        melp.read(header)


def test_files_opened_as_text_and_folders(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_bytes(small.aecg())
    with (
        (tmp_path / "x.xml").open() as file,
        pytest.raises(MelpError, match="wanted one opened in binary mode"),
    ):
        melp.read(file)
    with pytest.raises(MelpError, match="a folder, wanted a recording"):
        melp.read(tmp_path)


def test_every_format_is_listed_and_matches_nothing_else(tmp_path: Path) -> None:
    listed = melp.list_formats()
    assert len({one.name for one in listed}) == len(listed) == len(list(modules()))
    assert {one.name: one.needs for one in listed}["DICOM"] == "pydicom"
    page = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
    assert [one.name for one in listed if f"| {one.name} |" not in page] == []
    from melp.io.source import Source

    writers = {
        "DICOM": small.dicom(),
        "EDF": small.edf(tmp_path),
        "ISHNE": small.ishne(tmp_path),
        "HL7 aECG": small.aecg(),
        "SCP-ECG": small.scp(),
        "MFER": small.mfer(preamble=False),
    }
    for name, content in writers.items():
        assert [one.NAME for one in modules() if one.matches(Source.of(content))] == [name]
    for content in OTHERS.values():
        assert [one.NAME for one in modules() if one.matches(Source.of(content))] == []
