"""`melp convert`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import melp
from small_cli import Run, refused
from small_exports import cardiosoft, kardia, steps


def test_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_bytes(cardiosoft(steps()))
    out = tmp_path / "x.hea"
    code, text, _ = run("convert", tmp_path / "x.xml", "--out", out)
    assert code == 0 and text == f"{out}: 1 recordings converted\n"
    np.testing.assert_allclose(melp.read(out).signal, steps() * 0.00488, atol=2e-5)


def test_a_folder_with_a_broken_file(run: Run, tmp_path: Path) -> None:
    """The rest is done; the broken file is named at the end, and the exit code is 1."""
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (folder / "1.xml").write_bytes(cardiosoft(steps()))
    (folder / "2.atc").write_bytes(b"no recording")
    (folder / "3.atc").write_bytes(kardia(steps()[:1], lambda block: 0))
    code, text, err = run("convert", folder, "--to", "csv", "--out", out)
    assert code == 1
    warned = f"{folder / '3.atc'}: the checksums are of an unknown kind"
    assert text.splitlines() == [warned, f"{out}: 2 recordings converted"]
    assert f"not converted: 1\n{folder / '2.atc'}: text found" in err
    assert sorted(file.name for file in out.iterdir()) == ["1.csv", "3.csv"]


def test_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.atc").write_bytes(b"no recording")
    refused(run("convert", tmp_path / "x.atc", "--out", tmp_path / "x.npz"), "x.atc: text found")
    refused(
        run("convert", tmp_path / "x.atc", "--out", tmp_path / "x.doc"), "format '.doc' found, wanted wfdb"
    )
    refused(run("convert", tmp_path / "y", "--to", "npz", "--out", tmp_path / "z"), "no such file or folder")
