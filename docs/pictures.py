"""Write the pictures of docs/pictures.md: `python docs/pictures.py [FOLDER]` (default: docs/pictures)."""

from __future__ import annotations

import re
import sys
from pathlib import Path

PAGE = Path(__file__).with_suffix(".md")


def write_pictures(folder: Path) -> None:
    """Run the Python of the page; `path` is the folder in which it saves the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    exec(compile("\n".join(blocks), str(PAGE), "exec"), {"path": folder})


if __name__ == "__main__":
    write_pictures(Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE.with_suffix(""))
