"""Which files of a folder are recordings."""

from __future__ import annotations

from pathlib import Path

import pytest

from melp.answers.sources import Reading, list_recordings
from melp.io.convert import list_files
from melp.io.folders import recordings_in

FILES = ("one.hea", "one.dat", "one.atr", "one.csv", "two.mat", "b/three.HEA", "b/three.DAT", "b/three.xyz")
HIDDEN = (".DS_Store", ".cache/four.csv", "b/.five.hea")
WANTED = ["b/three.HEA", "one.csv", "one.hea", "two.mat"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (*FILES, *HIDDEN):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_a_header_stands_for_its_own_files_only(folder: Path) -> None:
    assert [str(file.relative_to(folder)) for file in recordings_in(folder)] == WANTED


def test_answers_and_conversion_read_the_same_files(folder: Path) -> None:
    asked = [getattr(one, "id", None) for one in list_recordings(folder, Reading())]
    assert asked == [str(folder / name) for name in WANTED] == list(map(str, list_files(folder)))
