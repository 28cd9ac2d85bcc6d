"""Loss curves from a log."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from melp.errors import MelpError
from melp.plots.curves import Curve, plot_curve, read_log
from melp.plots.figures import svg

SVG = "{http://www.w3.org/2000/svg}"


def line(figure: Figure, gid: str) -> np.ndarray:
    """The points [point, (x, y)] of a line."""
    (match,) = (line for line in figure.axes[0].lines if line.get_gid() == gid)
    return np.asarray(match.get_xydata())


def test_log_is_split_into_training_and_validation(tmp_path: Path) -> None:
    lines = [
        {"step": 1, "loss": 3.0, "local": 1.0},
        {"step": 2, "loss": 2.0, "local": 0.5},
        {"step": 2, "validation/loss": 2.5},
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    curves = read_log(tmp_path / "log.jsonl")
    assert curves["loss"] == Curve([(1, 3.0), (2, 2.0)], [(2, 2.5)])
    assert curves["local"] == Curve([(1, 1.0), (2, 0.5)], [])


def test_bad_logs_are_named(tmp_path: Path) -> None:
    with pytest.raises(MelpError, match="no log"):
        read_log(tmp_path / "log.jsonl")
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 1.0}\n{"st')
    with pytest.raises(MelpError, match=r"log\.jsonl:2"):
        read_log(tmp_path / "log.jsonl")


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 300, [0, 100, 200, 300]),
        (0.31, 0.72, [0.2, 0.4, 0.6, 0.8]),
        (2.0, 2.0, [2, 2.0005, 2.001, 2.0015, 2.002]),
        (-1, 14, [-5, 0, 5, 10, 15]),
    ],
)
def test_ticks_are_round_and_span_the_values(low: float, high: float, ticks: list[float]) -> None:
    axes = plot_curve("loss", Curve([(1, low), (2, high)])).axes[0]
    assert axes.get_yticks() == pytest.approx(ticks)
    assert axes.get_ylim() == pytest.approx((ticks[0], ticks[-1]))


def test_lines_are_the_values_and_their_running_mean() -> None:
    train = [(step, 10 - step / 100) for step in range(1, 1001)]
    figure = plot_curve("a < b", Curve(train, [(500, 5.0), (1000, 0.0)]))
    axes = figure.axes[0]
    assert axes.get_title(loc="left") == "a < b" and axes.get_xlabel() == "step"
    assert axes.get_xlim() == (0, 1000) and axes.get_ylim() == (0, 10)
    assert line(figure, "validation").tolist() == [[500, 5], [1000, 0]]
    values, mean = line(figure, "train"), line(figure, "train-mean")
    assert np.array_equal(values, train[::3]) and len(mean) == len(values)
    # The running mean of a straight line is that line, but for its ends.
    assert np.abs(values - mean)[20:-20].max() < 0.01


def test_mean_of_a_noisy_line() -> None:
    noise = np.random.default_rng(0).normal(size=200)
    figure = plot_curve("loss", Curve(list(enumerate(noise))))
    slow = [noise[max(0, step - 2) : step + 3].mean() for step in range(200)]
    assert line(figure, "train-mean")[:, 1] == pytest.approx(slow)


def test_one_spike_does_not_flatten_the_rest() -> None:
    values = [(step, 1.0 + step % 2) for step in range(1, 300)]
    spiky = [*values[:50], (51, 1000.0), *values[51:]]
    calm, cut = (plot_curve("loss", Curve(train)).axes[0] for train in (values, spiky))
    assert calm.get_ylim() == cut.get_ylim()


def test_no_values() -> None:
    with pytest.raises(MelpError, match="no values"):
        plot_curve("loss", Curve())


def test_svg_has_text_and_the_same_bytes_every_time() -> None:
    first, second = (svg(plot_curve("a < b", Curve([(1, 2.0), (2, 2.001)]))) for _ in range(2))
    assert first == second and first.startswith("<svg")
    texts = ["".join(text.itertext()) for text in ElementTree.fromstring(first).iter(f"{SVG}text")]
    assert {"a < b", "step", "2.0000", "2.0005"} <= set(texts)
    paths = re.findall(r' d="([^"]*)"', first)
    assert paths and not any(re.search(r"\.\d{3}", path) for path in paths)
