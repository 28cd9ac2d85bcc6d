"""A table as PDF, with LaTeX or without."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from melp.atomic import replacing
from melp.evaluation.layouts.grid import Grid
from melp.plots.figures import save
from melp.plots.table_page import plot_page

__all__ = ["write_pdf"]


def write_pdf(source: str, grid: Grid, file: Path) -> None:
    """Write a table as PDF: compiled by `pdflatex` if there is one, and otherwise drawn by matplotlib.

    Args:
        source: the LaTeX document.
        grid: the same table, to be drawn.
        file: the file to write.
    """
    with tempfile.TemporaryDirectory() as folder:
        compiled = _compile(source, Path(folder))
        if compiled is None:
            save(plot_page(grid), file)
            return
        with replacing(file) as partial:
            partial.write_bytes(compiled)


def _compile(source: str, folder: Path) -> bytes | None:
    """Return the PDF of a LaTeX document; None if there is no LaTeX or it lacks a package."""
    (folder / "table.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=batchmode", "-halt-on-error", "-no-shell-escape", "table.tex"]
    # The same bytes every time: without the date of today.
    undated = {**os.environ, "SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1"}
    try:
        subprocess.run(command, cwd=folder, env=undated, check=True, capture_output=True, timeout=120)
    except FileNotFoundError:
        return None
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(f"melp: pdflatex failed, so the PDF is drawn without it ({error})", file=sys.stderr)
        return None
    return (folder / "table.pdf").read_bytes()
