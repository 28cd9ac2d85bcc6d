"""Progress bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


def progress_bar(*columns: str | ProgressColumn, shown: bool = True) -> Progress:
    """Return a progress bar on standard error: description, bar, count, `columns` and the time remaining.

    Args:
        columns: further columns of rich, or format strings such as `"loss {task.fields[loss]}"`.
        shown: False for a bar that accepts updates and prints nothing.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    return Progress(
        "{task.description}", BarColumn(), MofNCompleteColumn(), *columns, TimeRemainingColumn(),
        console=Console(stderr=True), disable=not shown,
    )  # fmt: skip
