"""Puts the committed result files into the pages that show them, between the comments that name them.

    python benchmarks/into_pages.py [--check]

`--check` changes nothing, and ends with exit code 1 where a page says something else than the files.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/methods.md")
BLOCK = re.compile(r"(<!-- from (benchmarks/results/\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """A page with every block as its file is now."""
    return BLOCK.sub(lambda found: found[1] + (ROOT / found[2]).read_text(encoding="utf-8") + found[4], text)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    for page in PAGES:
        before = (ROOT / page).read_text(encoding="utf-8")
        after = filled(before)
        if check and before != after:
            sys.exit(f"{page}: its numbers are not those of benchmarks/results")
        if not check:
            (ROOT / page).write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
