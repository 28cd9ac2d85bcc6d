"""Scores over time: each sentence in its panel, in the order of time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.dates import date2num

from melp.errors import MelpError
from melp.plots.over_time import plot_over_time

SENTENCES = ["atrial fibrillation", "sinus rhythm", "paced rhythm", "left bundle branch block"]


def table() -> pd.DataFrame:
    """Score = 10 times the number of the sentence + that of the recording; rows in no order."""
    rows = [
        {"sentence": text, "number": number, "similarity": 10.0 * place + number}
        for place, text in enumerate(SENTENCES)
        for number in range(4)
    ]
    scores = pd.DataFrame(rows)
    order = [2, 0, 3, 1, *np.random.default_rng(0).permutation(np.arange(4, 16))]
    return scores.iloc[order].assign(
        date=lambda own: pd.Timestamp("2024-01-31") + own["number"] * pd.Timedelta("90D")
    )


def line(axes: Axes, gid: str = "score") -> np.ndarray:
    (found,) = (line for line in axes.lines if line.get_gid() == gid)
    return np.asarray(found.get_xydata())


def test_each_sentence_has_its_scores_in_order_of_time() -> None:
    figure = plot_over_time(table())
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes if axes.axison}
    assert set(panels) == set(SENTENCES)
    for place, text in enumerate(SENTENCES):
        assert line(panels[text]).tolist() == [[number, 10 * place + number] for number in range(4)]
        assert panels[text].lines[0].get_ydata()[0] == 10 * place, "the first score"
        assert not panels[text].collections, "no interval"
    assert len({axes.get_ylim() for axes in panels.values()}) == 1
    labelled = [axes.xaxis.get_tick_params()["labelbottom"] for axes in panels.values()]
    assert labelled == [False, True, True, True], "the last of each column"


def test_dates_intervals_and_gaps() -> None:
    scores = table().assign(lo=lambda own: own["similarity"] - 1, hi=lambda own: own["similarity"] + 2)
    scores.loc[scores["number"] == 0, "similarity"] = np.nan
    figure = plot_over_time(scores[scores["sentence"] == "sinus rhythm"], "date")
    (panel,) = figure.axes
    points = line(panel)
    assert np.isnan(points[0, 1]) and points[1:, 1].tolist() == [11, 12, 13]
    assert panel.lines[0].get_ydata()[0] == 11, "the first known score"
    assert points[:, 0].tolist() == sorted(date2num(scores["date"].unique()))
    (interval,) = panel.collections
    outline = interval.get_paths()[0].vertices
    assert (outline[:, 1].min(), outline[:, 1].max()) == (9, 15)
    figure.canvas.draw()
    assert [text.get_text() for text in panel.get_xticklabels()] == ["Apr 2024", "Jul 2024", "Oct 2024"]


def test_a_table_without_scores_is_refused() -> None:
    with pytest.raises(MelpError, match="found columns sentence, number, date, wanted also similarity"):
        plot_over_time(table()[["sentence", "number", "date"]])
    with pytest.raises(MelpError, match="found no similarity"):
        plot_over_time(table().assign(similarity=np.nan))
