"""The scale of the paper, measured on the figure."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from melp.ecg import ECG, LEADS
from melp.errors import MelpError
from melp.plots.ecg_paper import LAYOUT, ecg_paper
from melp.plots.figures import svg

RATE = 100


def recording(seconds: float = 10, rate: float = RATE) -> ECG:
    """Each lead flat but for 1 mV during 0.2 s, 1 s after the second at which its column begins."""
    signal = np.zeros((12, round(seconds * rate)))
    for leads in LAYOUT:
        for column, lead in enumerate(leads):
            start = seconds / 4 * column + 1
            signal[LEADS.index(lead), round(start * rate) : round((start + 0.2) * rate)] = 1
    return ECG(signal, rate)


def lines(figure: Figure, gid: str) -> list[tuple[str, np.ndarray]]:
    """The gid and the points [point, (x, y)] in mm of each line whose gid begins with `gid`."""
    named = [(str(line.get_gid()), np.asarray(line.get_xydata())) for line in figure.axes[0].lines]
    return [(name, points) for name, points in named if name.startswith(gid)]


def traces(figure: Figure) -> list[tuple[str, np.ndarray]]:
    """Lead and [point, (x, y)] in mm of each trace."""
    return [(name.removeprefix("trace-"), points) for name, points in lines(figure, "trace-")]


def size(figure: Figure) -> tuple[float, float]:
    """Width and height in mm; the axes fill the figure and have the same unit."""
    axes = figure.axes[0]
    width, height = figure.get_size_inches() * 25.4
    assert axes.get_position().bounds == (0, 0, 1, 1)
    assert (axes.get_xlim(), axes.get_ylim()) == (pytest.approx((0, width)), pytest.approx((height, 0)))
    return width, height


@pytest.mark.parametrize("rate", [100, 500])
def test_one_millivolt_is_ten_millimetres_and_a_second_twenty_five(rate: float) -> None:
    pieces = traces(ecg_paper(recording(rate=rate)))
    assert [lead for lead, _ in pieces] == [lead for row in LAYOUT for lead in row] + ["II"]
    for number, (_, points) in enumerate(pieces[:12]):
        x, y = points.T
        assert x[0] == pytest.approx(10 + 62.5 * (number % 4))
        assert x[-1] - x[0] == pytest.approx(62.5 - 25 / rate)
        assert y.max() - y.min() == pytest.approx(10)
        high = x[y < y.max() - 5]
        assert high[0] - x[0] == pytest.approx(25, abs=0.01)
        assert high[-1] - high[0] == pytest.approx(0.2 * 25 - 25 / rate, abs=0.01)
    rhythm = pieces[12][1]
    assert rhythm[-1, 0] - rhythm[0, 0] == pytest.approx(250 - 25 / rate)


def test_simultaneous_rows_share_their_place() -> None:
    ecg = recording()
    pieces = dict(traces(ecg_paper(ecg))[:12])
    for column in range(4):
        places = [pieces[row[column]][:, 0] for row in LAYOUT]
        assert np.array_equal(places[0], places[1]) and np.array_equal(places[0], places[2])


def test_grid_is_one_and_five_millimetres_and_ends_on_a_heavy_line() -> None:
    figure = ecg_paper(recording())
    width, height = size(figure)
    assert width == pytest.approx(265) and height % 5 == pytest.approx(0)
    for name, step in (("fine", 1), ("heavy", 5)):
        (patch,) = (patch for patch in figure.axes[0].patches if patch.get_gid() == name)
        segments = patch.get_path().vertices.reshape(-1, 2, 2)
        verticals = [start[0] for start, end in segments if start[0] == end[0]]
        horizontals = [start[1] for start, end in segments if start[1] == end[1]]
        assert verticals == list(np.arange(0, width + 0.5, step))
        assert horizontals == list(np.arange(0, height + 0.5, step))
        assert all(np.ptp(segment, axis=0).max() in (width, height) for segment in segments)


def test_calibration_is_a_millivolt_for_a_fifth_of_a_second() -> None:
    pulses = lines(ecg_paper(recording()), "calibration")
    assert len(pulses) == 4
    for _, points in pulses:
        moves = np.diff(points, axis=0)
        assert moves == pytest.approx(np.array([[1.5, 0], [0, -10], [5, 0], [0, 10], [1.5, 0]]))


def test_rows_with_tall_waves_are_further_apart() -> None:
    small = recording()
    tall = ECG(small.signal * 3, small.rate)
    heights = [size(ecg_paper(ecg))[1] for ecg in (small, tall)]
    assert heights[0] < heights[1] <= heights[0] + 100


def test_offsets_of_leads_do_not_show() -> None:
    ecg = recording()
    lifted = ECG(ecg.signal + np.arange(12)[:, None], ecg.rate)
    assert svg(ecg_paper(lifted)) == svg(ecg_paper(ecg))


def test_shading_is_as_deep_as_its_layer() -> None:
    layers = [np.array([0.0, 0.5, 1.0, 2.0]), np.zeros(4)]
    figure = ecg_paper(recording(), layers, name="x")
    first, second = figure.axes[0].images
    assert (first.get_gid(), second.get_gid()) == ("x-layer-0", "x-layer-1")
    assert first.get_array()[0, :, 3].tolist() == [0, 0.25, 0.5, 0.5]
    assert not second.get_array()[..., 3].any()
    assert first.get_extent() == [10, 260, size(figure)[1], 0]
    text = svg(figure)
    assert [text.count(f'id="x-layer-{number}"') for number in range(3)] == [1, 1, 0]


def test_a_short_recording_takes_less_paper() -> None:
    figure = ecg_paper(recording(seconds=8))
    assert size(figure)[0] == pytest.approx(215)
    assert traces(figure)[1][1][0, 0] == pytest.approx(10 + 50)


def test_a_lead_that_cannot_be_drawn_is_named() -> None:
    signal = recording().signal.copy()
    signal[LEADS.index("V2"), 600] = np.nan
    with pytest.raises(MelpError, match=r"V2 .* between 5 and 7.5 s"):
        ecg_paper(ECG(signal, RATE))
