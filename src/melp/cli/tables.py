"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence


def print_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints columns under their names; the first is never broken."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(names):
        table.add_column(name, no_wrap=number == 0)
    for row in rows:
        # Text as it is: brackets are no markup.
        table.add_row(*map(Text, row))
    Console().print(table)
