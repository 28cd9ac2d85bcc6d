"""What `melp` returns, and the check that it refuses its input."""

from __future__ import annotations

from collections.abc import Callable

Result = tuple[int, str, str]
"""Exit code, standard output and standard error."""
Run = Callable[..., Result]

BARS = ("stage 1 ", "melp ", "listing ", "reading ", "simulating ", "converting ")


def refused(result: Result, message: str) -> None:
    """Assert exit code 2, no output, and one line on stderr, after progress bars, that contains `message`."""
    code, out, err = result
    assert (code, out) == (2, ""), err
    *before, last = err.splitlines()
    assert last.startswith("melp: ") and message in last, err
    assert all(line.startswith(BARS) for line in before), err
