"""Committed tables are those that the benchmarks write from committed rows, and pages show these tables."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
ROWS = {
    "ablation.md", "comparison.md", "comparison_clocs.md", "defects.md", "defects_csn.md",
    "intervals.md", "laptop.md", "methods.md", "metric_intervals.md", "negation.md",
    "questions_generation.md", "questions_identification.md", "questions_prompts.md",
    "questions_retrieval.md", "questions_robustness.md", "questions_transfer.md",
}  # fmt: skip


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import tables

    return tables


def test_tables_are_made_from_rows(tables: ModuleType) -> None:
    assert set(tables.TABLES) == ROWS
    for name, table in tables.TABLES.items():
        assert table() == (RESULTS / name).read_text(encoding="utf-8"), name


def test_pages_show_the_tables(tables: ModuleType) -> None:
    shown = set()
    for page in tables.PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        assert tables.filled(text) == text, page
        shown |= {Path(file).name for _, file, _, _ in tables.BLOCK.findall(text)}
    assert shown == ROWS


def test_every_page_with_a_table_is_checked(tables: ModuleType) -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert set(tables.PAGES) == {
        str(page.relative_to(ROOT)) for page in pages if tables.BLOCK.search(page.read_text())
    }


def test_a_changed_page_is_noticed(
    tables: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("benchmarks/results", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name)
    readme = tmp_path / "README.md"
    # Any number of a table that the page shows.
    readme.write_text(re.sub(r"\| 0\.\d{3} \(", "| 0.111 (", (ROOT / "README.md").read_text(), count=1))
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    monkeypatch.setattr(tables, "RESULTS", tmp_path / "benchmarks" / "results")
    monkeypatch.setattr(sys, "argv", ["tables.py", "--check"])
    with pytest.raises(SystemExit, match=r"README\.md"):
        tables.main()
    monkeypatch.setattr(sys, "argv", ["tables.py"])
    tables.main()
    assert readme.read_text() == (ROOT / "README.md").read_text()


def test_a_changed_row_changes_its_table(tables: ModuleType, tmp_path: Path) -> None:
    from ablation import table

    shutil.copytree(RESULTS / "ablation", tmp_path / "rows")
    file = tmp_path / "rows" / "all-0.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        if (line["task"], line["metric"], line["fraction"]) == ("ptbxl-super", "auroc_macro", 0):
            line["value"] = 0.5
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    before, after = table().splitlines(), table(tmp_path / "rows").splitlines()
    changed = [row for row, other in zip(after, before, strict=True) if row != other]
    assert len(changed) == 1 and changed[0].startswith("| all | ") and "(0.500 to " in changed[0]


def test_every_script_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", "1")  # set by loading_speed
    for script in sorted((ROOT / "benchmarks").glob("*.py")):
        assert importlib.import_module(script.stem).__doc__, script
