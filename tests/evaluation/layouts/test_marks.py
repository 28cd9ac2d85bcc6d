"""The best and second-best entries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melp.evaluation.layouts.marks import BEST, SECOND, mark, top_two


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        ([1.0, 3.0, 2.0, 0.0], ["", BEST, SECOND, ""]),
        # Alike as printed: both are the best, and the next value is the second-best.
        ([3.001, 3.004, 2.0, 1.0], [BEST, BEST, SECOND, ""]),
        ([3.0, 2.001, 2.0, 1.0], [BEST, SECOND, SECOND, ""]),
        ([np.nan, 3.0, np.nan, 1.0], ["", BEST, "", SECOND]),
        ([2.0, 2.0, 2.0, np.nan], ["", "", "", ""]),
        ([np.nan, 2.0, np.nan, np.nan], ["", "", "", ""]),
        ([np.nan] * 4, [""] * 4),
    ],
)
def test_marks_of_a_column(values: list[float], marks: list[str]) -> None:
    table = pd.DataFrame({"a": values, "b": [1.0, 2.0, 3.0, 4.0]})
    assert mark(table, 2)["a"].tolist() == marks
    assert mark(table, 2)["b"].tolist() == ["", "", SECOND, BEST]
    assert mark(-table, 2, lower_is_better=True)["a"].tolist() == marks


@settings(max_examples=40)
@given(st.lists(st.one_of(st.floats(0, 100), st.just(np.nan)), min_size=2, max_size=8))
def test_the_best_is_the_greatest_as_printed(values: list[float]) -> None:
    printed = [f"{value:.2f}" for value in values]
    distinct = sorted({float(text) for text in printed if text != "nan"}, reverse=True)
    marks = mark(pd.DataFrame({"a": values}), 2)["a"].tolist()
    for text, found in zip(printed, marks, strict=True):
        wanted = {0: BEST, 1: SECOND}
        place = distinct.index(float(text)) if text != "nan" else 2
        assert found == (wanted.get(place, "") if len(distinct) > 1 else "")


def test_top_two() -> None:
    index = pd.MultiIndex.from_tuples([("a",), ("b",), ("c",)])
    assert top_two(pd.Series([1.0, 3.0, 2.0], index)) == [("b",), ("c",)]
    assert top_two(pd.Series([1.0, 3.0, np.nan], index), lower_is_better=True) == [("a",), ("b",)]
    assert top_two(pd.Series([np.nan, 3.0, np.nan], index)) == [("b",)]
