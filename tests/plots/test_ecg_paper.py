"""The paper's scale, measured on what is drawn."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from melp.ecg import ECG, LEADS
from melp.errors import MelpError
from melp.plots.ecg_paper import LAYOUT, ecg_paper

RATE = 100
SVG = "{http://www.w3.org/2000/svg}"


def recording(seconds: float = 10, rate: float = RATE) -> ECG:
    """Each lead flat but for 1 mV during 0.2 s, 1 s after the second at which its column begins."""
    signal = np.zeros((12, round(seconds * rate)))
    for leads in LAYOUT:
        for column, lead in enumerate(leads):
            start = seconds / 4 * column + 1
            signal[LEADS.index(lead), round(start * rate) : round((start + 0.2) * rate)] = 1
    return ECG(signal, rate)


def drawn(ecg: ECG, **options: object) -> ElementTree.Element:
    return ElementTree.fromstring(ecg_paper(ecg, **options))  # type: ignore[arg-type]


def traces(svg: ElementTree.Element) -> list[tuple[str, np.ndarray]]:
    """Lead and [point, (x, y)] in mm of each trace."""
    lines = [line for line in svg.iter(f"{SVG}polyline") if line.get("class") == "trace"]
    return [
        (
            str(line.get("data-lead")),
            np.array([pair.split(",") for pair in str(line.get("points")).split()], dtype=float),
        )
        for line in lines
    ]


@pytest.mark.parametrize("rate", [100, 500])
def test_one_millivolt_is_ten_millimetres_and_a_second_twenty_five(rate: float) -> None:
    pieces = traces(drawn(recording(rate=rate)))
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
    pieces = dict(traces(drawn(ecg))[:12])
    for column in range(4):
        places = [pieces[row[column]][:, 0] for row in LAYOUT]
        assert np.array_equal(places[0], places[1]) and np.array_equal(places[0], places[2])


def test_grid_is_one_and_five_millimetres_and_ends_on_a_heavy_line() -> None:
    svg = drawn(recording())
    _, _, width, height = map(float, str(svg.get("viewBox")).split())
    assert width % 5 == 0 and height % 5 == 0 and width == 265
    for name, step in (("fine", 1), ("heavy", 5)):
        (path,) = (path for path in svg.iter(f"{SVG}path") if path.get("class") == name)
        verticals = [float(x) for x in re.findall(r"M([\d.]+) 0V", str(path.get("d")))]
        horizontals = [float(y) for y in re.findall(r"M0 ([\d.]+)H", str(path.get("d")))]
        assert verticals == list(np.arange(0, width + 1, step))
        assert horizontals == list(np.arange(0, height + 1, step))


def test_calibration_is_a_millivolt_for_a_fifth_of_a_second() -> None:
    pulses = [
        path.get("d") for path in drawn(recording()).iter(f"{SVG}path") if path.get("class") == "calibration"
    ]
    assert len(pulses) == 4
    assert all(str(pulse).endswith("h1.5v-10h5v10h1.5") for pulse in pulses)


def test_rows_with_tall_waves_stand_further_apart() -> None:
    small = recording()
    tall = ECG(small.signal * 3, small.rate)
    heights = [float(str(drawn(ecg).get("viewBox")).split()[3]) for ecg in (small, tall)]
    assert heights[0] < heights[1] <= heights[0] + 100


def test_offsets_of_leads_do_not_show() -> None:
    ecg = recording()
    lifted = ECG(ecg.signal + np.arange(12)[:, None], ecg.rate)
    assert ecg_paper(lifted) == ecg_paper(ecg)


def test_shading_is_as_deep_as_its_layer() -> None:
    layers = [np.array([0.0, 0.5, 1.0, 2.0]), np.zeros(4)]
    groups = list(drawn(recording(), layers=layers, name="x").iter(f"{SVG}g"))
    assert [group.get("class") for group in groups] == ["layer layer-0", "layer layer-1"]
    stops = list(groups[0].iter(f"{SVG}stop"))
    assert [float(str(stop.get("stop-opacity"))) for stop in stops] == [0, 0.25, 0.5, 0.5]
    assert [float(str(stop.get("offset"))) for stop in stops] == [0.125, 0.375, 0.625, 0.875]
    (rectangle,) = groups[0].iter(f"{SVG}rect")
    assert (rectangle.get("x"), rectangle.get("width"), rectangle.get("fill")) == ("10", "250", "url(#x-0)")


def test_a_short_recording_takes_less_paper() -> None:
    svg = drawn(recording(seconds=8))
    assert str(svg.get("viewBox")).split()[2] == "215"
    assert traces(svg)[1][1][0, 0] == pytest.approx(10 + 50)


def test_a_lead_that_cannot_be_drawn_is_named() -> None:
    signal = recording().signal.copy()
    signal[LEADS.index("V2"), 600] = np.nan
    with pytest.raises(MelpError, match=r"V2 .* between 5 and 7.5 s"):
        ecg_paper(ECG(signal, RATE))
