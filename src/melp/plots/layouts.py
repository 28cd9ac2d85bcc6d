"""Which lead is shown where, and from which second to which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from melp.ecg import ECG
from melp.errors import MelpError
from melp.leads import LEADS, available_leads, normalise_lead_name

__all__ = ["LAYOUTS", "Cell", "Layout", "lay_out"]

LAYOUTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "3x4": (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6")),
    "6x2": tuple(zip(LEADS[:6], LEADS[6:], strict=True)),
    "12x1": tuple((lead,) for lead in LEADS),
}
"""The leads of each row. The rows are simultaneous; the columns follow each other in time."""

_ENOUGH = 8  # of the twelve leads, for a layout of twelve
_ROWS = 9  # on a page with few leads


@dataclass(frozen=True)
class Cell:
    """A lead in a row, between two seconds of the recording; its row begins at second `line`."""

    row: int
    lead: str
    line: float
    start: float
    end: float


@dataclass(frozen=True)
class Layout:
    """The cells of a page.

    Attributes:
        cells: the cells, row by row.
        ecg: the recording with the leads that are shown; some may have been computed.
        lines: how often the leads are repeated below each other, each time for the seconds that follow.
        seconds: the most that a row can show.
        start: second of the recording at which the page begins.
        notes: what a reader has to know: leads that are missing, computed or not shown.
    """

    cells: tuple[Cell, ...]
    ecg: ECG
    lines: int
    seconds: float
    start: float
    notes: tuple[str, ...]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return 1 + max(cell.row for cell in self.cells)

    @property
    def rows_of_line(self) -> int:
        """The number of rows that are simultaneous."""
        return 1 + max(cell.row for cell in self.cells if cell.line == self.start)

    @property
    def end(self) -> float:
        """Second of the recording at which the page ends."""
        return max(cell.end for cell in self.cells)


def lay_out(
    ecg: ECG, layout: str, rhythm: str | Sequence[str] | None, seconds: float, start: float = 0.0
) -> Layout:
    """Return the layout of a page that begins at second `start` and whose rows hold up to `seconds`.

    With at least eight of the twelve leads, the page has the layout that is asked for; III, aVR, aVL and aVF
    are computed from I and II if they are missing. With fewer, each lead has rows of its own, repeated for
    the seconds that follow (one lead: up to nine rows).

    Raises:
        MelpError: unknown layout or rhythm lead, or `start` is not within the recording.
    """
    if layout not in LAYOUTS:
        raise MelpError(f"layout: found {layout!r}, wanted {', '.join(LAYOUTS)}")
    if not 0 <= start < ecg.seconds:
        raise MelpError(
            f"start: found {start:g} s, wanted a second of the recording (0 to {ecg.seconds:g} s)"
        )
    strips = _rhythm_leads(rhythm)
    available = available_leads(ecg.leads)
    if len(available) < _ENOUGH:
        leads = ecg.leads[: len(LEADS)]
        lines = max(1, _ROWS // len(leads))
        cells = tuple(_repeated(leads, lines, seconds, start, ecg.seconds))
        return Layout(cells, ecg, lines, seconds, start, _notes(ecg, leads, leads))
    end = min(start + seconds, ecg.seconds)
    shown = ecg.select(available)
    rows = [*LAYOUTS[layout], *((lead,) for lead in strips if layout != "12x1" and lead in available)]
    cells = tuple(
        Cell(row, lead, start, *_part(start, end, column, len(leads)))
        for row, leads in enumerate(rows)
        for column, lead in enumerate(leads)
    )
    return Layout(cells, shown, 1, seconds, start, _notes(ecg, LEADS, available))


def _rhythm_leads(rhythm: str | Sequence[str] | None) -> list[str]:
    """Parse "II", "V1,II", ("V1", "II") or None."""
    names = rhythm.split(",") if isinstance(rhythm, str) else list(rhythm or ())
    leads = [normalise_lead_name(name) for name in names if name.strip()]
    if None in leads:
        raise MelpError(f"rhythm: found {', '.join(names)}, wanted names of the 12 leads")
    return [str(lead) for lead in leads]


def _part(start: float, end: float, number: int, parts: int) -> tuple[float, float]:
    length = (end - start) / parts
    return start + number * length, start + (number + 1) * length


def _repeated(leads: Sequence[str], lines: int, seconds: float, start: float, end: float) -> Iterator[Cell]:
    for number in range(lines):
        line = start + number * seconds
        for row, lead in enumerate(leads, number * len(leads)):
            if line < end:
                yield Cell(row, lead, line, line, min(line + seconds, end))


def _notes(ecg: ECG, wanted: Sequence[str], available: Sequence[str]) -> tuple[str, ...]:
    groups = {
        "missing": [lead for lead in wanted if lead not in available],
        "computed from I and II": [
            lead for lead in available if lead not in ecg.leads or lead in ecg.meta.get("derived", ())
        ],
        "not shown": [lead for lead in ecg.leads if lead not in wanted],
    }
    return tuple(f"{what}: {', '.join(leads)}" for what, leads in groups.items() if leads)
