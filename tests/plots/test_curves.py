"""Loss curves from a log."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from melp.errors import MelpError
from melp.plots.curves import Curve, curve_panel, read_log, ticks

SVG = "{http://www.w3.org/2000/svg}"


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
    ("low", "high", "wanted"),
    [
        (0, 300, [0, 100, 200, 300]),
        (0.31, 0.72, [0.2, 0.4, 0.6, 0.8]),
        (2.0, 2.0, [2, 2.0005]),
        (-1, 14, [-5, 0, 5, 10, 15]),
    ],
)
def test_ticks_are_round_and_span_the_values(low: float, high: float, wanted: list[float]) -> None:
    assert ticks(low, high, 4) == wanted


def test_a_panel_places_values_by_its_axes() -> None:
    curve = Curve([(step, 10 - step / 100) for step in range(1, 1001)], [(500, 5.0), (1000, 0.0)])
    svg = ElementTree.fromstring(curve_panel("a < b", curve))
    dots = [(float(str(dot.get("cx"))), float(str(dot.get("cy")))) for dot in svg.iter(f"{SVG}circle")]
    texts = {text.text: text for text in svg.iter(f"{SVG}text")}
    assert "a < b" in texts
    assert dots[1][0] == pytest.approx(330 - 12) and dots[0][0] == pytest.approx((46 + 330 - 12) / 2)
    left = [text for text in svg.iter(f"{SVG}text") if text.get("text-anchor") == "end"]
    y = {text.text: float(str(text.get("y"))) - 3.8 for text in left}
    assert dots[0][1] == pytest.approx(y["5"], abs=0.2) and dots[1][1] == pytest.approx(y["0"], abs=0.2)
    pale, smooth = (
        np.array([pair.split(",") for pair in str(line.get("points")).split()], dtype=float)
        for line in svg.iter(f"{SVG}polyline")
        if line.get("class") == "train"
    )
    # The running mean of a straight line is that line, but for its ends.
    assert np.abs(pale - smooth)[20:-20].max() < 0.3


def test_one_spike_does_not_flatten_the_rest() -> None:
    values = [(step, 1.0 + step % 2) for step in range(1, 300)]
    calm, spiky = (
        curve_panel("loss", Curve(train)) for train in (values, [*values[:50], (51, 1000.0), *values[51:]])
    )
    assert calm.split("<polyline")[0] == spiky.split("<polyline")[0]


def test_nothing_to_draw() -> None:
    with pytest.raises(MelpError, match="no value"):
        curve_panel("loss", Curve())
