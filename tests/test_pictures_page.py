"""docs/pictures.md: its Python runs and writes the pictures that it shows."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_writes_its_pictures(tmp_path: Path) -> None:
    shown = set(re.findall(r"!\[.*?\]\(pictures/(.*?)\)", (DOCS / "pictures.md").read_text()))
    runpy.run_path(str(DOCS / "pictures.py"))["write_pictures"](tmp_path)
    written = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert set(written) == shown == {file.name for file in (DOCS / "pictures").iterdir()}
    for name, size in written.items():
        committed = DOCS / "pictures" / name
        assert 5_000 < committed.stat().st_size < 300_000
        assert abs(size / committed.stat().st_size - 1) < 0.1, f"{name} is of another version of the page"
