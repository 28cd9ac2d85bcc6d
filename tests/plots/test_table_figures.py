"""Tables as figures and as drawn pages: what is where."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from melp.evaluation.layouts.grid import INTERVAL, TITLE, VALUE, Grid, Line
from melp.evaluation.layouts.layout import LAYOUTS, any_layout
from melp.plots.table_page import plot_page
from melp.plots.table_points import plot_points


def entries() -> pd.DataFrame:
    rows = [
        ("ours", "merl", "csn", 1.0, 60.0, 55.0, 64.0),
        ("ours", "merl", "csn", 10.0, 70.0, 66.0, 73.0),
        ("ours", "melp", "csn", 1.0, np.nan, np.nan, np.nan),
        ("ours", "melp", "csn", 10.0, 80.0, 78.0, 83.0),
        ("ours", "melp", "ptbxl-sub", 1.0, 75.0, 70.0, 79.0),
        ("published", "melp", "csn", 10.0, 84.83, np.nan, np.nan),
        ("published", "byol", "csn", 10.0, 71.92, np.nan, np.nan),
    ]
    return pd.DataFrame(rows, columns=["block", "name", "task", "fraction", "value", "lo", "hi"])


def points(axes: Axes) -> set[tuple[float, int, bool]]:
    """Value, row and whether filled, of each point."""
    return {
        (x, round(y), tuple(dots.get_facecolor()[0]) != (1, 1, 1, 1))
        for dots in axes.collections
        if hasattr(dots, "get_offsets") and len(dots.get_facecolor())
        for x, y in np.ma.filled(dots.get_offsets(), np.nan)
        if not np.isnan(x) and dots.get_sizes().size
    }


def test_points_are_the_values_in_the_rows_of_their_models() -> None:
    figure = plot_points(entries(), LAYOUTS["linear-probe"], "Title")
    csn, sub = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title("left") for axes in (csn, sub)] == ["CSN", "PTBXL-Sub"]
    assert [text.get_text() for text in csn.get_yticklabels()] == ["BYOL", "MERL", "MELP"]
    assert points(csn) == {
        (71.92, 0, False), (60, 1, True), (70, 1, True), (80, 2, True), (84.83, 2, False),
    }  # fmt: skip
    assert points(sub) == {(75, 2, True)}
    # The first row is at the top.
    assert csn.get_ylim() == (2.5, -0.5)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["1 %", "10 %", "published"]


def test_panels_of_more_fields() -> None:
    table = entries().assign(protocol=["paper", "corrected"] * 3 + ["paper"])
    layout = any_layout(["name"], ["protocol", "task", "fraction"])
    table = pd.concat([table, table.assign(fraction=0.5)])
    figure = plot_points(table, layout, "Title")
    # From the smallest fraction, which is the palest, to the largest.
    assert [text.get_text() for text in figure.legends[0].get_texts()][:3] == ["0.5 %", "1 %", "10 %"]
    titles = [axes.get_title("left") for axes in figure.axes if axes.get_visible()]
    assert titles == ["paper CSN", "corrected CSN", "paper PTBXL-Sub"]
    assert points(figure.axes[1]) == {(70, 2, True), (80, 1, True), (84.83, 1, False)}


def test_intervals_are_lines_below_the_points() -> None:
    figure = plot_points(entries(), LAYOUTS["linear-probe"], "Title")
    segments = [
        (round(line[0, 1]), line[0, 0], line[1, 0])
        for lines in figure.axes[0].collections
        if hasattr(lines, "get_segments")
        for line in lines.get_segments()
        if len(line) == 2 and np.isfinite(line).all()
    ]
    assert sorted(segments) == [(1, 55, 64), (1, 66, 73), (2, 78, 83)]


def test_one_colour_needs_no_legend() -> None:
    table = entries()
    table = table[(table["block"] == "ours") & (table["fraction"] == 1)].drop(columns="fraction")
    assert not plot_points(table, LAYOUTS["zero-shot"], "Title").legends


def page() -> Grid:
    heads = [("", "Method"), ("CSN", "1 %"), ("CSN", "10 %"), ("", "Seeds")]
    lines = [
        Line(TITLE, ["Ours", "", "", ""], [""] * 4),
        Line(VALUE, ["MELP", "70.00", "81.00", "3"], ["", "best", "second", ""]),
        Line(INTERVAL, ["", "66.0–73.0", "", ""], [""] * 4),
    ]
    return Grid("The caption.", 1, heads, lines, ["A note of several words."])


def texts(figure: Figure) -> dict[str, Text]:
    return {text.get_text(): text for text in figure.axes[0].texts if text.get_text()}


def test_a_drawn_page() -> None:
    figure = plot_page(page())
    found = texts(figure)
    assert list(found) == [
        "The caption.", "CSN", "Method", "1 %", "10 %", "Seeds", "Ours", "MELP", "70.00", "81.00", "3",
        "66.0–73.0", "A note of several words.",
    ]  # fmt: skip
    assert found["70.00"].get_fontweight() == "bold" and found["81.00"].get_fontweight() == "normal"
    # Below each other: the heading of the column, the value, the interval. Downwards is the axis.
    x = [found[name].get_position()[0] for name in ("1 %", "70.00", "66.0–73.0")]
    y = [found[name].get_position()[1] for name in ("1 %", "70.00", "66.0–73.0")]
    assert x == pytest.approx([x[0]] * 3) and y == sorted(y) and y[2] - y[1] < y[1] - y[0]
    low, high = figure.axes[0].get_ylim()
    assert low > max(text.get_position()[1] for text in found.values()) > high


def test_texts_of_a_drawn_page_do_not_overlap() -> None:
    grid = page()
    grid.heads[1:3] = [("A task with a long name", "1 %"), ("A task with a long name", "10 %")]
    figure = plot_page(grid)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in texts(figure).values()]
    for place, one in enumerate(boxes):
        for other in boxes[place + 1 :]:
            assert not one.shrunk_to_aspect(1).overlaps(other.shrunk_to_aspect(1))
            across = min(one.x1, other.x1) - max(one.x0, other.x0)
            down = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert across <= 1 or down <= 2


def test_the_second_best_is_underlined() -> None:
    figure = plot_page(page())
    text = texts(figure)["81.00"]
    figure.canvas.draw()
    x, y = text.get_position()
    right = [
        line for line in figure.axes[0].lines if line.get_xdata()[1] == x and 0 < line.get_ydata()[0] - y < 4
    ]
    (line,) = right
    width = text.get_window_extent().width * 72 / figure.dpi
    assert line.get_xdata()[1] - line.get_xdata()[0] == pytest.approx(width, rel=0.1)
