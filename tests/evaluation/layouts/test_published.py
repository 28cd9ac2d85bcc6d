"""The published figures: as in the slides, and the means that follow from them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest

from melp.evaluation.layouts.entries import Entries, arrange, summarise
from melp.evaluation.layouts.layout import LAYOUTS, Layout
from melp.evaluation.layouts.marks import BEST, SECOND, mark
from melp.evaluation.layouts.published import published_entries, read_published
from small_tables import sweep

FIRST, LAST = {2: "Table 2.", 3: "Table 3.", 5: "Table 5.", 7: "Table 7."}, {
    2: "Best AUC in 16", 3: "Ablation Studies", 5: "Best AUC when", 7: "Conclusion",
}  # fmt: skip
ROWS = {2: 13, 3: 3, 5: 6, 7: 3}
AVERAGE, GAINS = "average", "gains"


def lines_of(slides: str, table: int) -> Iterator[list[str]]:
    """Cells of each line of a table that ends with figures."""
    part = slides[slides.index(FIRST[table]) : slides.index(LAST[table])]
    for line in part.splitlines():
        cells = [cell for cell in line.split("\t") if cell.strip()]
        if len(cells) > 3 and re.fullmatch(
            r"\+?\d\d?\.\d+", cells[-1].removesuffix("</u>").removeprefix("<u>")
        ):
            yield cells


def ours(table: int) -> dict[str, list[str]]:
    """Figures of each method in the order of the file, which is that of the slides."""
    rows = read_published()
    rows = rows[rows["table"] == table]
    return {method: rows["value"][rows["method"] == method].tolist() for method in rows["method"].unique()}


@pytest.mark.parametrize("table", ROWS)
def test_every_digit_is_that_of_the_slides(slides: str, table: int) -> None:
    printed = list(lines_of(slides, table))
    assert len(printed) == len(ours(table)) == ROWS[table]
    for cells, (method, figures) in zip(printed, ours(table).items(), strict=True):
        texts = [re.sub(r"</?u>", "", cell) for cell in cells]
        count = {2: 18, 3: 7}.get(table, 19)
        assert texts[-count:] == figures
        name = re.sub(r"[^a-z0-9]", "", texts[0].split("(")[0].lower())
        if table != 5:
            assert name == re.sub(r"[^a-z0-9]", "", method.replace("wav2vec2", "wav2vec20"))


def test_losses_are_those_that_the_slides_tick(slides: str) -> None:
    part = slides[slides.index(FIRST[5]) : slides.index(LAST[5])]
    ticks = [line.split("\t")[:3] for line in part.splitlines() if line.count(".") >= 19]
    losses = ("global", "caption", "local")
    names = ["+".join(itertools.compress(losses, ("checkmark" in cell for cell in row))) for row in ticks]
    assert names == list(ours(5))


@pytest.mark.parametrize("table", ROWS)
def test_columns_are_in_the_order_of_the_slides(slides: str, table: int) -> None:
    """The reader of the slides has broken some of the names in two."""
    part = slides[slides.index(FIRST[table]) : slides.index(LAST[table])]
    header = next(line for line in part.splitlines() if "Rhythm" in line and "CSN" in line)
    letters = re.sub(r"[^a-z0-9]", "", header.lower())
    rows = read_published()
    tasks = [task for task in rows["task"][rows["table"] == table].unique() if task != AVERAGE]
    places = [letters.index(task.removeprefix("ptbxl-").removesuffix("8")) for task in tasks]
    assert places == sorted(places) and len(set(places)) == 6
    layout = next(one for one in LAYOUTS.values() if one.published == table)
    assert list(layout.tasks) == tasks


@pytest.mark.parametrize("table", [3, 5, 7])
def test_published_means_follow_from_the_figures(table: int) -> None:
    """All of them, with halves rounded up: 75.25 is printed as 75.3, and 82.965 as 82.97."""
    for method, figures in ours(table).items():
        *parts, mean = map(Decimal, figures)
        step = Decimal("0.1") if table == 3 else Decimal("0.01")
        expected = (sum(parts, Decimal(0)) / len(parts)).quantize(step, ROUND_HALF_UP)
        assert mean == expected, method


def test_published_gains_follow_from_the_figures() -> None:
    figures = {method: [Decimal(value) for value in values] for method, values in ours(3).items()}
    assert figures[GAINS] == [a - b for a, b in zip(figures["melp"], figures["merl"], strict=True)]


def test_melp_is_the_best_of_16_columns_as_published() -> None:
    entries = published_entries(LAYOUTS["linear-probe"], complete(LAYOUTS["linear-probe"]))
    marks = mark(entries.value, 2)
    assert (marks.iloc[-1] == BEST).sum() == 16 and entries.value.index[-1] == ("melp",)
    others = {
        column: marks.index[list(marks.iloc[:, place]).index(BEST)]
        for place, column in enumerate(entries.columns)
    }
    assert others[("ptbxl-sub", 100.0)] == ("heartlang",) and others[("ptbxl-super", 100.0)] == ("merl",)


@pytest.mark.parametrize("table", [2, 5])
def test_what_the_slides_underline_is_second_best(slides: str, table: int) -> None:
    layout = next(one for one in LAYOUTS.values() if one.published == table)
    entries = published_entries(layout, complete(layout))
    marks = mark(entries.value, 2).iloc[:, :18].to_numpy()
    names = [name for (name,) in entries.value.index]
    underlined = 0
    for cells, method in zip(lines_of(slides, table), ours(table), strict=True):
        for place, cell in enumerate(cells[-19:-1] if table == 5 else cells[-18:]):
            if "<u>" in cell:
                assert marks[names.index(method), place] == SECOND
                underlined += 1
    assert underlined >= 9


def complete(layout: Layout) -> Entries:
    """Entries of one model with every column of a layout."""
    fractions = layout.fractions or (0.0,)
    model = next(iter(layout.models))
    places = itertools.product([model], layout.tasks, fractions)
    return arrange(summarise(sweep(dict.fromkeys(places, 0.5), kind=layout.kind), layout), layout)


def test_entries_have_the_printed_mean_only_if_complete() -> None:
    layout = LAYOUTS["zero-shot"]
    entries = published_entries(layout, complete(layout))
    assert entries.value.iloc[:, -1].tolist() == [75.3, 79.0]
    assert entries.value.index.tolist() == [("merl",), ("melp",)]
    fewer = sweep({("melp", task, 0.0): 0.5 for task in ("csn", "cpsc2018")}, kind="zero-shot")
    part = published_entries(layout, arrange(summarise(fewer, layout), layout))
    assert part.value.to_numpy() == pytest.approx(np.array([[74.4, 82.8, 78.6], [77.6, 84.2, 80.9]]))
