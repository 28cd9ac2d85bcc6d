"""Print tables."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from numbers import Number


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print a table.

    In a terminal, long texts wrap, except in the first column, and numbers are aligned to the right. In a
    pipe or a file, each row is one line of plain text with tabs between the columns, for `grep` and `cut`.
    """
    if not sys.stdout.isatty():
        if title:
            print(title)
        for cells in (columns, *rows):
            print(*(" ".join(str(cell).split()) for cell in cells), sep="\t")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, title=title or None, title_justify="left")
    rows = list(rows)
    for place, name in enumerate(columns):
        numeric = all(isinstance(row[place], Number) for row in rows)
        table.add_column(Text(name), no_wrap=place == 0, justify="right" if numeric else "left")
    for row in rows:
        # Text, because brackets in a string are markup.
        table.add_row(*(Text(str(cell)) for cell in row))
    Console().print(table)
