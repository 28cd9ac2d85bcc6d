"""An ECG on paper, exactly to scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypedDict, Unpack

from melp.ecg import ECG
from melp.errors import MelpError
from melp.plots.ecg_page import CHARACTER, Page, draw_page
from melp.plots.ecg_text import about, statements
from melp.plots.figures import Picture
from melp.plots.layouts import lay_out
from melp.plots.sheet import row_seconds

__all__ = ["PageOptions", "plot_ecg", "plot_pages"]

_SPEEDS, _GAINS = (25.0, 50.0), (5.0, 10.0, 20.0)
_STATEMENTS = int(175 / CHARACTER)
_LEAST_LEFT = 0.25  # s; a shorter rest of a recording has no page of its own


class PageOptions(TypedDict, total=False):
    """The options of `plot_ecg` that are common to all pages of a recording."""

    layout: str
    rhythm: str | Sequence[str] | None
    speed: float
    gain: float
    paper: str | None
    header: bool
    title: str


def plot_ecg(
    ecg: ECG,
    layout: str = "3x4",
    rhythm: str | Sequence[str] | None = "II",
    *,
    speed: float = 25,
    gain: float = 10,
    paper: str | None = "A4",
    header: bool = True,
    title: str = "",
    start: float = 0.0,
) -> Picture:
    """Draw one page of an ECG on paper, to scale when it is printed at 100 %.

    The rows are simultaneous; the columns of a row follow each other in time (in 3x4, the second column shows
    2.5 to 5 s of 10 s). Each trace has its median on the baseline of its row. Rows with tall waves get more
    of the height; a trace that is cut at the edge of the paper is named below the grid, as are leads that are
    missing or computed from I and II. With fewer than eight of the twelve leads, each lead has rows of its
    own: a recording of one lead is shown in up to nine rows, one after another in time.

    Args:
        ecg: the recording; any rate, any leads. NaN samples are gaps.
        layout: rows and columns: "3x4", "6x2" or "12x1".
        rhythm: leads of the full-length rows below 3x4 and 6x2: "II", "V1,II,V5", a sequence, or None.
        speed: 25 or 50 mm/s. A row on A4 and letter has 10 s at 25 mm/s, 5 s at 50 mm/s.
        gain: 5, 10 or 20 mm/mV.
        paper: "A4" or "letter", landscape; or None for a sheet as large as the rows need, for a screen.
        header: write what is known of the recording above the grid: age, sex, heart rate, filters and
            statements (`meta["age"]`, `"sex"`, `"heart_rate"`, `"filters"`, `"statements"`); never a name.
        title: first line above the grid.
        start: second of the recording at which the page begins; see `plot_pages` for all pages.

    Raises:
        MelpError: an option has an unknown value, or `start` is not within the recording.
    """
    page = ecg_page(
        ecg, layout, rhythm, speed=speed, gain=gain, paper=paper, header=header, title=title, start=start
    )
    return page.figure


def plot_pages(ecg: ECG, **options: Unpack[PageOptions]) -> Iterator[Picture]:
    """Draw all of a recording, one page after another; the options are those of `plot_ecg`.

    The last page of twelve leads ends at the end of the recording, so that it may repeat part of the page
    before. A rest of at most 0.25 s has no page.
    """
    seconds = row_seconds(options.get("paper", "A4"), options.get("speed", 25))
    start, lines = 0.0, 1
    while start == 0 or start + _LEAST_LEFT < ecg.seconds:
        if lines == 1:
            start = max(0.0, min(start, ecg.seconds - seconds))
        page = ecg_page(ecg, start=start, **options)
        lines = page.layout.lines
        start += lines * seconds
        yield page.figure


def ecg_page(
    ecg: ECG,
    layout: str = "3x4",
    rhythm: str | Sequence[str] | None = "II",
    *,
    speed: float = 25,
    gain: float = 10,
    paper: str | None = "A4",
    header: bool = True,
    title: str = "",
    start: float = 0.0,
    right: Sequence[str] | None = None,
) -> Page:
    """Draw a page as `plot_ecg` does, and return it with its places; `right` replaces the statements."""
    for name, value, allowed in (("speed", speed, _SPEEDS), ("gain", gain, _GAINS)):
        if value not in allowed:
            raise MelpError(f"{name}: found {value:g}, wanted {', '.join(f'{each:g}' for each in allowed)}")
    cells = lay_out(ecg, layout, rhythm, row_seconds(paper, speed), start)
    left = about(ecg) if header else []
    if right is None:
        right = statements(ecg.meta.get("statements", ()), _STATEMENTS) if header else []
    return draw_page(cells, speed=speed, gain=gain, paper=paper, title=title, left=left, right=right)
