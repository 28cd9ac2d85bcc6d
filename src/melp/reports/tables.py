"""Tables that come with the package: tab-separated, comments behind "#"."""

from __future__ import annotations

from importlib import resources


def read_table(name: str, columns: int) -> list[list[str]]:
    """Rows of `<name>.tsv` beside this file, each filled up with empty cells to the number of columns."""
    text = resources.files("melp.reports").joinpath(f"{name}.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return [row + [""] * (columns - len(row)) for row in rows]
