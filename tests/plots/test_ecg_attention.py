"""Attention on the trace: shades at their time, as deep as their share."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from melp.ecg import ECG
from melp.errors import MelpError
from melp.plots.ecg_attention import frame_edges, plot_attention
from melp.plots.ecg_paper import ecg_page
from melp.plots.ecg_shading import shade
from melp.plots.figures import svg

ECG_12, STRIP = ECG(np.zeros((12, 1000)), 100), ECG(np.zeros((1, 3000)), 100, ("I",))


def images(figure: Figure) -> dict[str, tuple[float, float, float, float, np.ndarray]]:
    """Left, right, top and bottom in mm of each layer, and its opacities."""
    found = {}
    for image in figure.axes[0].images:
        if image.get_gid():
            left, right, bottom, top = image.get_extent()
            found[image.get_gid()] = (left, right, top, bottom, np.asarray(image.get_array())[0, :, 3])
    return found


def test_shading_is_as_deep_as_its_layer_and_ends_with_the_trace() -> None:
    page = ecg_page(ECG_12, paper=None, header=False)
    shade(page, np.linspace(0, 10, 5), np.array([0.0, 0.5, 1.0, 2.0]), gid="x-layer-0")
    shade(page, np.linspace(0, 10, 5), np.zeros(4), gid="x-layer-1")
    layers = images(page.figure)
    left, right, top, bottom, depths = layers["x-layer-0"]
    assert depths == pytest.approx([0, 0.25, 0.5, 0.5])
    assert not layers["x-layer-1"][-1].any()
    assert (left, right, top, bottom) == pytest.approx((10, 260, 0, page.sheet.height))
    text = svg(page.figure)
    assert [text.count(f'id="x-layer-{number}"') for number in range(3)] == [1, 1, 0]


def test_a_strip_is_shaded_in_the_row_of_the_time() -> None:
    """Frames of 4 s: the third, from 8 to 12 s, is on the first and the second row."""
    page = ecg_page(STRIP)
    depths = np.array([0, 0, 1, 0, 0, 0, 0, 0.0])
    shade(page, np.minimum(np.arange(0, 36, 4.0), 30), depths, gid="a")
    layers = images(page.figure)
    assert list(layers) == ["a", "a-1", "a-2"] and len(page.baselines) == 3
    for (left, right, top, bottom, _), baseline in zip(layers.values(), page.baselines, strict=True):
        assert (left - page.sheet.trace, right - left) == pytest.approx((0, 250))
        assert top < baseline < bottom
    assert layers["a"][-1].tolist() == [0, 0, 0.5]
    assert layers["a-1"][-1].tolist() == [0.5, 0, 0]
    assert not layers["a-2"][-1].any()


def test_only_the_time_that_is_shown_is_shaded() -> None:
    long = ECG(np.zeros((12, 3000)), 100)
    page = ecg_page(long, start=10)
    shade(page, np.array([12.0, 13.0, 25.0]), np.array([0.5, 1.0]), gid="a")
    left, right, *_ = images(page.figure)["a"]
    assert np.array([left, right]) - page.sheet.trace == pytest.approx([50, 250])
    shade(page, np.array([1.0, 2.0]), np.ones(1), gid="b")
    assert "b" not in images(page.figure)


def test_edges_are_half_way_between_frames() -> None:
    assert frame_edges(np.array([1.0, 2.0, 4.0]), 10) == pytest.approx([0.5, 1.5, 3, 5])
    assert frame_edges(np.array([0.2, 2.0, 9.0]), 10) == pytest.approx([0, 1.1, 5.5, 10])
    assert frame_edges(np.array([3.0]), 10).tolist() == [0, 10]


def test_the_legend_says_what_the_darkest_shade_is() -> None:
    times, weights = np.arange(0.5, 10), np.ones(10)
    weights[3] = 11  # of 20: 5.5 times a tenth
    figure = plot_attention(ECG_12, times, weights, "atrial fibrillation", title="record 7")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[0] == "“atrial fibrillation” · record 7"
    assert "blank: at most an even share; darkest: 5.5 times an even share" in texts
    assert any("Not a medical device" in text for text in texts)
    *_, depths = images(figure)["ecg-layer-0"]
    assert depths.tolist() == [0, 0, 0, 0.5, 0, 0, 0, 0, 0, 0]
    even = plot_attention(ECG_12, times, np.ones(10), "sinus rhythm")
    assert not images(even)["ecg-layer-0"][-1].any()
    assert "darkest: 2.0 times" in "".join(text.get_text() for text in even.axes[0].texts)


@pytest.mark.parametrize(
    ("times", "weights", "message"),
    [
        ([1.0, 2.0], [0.5], "found 2 times and 1 weights"),
        ([], [], "found 0 times"),
        ([2.0, 1.0], [0.5, 0.5], "wanted a weight for each of some rising times"),
        ([1.0, 2.0], [-0.5, 1.0], "wanted numbers from 0"),
        ([1.0, 2.0], [0.0, 0.0], "wanted numbers from 0"),
        ([1.0, 2.0], [np.nan, 1.0], "wanted numbers from 0"),
    ],
)
def test_what_cannot_be_attention(times: list[float], weights: list[float], message: str) -> None:
    with pytest.raises(MelpError, match=message):
        plot_attention(ECG_12, np.array(times), np.array(weights), "sinus rhythm")
