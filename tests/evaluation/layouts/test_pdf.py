"""PDF of a table, with and without LaTeX."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from melp.evaluation.layouts.grid import INTERVAL, TITLE, VALUE, Grid, Line
from melp.evaluation.layouts.pdf import write_pdf
from melp.evaluation.layouts.render import latex


@pytest.fixture
def grid() -> Grid:
    heads = [("", "Global"), ("A task & 100%", "1 %"), ("A task & 100%", "10 %"), ("", "Seeds")]
    lines = [
        Line(TITLE, ["Ours", "", "", ""], [""] * 4),
        Line(VALUE, ["✓", "−7.00", "81.00", "2–3"], ["", "best", "second", ""]),
        Line(INTERVAL, ["", "66.0–73.0", "", ""], [""] * 4),
        Line(VALUE, ["my_model", "–", "81.00", ""], [""] * 4),
        Line(TITLE, ["Published", "", "", ""], [""] * 4),
    ]
    return Grid("The caption, 95 %.", 1, heads, lines, ["A note & a name_with_underscores.", "Another."])


def test_latex_compiles(grid: Grid, tmp_path: Path) -> None:
    if not shutil.which("pdflatex"):
        pytest.skip("no pdflatex")
    for name in ("a.pdf", "b.pdf"):
        write_pdf(latex(grid), grid, tmp_path / name)
    compiled = (tmp_path / "a.pdf").read_bytes()
    assert b"pdfTeX" in compiled and compiled == (tmp_path / "b.pdf").read_bytes()


def test_without_latex_the_pdf_is_drawn(
    grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    write_pdf(latex(grid), grid, tmp_path / "none.pdf")
    assert b"Matplotlib" in (tmp_path / "none.pdf").read_bytes() and not capsys.readouterr().err
    # A LaTeX that lacks a package.
    (tmp_path / "pdflatex").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "pdflatex").chmod(0o755)
    write_pdf(latex(grid), grid, tmp_path / "failed.pdf")
    assert capsys.readouterr().err.startswith("melp: pdflatex failed, so the PDF is drawn without it")
    assert (tmp_path / "failed.pdf").read_bytes() == (tmp_path / "none.pdf").read_bytes()
