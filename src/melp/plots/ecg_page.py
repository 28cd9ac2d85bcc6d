"""Draw a page of ECG paper: grid, calibration, traces, lead names and the text around them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Stroke

from melp.plots.ecg_text import footer
from melp.plots.figures import GREY, INK, Picture
from melp.plots.layouts import Cell, Layout
from melp.plots.sheet import LINE, POINT, Sheet, draw_grid, make_sheet, place_rows, row_needs

__all__ = ["CHARACTER", "RIGHT", "Page", "draw_page"]

DPI = 254
"""10 pixels a mm, so that the lines of the grid are on whole pixels."""
CHARACTER = 1.6
"""Mean width of a character of the text in mm."""
RIGHT = 0.36
"""Where the right part of the header begins, as a share of the width of the grid."""

_TRACE, _TEXT, _NAME = 0.3 * POINT, 2.7 * POINT, 3.4 * POINT


@dataclass(frozen=True)
class Page:
    """A page with its places in mm: `x` of the time in a row, `y` of the amplitude."""

    figure: Picture
    axes: Axes
    sheet: Sheet
    layout: Layout
    baselines: list[float]
    speed: float
    gain: float

    def x(self, cell: Cell, seconds: Float[np.ndarray, " time"] | float) -> Float[np.ndarray, " time"]:
        """Return the place of times of the recording in the row of a cell."""
        return self.sheet.trace + self.speed * (np.asarray(seconds) - cell.line)

    def header(self, column: float, line: int) -> tuple[float, float]:
        """Return the place of a line above the grid; `column` is a share of the width of the grid."""
        sheet = self.sheet
        return max(sheet.left + column * (sheet.right - sheet.left), 1.5), sheet.text + LINE * line

    def text(self, x: float, y: float, text: str, size: float = _TEXT, **style: object) -> None:
        """Write text with its left end of the baseline at (x, y)."""
        self.axes.text(x, y, text, {"fontsize": size, "color": INK, **style})


def draw_page(
    layout: Layout,
    *,
    speed: float,
    gain: float,
    paper: str | None,
    title: str,
    left: Sequence[str],
    right: Sequence[str],
) -> Page:
    """Draw a page; the axes of the figure are in mm, from the upper left corner.

    Args:
        layout: the cells.
        speed: mm/s.
        gain: mm/mV.
        paper: "A4", "letter", or None for a sheet as large as the traces need.
        title: first line above the grid.
        left: further lines above the grid.
        right: lines on the right of these.
    """
    traces = [gain * _cut(layout, cell) for cell in layout.cells]
    needs = row_needs(*_extents(layout, traces, gain))
    header = [*([title] if title else []), *left]
    seconds = min(layout.seconds, max(cell.end - cell.line for cell in layout.cells))
    sheet = make_sheet(paper, speed, seconds, max(len(header), len(right)), needs)
    figure = Picture(figsize=(sheet.width / 25.4, sheet.height / 25.4), dpi=DPI, facecolor="white")
    figure.suppressComposite = True  # an image per layer
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, sheet.width), ylim=(sheet.height, 0))
    axes.set_axis_off()
    page = Page(figure, axes, sheet, layout, place_rows(sheet, needs, fit=paper is not None), speed, gain)
    draw_grid(axes, sheet)
    _header(page, header, right, bold=bool(title))
    for y in page.baselines:
        _calibration(page, y)
    beyond = [
        cell.lead for cell, trace in zip(layout.cells, traces, strict=True) if _trace(page, cell, trace)
    ]
    _footer(page, beyond, paper)
    return page


def _cut(layout: Layout, cell: Cell) -> Float[np.ndarray, " time"]:
    """Return the samples of a cell in mV around their median; none for a lead that is missing."""
    ecg = layout.ecg
    if cell.lead not in ecg.leads:
        return np.empty(0)
    samples = slice(round(cell.start * ecg.rate), round(cell.end * ecg.rate))
    trace = ecg.signal[ecg.leads.index(cell.lead), samples].astype(float)
    trace[~np.isfinite(trace)] = np.nan
    return trace - np.nanmedian(trace) if np.isfinite(trace).any() else np.empty(0)


def _extents(
    layout: Layout, traces: Sequence[Float[np.ndarray, " _"]], gain: float
) -> tuple[list[float], list[float]]:
    """Return the mm from the baseline of each row to its highest (of 1 mV at least) and its lowest point."""
    up, down = [gain] * layout.rows, [0.0] * layout.rows
    for cell, trace in zip(layout.cells, traces, strict=True):
        if trace.size:
            up[cell.row] = max(up[cell.row], float(np.nanmax(trace)))
            down[cell.row] = max(down[cell.row], float(-np.nanmin(trace)))
    return up, down


def _header(page: Page, left: Sequence[str], right: Sequence[str], *, bold: bool) -> None:
    for column, lines in ((0.0, left), (RIGHT, right)):
        for number, line in enumerate(lines):
            weight = "bold" if bold and not column and not number else "normal"
            page.text(*page.header(column, number), line, fontweight=weight)


def _footer(page: Page, beyond: Sequence[str], paper: str | None) -> None:
    sheet, layout = page.sheet, page.layout
    notes = list(layout.notes)
    if beyond:
        notes.append(f"cut at the edge: {', '.join(dict.fromkeys(beyond))}")
    text = footer(layout, page.speed, page.gain, notes)
    lines = textwrap.wrap(text, int((sheet.width - 2 * sheet.left - 4) / CHARACTER))
    first = sheet.height - 2.0 - 4.0 * (len(lines) - 1) if paper is None else sheet.bottom + 4.0
    for number, line in enumerate(lines):
        page.text(max(sheet.left, 1.5), first + 4.0 * number, line)


def _calibration(page: Page, baseline: float) -> None:
    """Draw a pulse of 1 mV and 0.2 s."""
    width = 0.2 * page.speed
    x = page.sheet.trace - (4 + width) + np.cumsum([0, 1.5, 0, width, 0, 1.5])
    y = baseline - page.gain * np.array([0, 0, 1, 1, 0, 0])
    page.axes.plot(x, y, color=INK, linewidth=_TRACE, gid="calibration")


def _trace(page: Page, cell: Cell, trace: Float[np.ndarray, " time"]) -> bool:
    """Draw a lead with its name; return whether it exceeds the grid."""
    sheet, rate, baseline = page.sheet, page.layout.ecg.rate, page.baselines[cell.row]
    left = float(page.x(cell, cell.start))
    if cell.start > cell.line:
        page.axes.plot(
            [left, left], [baseline - 4, baseline + 4], color=GREY, linewidth=_TRACE, gid="separator"
        )
    seconds = (round(cell.start * rate) + np.arange(len(trace))) / rate
    x, y = page.x(cell, seconds), baseline - trace
    (line,) = page.axes.plot(x, y, color=INK, linewidth=_TRACE, gid=f"trace-{cell.lead}")
    size = sheet.right - sheet.left, sheet.bottom - sheet.top
    line.set_clip_path(Rectangle((sheet.left, sheet.top), *size, transform=page.axes.transData))
    _name(page, cell, left, trace)
    return bool(trace.size) and bool(np.nanmin(y) < sheet.top or np.nanmax(y) > sheet.bottom)


def _name(page: Page, cell: Cell, left: float, trace: Float[np.ndarray, " time"]) -> None:
    """Write the name of a lead above the first 0.4 s of its trace, but below the row above."""
    begin = trace[: round(0.4 * page.layout.ecg.rate)]
    high = float(np.nanmax(begin, initial=0.0)) if np.isfinite(begin).any() else 0.0
    above, baseline = [page.sheet.top, *page.baselines][cell.row : cell.row + 2]
    y = baseline - min(max(6.5, high + 1.5), 13.0, 0.7 * (baseline - above))
    halo = [Stroke(linewidth=0.8 * POINT, foreground="white")]
    for zorder, effects in ((3, halo), (4, None)):
        page.text(left + 1.2, y, cell.lead, _NAME, fontweight="bold", zorder=zorder, path_effects=effects)
    if cell.line > page.layout.start and not cell.row % page.layout.rows_of_line:
        page.text(left + 1.2, baseline + 5.5, f"{cell.line:g} s", color=GREY)
    if not trace.size:
        page.text(left + 1.2, baseline, "no signal", color=GREY)
