"""Write the tables of committed rows again, and put them into the pages that show them.

    python benchmarks/tables.py [--check]

A page shows a table between the comments that name its file. `--check` changes nothing, and exits with 1 if a
table differs from its rows or a page from its tables.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import _interval_tables
import _metric_interval_tables
import _question_tables
import ablation
import comparison
import defects
import laptop
import negation
from _common import RESULTS, parser

import methods

ROOT = RESULTS.parents[1]
PAGES = (
    "README.md",
    "docs/choices.md",
    "docs/defects.md",
    "docs/methods.md",
    "docs/quest.md",
    "docs/questions.md",
)
BLOCK = re.compile(r"(<!-- from (benchmarks/results/\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
TABLES: dict[str, Callable[[], str]] = {
    "ablation.md": ablation.table,
    "comparison.md": lambda: comparison.table(RESULTS / "comparison.json"),
    "comparison_clocs.md": lambda: comparison.table(RESULTS / "comparison_clocs.json"),
    "defects.md": defects.table,
    "defects_csn.md": lambda: defects.table(RESULTS / "defects_csn"),
    "intervals.md": _interval_tables.table,
    "laptop.md": laptop.table,
    "metric_intervals.md": _metric_interval_tables.table,
    "methods.md": methods.table,
    "negation.md": negation.table,
    **_question_tables.TABLES,
}


def filled(page: str) -> str:
    """Return a page with every block as its file is now."""
    return BLOCK.sub(lambda block: block[1] + (ROOT / block[2]).read_text(encoding="utf-8") + block[4], page)


def write(file: Path, text: str, check: bool) -> None:
    """Write a file, or exit if it differs."""
    if check and file.read_text(encoding="utf-8") != text:
        sys.exit(f"{file.relative_to(ROOT)}: not what benchmarks/tables.py writes from benchmarks/results")
    if not check:
        file.write_text(text, encoding="utf-8")


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--check", action="store_true")
    check = options.parse_args().check
    for name, table in TABLES.items():
        write(RESULTS / name, table(), check)
    for page in PAGES:
        write(ROOT / page, filled((ROOT / page).read_text(encoding="utf-8")), check)


if __name__ == "__main__":
    main()
