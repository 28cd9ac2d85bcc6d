"""The scale of the paper and the time of each lead, measured on the figure and in the files."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from melp.ecg import ECG, LEADS
from melp.errors import MelpError
from melp.plots.ecg_paper import plot_ecg, plot_pages
from melp.plots.figures import save, save_pages, svg
from melp.plots.layouts import LAYOUTS

RATE = 100
A4, LETTER = (297.0, 210.0), (279.4, 215.9)
POINT = 72 / 25.4  # in a mm


def recording(seconds: float = 10, rate: float = RATE, layout: str = "3x4") -> ECG:
    """Each lead flat but for 1 mV during 0.2 s, 1 s after the second at which its column begins."""
    signal = np.zeros((12, round(seconds * rate)))
    for leads in LAYOUTS[layout]:
        for column, lead in enumerate(leads):
            start = seconds / len(leads) * column + 1
            signal[LEADS.index(lead), round(start * rate) : round((start + 0.2) * rate)] = 1
    return ECG(signal, rate)


def marked(seconds: float, leads: tuple[str, ...], rate: float = RATE) -> ECG:
    """Each lead flat but for a sample of 0.1 mV times the second at which it is, at each whole second."""
    signal = np.zeros((len(leads), round(seconds * rate)))
    signal[:, :: round(rate)] = 0.1 * np.arange(np.ceil(seconds))
    return ECG(signal, rate, leads)


def lines(figure: Figure, gid: str) -> list[tuple[str, np.ndarray]]:
    """The gid and the points [point, (x, y)] in mm of each line whose gid begins with `gid`."""
    named = [(str(line.get_gid()), np.asarray(line.get_xydata())) for line in figure.axes[0].lines]
    return [(name, points) for name, points in named if name.startswith(gid)]


def traces(figure: Figure) -> list[tuple[str, np.ndarray]]:
    """Lead and [point, (x, y)] in mm of each trace."""
    return [(name.removeprefix("trace-"), points) for name, points in lines(figure, "trace-")]


def shown_seconds(points: np.ndarray) -> list[int]:
    """The seconds of a `marked` recording that a trace shows, except second 0."""
    height = points[:, 1].max() - points[:, 1]
    return [round(value) for value in height[height > 0.5]]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def size(figure: Figure) -> tuple[float, float]:
    """Width and height in mm; the axes fill the figure and have the same unit."""
    axes = figure.axes[0]
    width, height = figure.get_size_inches() * 25.4
    assert axes.get_position().bounds == (0, 0, 1, 1)
    assert (axes.get_xlim(), axes.get_ylim()) == (pytest.approx((0, width)), pytest.approx((height, 0)))
    return width, height


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("rate", "speed", "gain", "paper"), [(100, 25, 10, "A4"), (500, 25, 20, "letter")])
def test_a_pulse_is_to_scale(layout: str, rate: float, speed: float, gain: float, paper: str) -> None:
    figure = plot_ecg(recording(rate=rate, layout=layout), layout, speed=speed, gain=gain, paper=paper)
    assert size(figure) == pytest.approx(A4 if paper == "A4" else LETTER)
    pieces = traces(figure)
    strips = ["II"] * (layout != "12x1")
    assert [lead for lead, _ in pieces] == [lead for row in LAYOUTS[layout] for lead in row] + strips
    columns, left = len(LAYOUTS[layout][0]), pieces[0][1][0, 0]
    for number, (_, points) in enumerate(pieces[:12]):
        x, y = points.T
        assert x[0] == pytest.approx(left + 10 * speed / columns * (number % columns))
        assert x[-1] - x[0] == pytest.approx((10 / columns - 1 / rate) * speed)
        assert y.max() - y.min() == pytest.approx(gain)
        high = x[y < y.max() - gain / 2]
        assert high[0] - x[0] == pytest.approx(speed)
        assert high[-1] - high[0] == pytest.approx((0.2 - 1 / rate) * speed)


@pytest.mark.parametrize("rate", [100, 250, 599.88])
def test_columns_follow_each_other_in_time(rate: float) -> None:
    """Not each column from second 0, and not from the second at which its row of samples would begin."""
    ecg = marked(10, LEADS, 100)
    if rate != 100:
        signal = np.zeros((12, round(10 * rate)))
        signal[:, np.round(np.arange(10) * rate).astype(int)] = 0.1 * np.arange(10)
        ecg = ECG(signal, rate)
    seconds = {name: [shown_seconds(points) for _, points in traces(plot_ecg(ecg, name))] for name in LAYOUTS}
    assert seconds["3x4"] == [[1, 2], [3, 4], [5, 6, 7], [8, 9]] * 3 + [list(range(1, 10))]
    assert seconds["6x2"] == [[1, 2, 3, 4], [5, 6, 7, 8, 9]] * 6 + [list(range(1, 10))]
    assert seconds["12x1"] == [list(range(1, 10))] * 12
    left = 10.0 + 13.5
    for _, points in traces(plot_ecg(ecg)):
        x, y = points.T
        places = left + 25 * np.array(shown_seconds(points))
        assert x[y < y.max() - 0.05] == pytest.approx(places, abs=13 / rate), "at its place on the page"


def test_a_page_at_50_mm_a_second_has_five_seconds() -> None:
    pages = list(plot_pages(marked(10, LEADS), speed=50, rhythm="V1,ii"))
    assert len(pages) == 2
    for number, page in enumerate(pages):
        pieces = dict(traces(page))
        assert [lead for lead, _ in traces(page)][12:] == ["V1", "II"]
        assert shown_seconds(pieces["V1"]) == [[1, 2, 3, 4], [5, 6, 7, 8, 9]][number]
        assert np.ptp(pieces["V1"][:, 0]) == pytest.approx(250 - 0.5)
        assert f"{5 * number} to {5 * number + 5} s of 10 s" in texts(page)[-1]


def test_the_last_page_is_full_and_a_rest_too_short_to_read_has_none() -> None:
    def times(seconds: float) -> list[str]:
        return [re.findall(r"[\d.]+ to [\d.]+ s of [\d.]+ s", texts(page)[-1]) for page in pages(seconds)]

    def pages(seconds: float) -> list[Figure]:
        return list(plot_pages(marked(seconds, LEADS)))

    assert times(10) == [[]]
    assert times(10.2) == [["0 to 10 s of 10.2 s"]]
    assert times(12) == [["0 to 10 s of 12 s"], ["2 to 12 s of 12 s"]]
    assert times(20) == [["0 to 10 s of 20 s"], ["10 to 20 s of 20 s"]]
    assert [shown_seconds(traces(page)[12][1]) for page in pages(12)] == [
        list(range(1, 10)),
        list(range(2, 12)),
    ]


def test_one_lead_has_up_to_nine_rows_a_page() -> None:
    first, second = plot_pages(marked(100, ("I",)))
    rows = [shown_seconds(points) for _, points in traces(first)]
    assert rows == [[second for second in range(10 * row, 10 * row + 10) if second] for row in range(9)]
    assert [shown_seconds(points) for _, points in traces(second)] == [list(range(90, 100))]
    (figure,) = plot_pages(marked(30, ("I", "II")))
    assert [lead for lead, _ in traces(figure)] == ["I", "II"] * 3
    assert [shown_seconds(points)[-1] for _, points in traces(figure)] == [9, 9, 19, 19, 29, 29]


def test_eight_leads_are_twelve_and_missing_ones_are_blank() -> None:
    eight = plot_ecg(recording().select([lead for lead in LEADS if lead in ("I", "II") or "V" in lead[0]]))
    assert "computed from I and II: III, aVR, aVL, aVF" in texts(eight)[-1]
    assert dict(traces(eight))["aVF"].size
    whole = recording()
    kept = [row for row, lead in enumerate(LEADS) if lead not in ("V2", "II")]
    signal = np.vstack([whole.signal[kept], np.zeros(1000)])
    ecg = ECG(signal, RATE, (*(LEADS[row] for row in kept), "V7"))
    figure = plot_ecg(ecg)
    assert [lead for lead, points in traces(figure) if not len(points)] == ["II", "V2"]
    assert len(traces(figure)) == 12, "no rhythm strip"
    assert "missing: II, V2" in texts(figure)[-1] and "not shown: V7" in texts(figure)[-1]
    assert texts(figure).count("no signal") == 2


def test_gaps_are_gaps() -> None:
    signal = recording().signal.copy()
    signal[LEADS.index("V2"), 600:650] = np.nan
    signal[LEADS.index("V6")] = np.inf
    pieces = dict(traces(plot_ecg(ECG(signal, RATE))))
    assert np.flatnonzero(np.isnan(pieces["V2"][:, 1])).tolist() == list(range(100, 150))
    assert not pieces["V6"].size


@pytest.mark.parametrize("paper", ["A4", "letter", None])
def test_grid_is_one_and_five_millimetres_and_ends_on_a_heavy_line(paper: str | None) -> None:
    figure = plot_ecg(recording(), paper=paper)
    width, height = size(figure)
    for name, step in (("fine", 1), ("heavy", 5)):
        (patch,) = (patch for patch in figure.axes[0].patches if patch.get_gid() == name)
        segments = patch.get_path().vertices.reshape(-1, 2, 2)
        x = [start[0] for start, end in segments if start[0] == end[0]]
        y = [start[1] for start, end in segments if start[1] == end[1]]
        assert np.diff(x) == pytest.approx(step) and np.diff(y) == pytest.approx(step)
        assert x[0] + x[-1] == pytest.approx(width), "centred"
        assert (x[-1] - x[0]) % 5 == pytest.approx(0) and (y[-1] - y[0]) % 5 == pytest.approx(0)
        assert min(x[0], y[0]) >= 0 and max(y) <= height
        if paper:
            assert min(x[0], height - y[-1]) >= 7, "printers leave a margin"
    left = traces(figure)[0][1][0, 0]
    assert (left - x[0]) % 5 == pytest.approx(0), "time 0 is on a heavy line"


@pytest.mark.parametrize(("speed", "gain"), [(25, 10), (50, 5)])
def test_calibration_is_a_millivolt_for_a_fifth_of_a_second(speed: float, gain: float) -> None:
    figure = plot_ecg(recording(), speed=speed, gain=gain)
    pulses = lines(figure, "calibration")
    assert len(pulses) == 4
    for _, points in pulses:
        moves = np.diff(points, axis=0)
        assert moves == pytest.approx(np.array([[1.5, 0], [0, -gain], [0.2 * speed, 0], [0, gain], [1.5, 0]]))
        assert points[-1, 0] < traces(figure)[0][1][0, 0]
    assert texts(figure)[-1].startswith(f"{speed} mm/s · {gain} mm/mV")


def svg_lines(text: str, gid: str) -> np.ndarray:
    """Points [point, (x, y)] of the path with an id, in points."""
    tree = ElementTree.fromstring(text)
    group = next(node for node in tree.iter() if node.get("id") == gid)
    path = next(node for node in group.iter() if node.tag.endswith("path"))
    return np.array([float(number) for number in re.findall(r"-?[\d.]+", path.get("d", ""))]).reshape(-1, 2)


@pytest.mark.parametrize("paper", ["A4", "letter"])
def test_the_files_are_to_scale(tmp_path: Path, paper: str) -> None:
    """Also where a user's settings cut the margins off."""
    width, height = A4 if paper == "A4" else LETTER
    figure = plot_ecg(recording(), paper=paper)
    with matplotlib.rc_context({"savefig.bbox": "tight"}):
        for suffix in ("svg", "pdf", "png"):
            save(figure, tmp_path / f"page.{suffix}")
    text = (tmp_path / "page.svg").read_text()
    root = ElementTree.fromstring(text)
    sizes = [float(root.get(side, "").removesuffix("pt")) / POINT for side in ("width", "height")]
    assert sizes == pytest.approx([width, height], abs=0.01)
    pulse = svg_lines(text, "calibration")
    assert np.ptp(pulse, axis=0) / POINT == pytest.approx([8, 10], abs=0.01)
    fine = svg_lines(text, "fine")
    x = np.unique(np.round(fine[:, 0], 3))
    assert np.diff(x) / POINT == pytest.approx(1, abs=0.01)
    assert np.ptp(x) / POINT == pytest.approx(280 if paper == "A4" else 265, abs=0.01)

    content = (tmp_path / "page.pdf").read_bytes()
    box = [float(number) for number in re.search(rb"/MediaBox \[([\d. ]+)\]", content)[1].split()]
    assert np.array(box) / POINT == pytest.approx([0, 0, width, height], abs=0.01)
    streams = re.findall(rb"stream\r?\n(x.*?)\r?\nendstream", content, re.DOTALL)
    drawing = max((zlib.decompress(stream) for stream in streams), key=len)
    number = rb"([\d.]+)"
    moves = (
        np.array(re.findall(b" ".join([number, number, b"m\n" + number, number, b"l"]), drawing), dtype=float)
        / POINT
    )
    upright = moves[(moves[:, 0] == moves[:, 2]) & (np.abs(moves[:, 3] - moves[:, 1]) > 150)]
    assert np.diff(np.unique(np.round(upright[:, 0], 3))) == pytest.approx(1, abs=0.01)

    with Image.open(tmp_path / "page.png") as image:
        assert image.size == (round(10 * width), round(10 * height)), "10 pixels a mm"
        assert image.info["dpi"] == pytest.approx((254, 254), abs=0.01)


def test_pages_are_saved_as_one_pdf_or_as_images(tmp_path: Path) -> None:
    (pdf,) = save_pages(plot_pages(marked(20, LEADS)), tmp_path / "ecg.pdf")
    assert len(re.findall(rb"/Type /Page\b", pdf.read_bytes())) == 2
    images = save_pages(plot_pages(marked(20, LEADS), speed=50), tmp_path / "ecg.svg")
    assert [file.name for file in images] == [f"ecg-{number}.svg" for number in range(1, 5)]
    for number, file in enumerate(images):
        assert f"{5 * number} to {5 * number + 5} s of 20 s" in file.read_text()
    assert save_pages(plot_pages(marked(10, LEADS)), tmp_path / "one.svg") == [tmp_path / "one.svg"]
    assert {file.name for file in tmp_path.iterdir()} == {
        "ecg.pdf",
        "one.svg",
        *(file.name for file in images),
    }
    with pytest.raises(MelpError, match="suffix 'txt' found"):
        save_pages(plot_pages(marked(10, LEADS)), tmp_path / "one.txt")


def test_rows_keep_their_distance_and_the_edges() -> None:
    rng = np.random.default_rng(0)
    for tall in ([], [0], [11], [1, 2, 6, 7, 8], [5, 6, 7, 8], range(12)):
        signal = rng.normal(scale=0.05, size=(12, 1000))
        signal[list(tall), ::100] = 2
        signal[list(tall), 50::100] = -2
        figure = plot_ecg(ECG(signal, RATE), "12x1")
        bases = np.array([points[0, 1] for _, points in lines(figure, "calibration")])
        assert np.diff(bases).min() >= 10, "the names do not touch"
        assert "cut at the edge" not in texts(figure)[-1]
        assert (bases - bases.round()).tolist() == pytest.approx([bases[0] % 1] * 12, abs=1e-6), "on a line"


def test_tall_waves_get_more_room_and_what_is_cut_is_named() -> None:
    small = recording()
    factors = np.where(np.array(LEADS) == "V2", 4.0, 1.0)[:, None]
    tall = ECG(small.signal * factors, RATE)

    def gap(ecg: ECG) -> float:
        bases = [points[:, 1].max() for _, points in lines(plot_ecg(ecg), "calibration")]
        return bases[1] - bases[0]

    assert gap(small) < gap(tall)
    assert "cut at the edge" not in texts(plot_ecg(tall))[-1]
    huge = ECG(small.signal * factors**3, RATE)
    assert "cut at the edge: V2" in texts(plot_ecg(huge))[-1]
    sizes = [size(plot_ecg(ecg, paper=None))[1] for ecg in (small, tall, huge)]
    assert sizes[0] < sizes[1] <= sizes[2] <= sizes[0] + 100


def test_offsets_of_leads_do_not_show() -> None:
    ecg = recording()
    lifted = ECG(ecg.signal + np.arange(12)[:, None], ecg.rate)
    assert svg(plot_ecg(lifted)) == svg(plot_ecg(ecg))


def test_a_short_recording_takes_less_paper() -> None:
    figure = plot_ecg(recording(seconds=8), paper=None)
    assert size(figure)[0] == pytest.approx(215)
    assert traces(figure)[1][1][0, 0] == pytest.approx(10 + 50)


def test_what_is_known_is_in_the_header_and_nothing_else() -> None:
    meta = {"age": 63.4, "sex": "female", "heart_rate": 71.6, "filters": "0.05-150 Hz", "name": "Doe",
            "statements": ["sinus rhythm"] * 2 + ["long " * 30] * 30}  # fmt: skip
    ecg = recording()
    figure = plot_ecg(ECG(ecg.signal, RATE, meta=meta), title="Title")
    found = "\n".join(texts(figure))
    assert "Title\n63 years, female\nheart rate 72/min (from the file)\n12 leads · 100 Hz · 10 s\n" in found
    assert "filters: 0.05-150 Hz" in found and "Doe" not in found
    assert re.search(
        r"Statements in the file:\nsinus rhythm · sinus rhythm · .*and \d+ more", found, re.DOTALL
    )
    assert not set(texts(plot_ecg(ECG(ecg.signal, RATE, meta=meta), header=False))) & set(
        found.split("\n")[:5]
    )
    unknown = ECG(ecg.signal, RATE, meta={"age": float("nan"), "sex": "", "heart_rate": None})
    assert texts(plot_ecg(unknown))[0] == "12 leads · 100 Hz · 10 s"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "4x3"}, "layout: found '4x3', wanted 3x4, 6x2, 12x1"),
        ({"speed": 30}, "speed: found 30, wanted 25, 50"),
        ({"gain": 1}, "gain: found 1, wanted 5, 10, 20"),
        ({"paper": "A5"}, "paper: found 'A5', wanted A4 or letter"),
        ({"rhythm": "II,X"}, "rhythm: found II, X, wanted names of the 12 leads"),
        ({"start": 10}, r"start: found 10 s, wanted a second of the recording \(0 to 10 s\)"),
    ],
)
def test_unknown_options(options: dict, message: str) -> None:
    with pytest.raises(MelpError, match=message):
        plot_ecg(recording(), **options)
