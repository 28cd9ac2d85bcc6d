"""docs/results: the tables are those of the committed cells, and every conclusion has its interval."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "results"
INTERVAL = re.compile(r"[+-]\d\.\d{3} \([+-]\d\.\d{3} to [+-]\d\.\d{3}\)")


@pytest.mark.parametrize("page", ["results/README.md", "quest.md"])
def test_every_difference_of_a_page_is_in_the_table(page: str) -> None:
    text = " ".join((PAGES.parent / page).read_text(encoding="utf-8").split())
    stated = INTERVAL.findall(text)
    assert stated
    table = (PAGES / "differences.md").read_text(encoding="utf-8")
    assert [one for one in stated if one not in table] == []


def test_all_tables_are_named_and_there() -> None:
    text = (PAGES / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\]\(([\w-]+\.(?:md|pdf))\)", text))
    assert named == {file.name for file in PAGES.iterdir() if file.suffix in (".md", ".pdf")} - {"README.md"}


@pytest.mark.slow
def test_tables_are_made_from_the_committed_cells() -> None:
    command = [sys.executable, ROOT / "benchmarks" / "paper_tables.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
