"""`melp plot`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from melp import ECG
from melp.io.write import write
from small_cli import Run, refused


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    file = tmp_path / "long.npz"
    signal = np.random.default_rng(0).normal(0, 0.2, (12, 22 * 100)).astype(np.float32)
    write(ECG(signal, 100), file)
    return file


def test_all_pages_are_written(run: Run, recording: Path, tmp_path: Path) -> None:
    options = ("--layout", "6x2", "--rhythm", "none")
    code, out, _ = run("plot", recording, "--out", tmp_path / "page.png", *options)
    assert code == 0
    assert [Path(line).name for line in out.split()] == ["page-1.png", "page-2.png", "page-3.png"]
    assert run("plot", recording, "--out", tmp_path / "all.pdf")[0] == 0
    assert (tmp_path / "all.pdf").read_bytes().count(b"/Type /Page ") == 3


def test_what_cannot_be_drawn_is_one_line(run: Run, recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.png"
    refused(run("plot", recording, "--out", out, "--speed", "30"), "speed")
    assert not out.exists()
