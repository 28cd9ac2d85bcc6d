"""Shade stretches of time on a page of ECG paper."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from melp.plots.ecg_page import RIGHT, Page
from melp.plots.figures import GREY
from melp.plots.sheet import POINT

__all__ = ["draw_scale", "shade"]

_SHADE, _DEEPEST = "#1d6fb8", 0.5  # color, and opacity at depth 1
_SCALE = 30.0, 2.6  # mm; size of the scale of shades


def shade(
    page: Page,
    edges: Float[np.ndarray, " edge"],
    depths: Float[np.ndarray, " frame"],
    *,
    gid: str,
) -> None:
    """Shade stretches of time on all rows.

    Args:
        page: the page.
        edges: second of the recording at which each stretch begins, and the end of the last one.
        depths: depth of each stretch from 0 (blank) to 1.
        gid: id of the image in an SVG.
    """
    layout, sheet = page.layout, page.sheet
    middles = np.add(page.baselines[1:], page.baselines[:-1]) / 2
    limits = [sheet.top, *middles[layout.rows_of_line - 1 :: layout.rows_of_line], sheet.bottom]
    shades = _shades(depths)
    for number, (top, bottom) in enumerate(pairwise(limits)):
        cells = [cell for cell in layout.cells if cell.row == number * layout.rows_of_line]
        inside = np.clip(edges, cells[0].start, cells[-1].end)
        shown = np.diff(inside) > 0
        if not shown.any():
            continue
        bounds = np.append(inside[:-1][shown], inside[1:][shown][-1])
        image = page.axes.pcolorfast(page.x(cells[0], bounds), np.array([bottom, top]), shades[:, shown])
        image.set(gid=f"{gid}-{number}" if number else gid, zorder=0.5)


def draw_scale(page: Page, line: int, text: str) -> None:
    """Draw the shades from blank to the deepest, and a text, on the right of a line above the grid."""
    x, y = page.header(RIGHT, line)
    width, height = _SCALE
    edges = np.linspace(x, x + width, 65)
    page.axes.pcolorfast(edges, np.array([y, y - height]), _shades(np.linspace(0, 1, 64)))
    page.axes.add_patch(Rectangle((x, y), width, -height, fill=False, edgecolor=GREY, linewidth=0.1 * POINT))
    page.text(x + width + 2, y, text)


def _shades(depths: Float[np.ndarray, " frame"]) -> Float[np.ndarray, "1 frame 4"]:
    shades = np.tile(to_rgba(_SHADE), (1, len(depths), 1))
    shades[0, :, 3] = _DEEPEST * np.clip(depths, 0, 1)
    return shades
