"""A map: each record at its place with the style of its class."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import melp.plots.map as map_module
from melp.errors import MelpError
from melp.plots.map import plot_map, project, single_class

RNG = np.random.default_rng(0)
# Variances that fall from axis to axis, so that the components are the axes.
POINTS = RNG.normal(size=(60, 4)) * [10, 5, 0.1, 0.1]


def groups(figure: Figure) -> dict[str, PathCollection]:
    """The points of each class by its label."""
    return {str(points.get_label()): points for points in figure.axes[0].collections}


def test_components_are_those_of_the_covariance() -> None:
    points, names = project(POINTS, "pca")
    centred = POINTS - POINTS.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    for axis, column in enumerate((-1, -2)):
        vector = vectors[:, column] * np.sign(vectors[np.abs(vectors[:, column]).argmax(), column])
        assert points[:, axis] == pytest.approx(centred @ vector)
        share = values[column] / values.sum()
        assert names[axis] == f"principal component {axis + 1} ({share:.0%} of the variance)"
    assert np.abs(np.corrcoef(points[:, 0], POINTS[:, 0])[0, 1]) > 0.99
    flat, _ = project(POINTS[:, :1], "pca")
    assert not flat[:, 1].any() and flat.shape == (60, 2)


def test_each_class_is_where_its_records_are() -> None:
    labels = np.array(["a"] * 30 + ["b"] * 20 + [""] * 10)
    order = RNG.permutation(60)
    points = project(POINTS[order], "pca")[0]
    found = groups(plot_map(POINTS[order], labels[order], title="store"))
    assert list(found) == ["a (30)", "b (20)", "no class (10)"]
    for name, text in (("a", "a (30)"), ("b", "b (20)"), ("", "no class (10)")):
        assert np.asarray(found[text].get_offsets()) == pytest.approx(points[labels[order] == name])
    figure = plot_map(POINTS, labels, title="store")
    assert figure.axes[0].get_title(loc="left") == "store: 60 ECGs"
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == list(found)
    figure.canvas.draw()
    assert legend.get_window_extent().x0 > figure.axes[0].get_window_extent().x1, "outside"


def test_many_classes_have_eight_styles_and_the_rest_is_grey() -> None:
    names = [f"class {number}" for number in range(10) for _ in range(10 - number)]
    found = groups(plot_map(RNG.normal(size=(55, 3)), names))
    assert list(found) == [*(f"class {number} ({10 - number})" for number in range(8)), "2 other classes (3)"]
    colors = {to_hex(points.get_facecolor()[0]) for points in found.values()}
    assert len(colors) == 9
    assert len({points.get_paths()[0].vertices.tobytes() for points in found.values()}) == 9, "markers"


def test_a_long_name_is_wrapped() -> None:
    (name,) = groups(plot_map(POINTS, ["left anterior fascicular block and left axis deviation"] * 60))
    assert max(map(len, name.splitlines())) <= 34 and "\n" in name


def test_a_large_store_is_sampled_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(map_module._MOST, "tsne", 40)
    labels = np.where(np.arange(60) < 30, "a", "b")
    drawn = []
    monkeypatch.setattr(
        map_module, "project", lambda rows, *_: drawn.append(rows) or (rows[:, :2], ("x", "y"))
    )
    figures = [plot_map(POINTS, labels, method="tsne", seed=seed) for seed in (0, 0, 1)]
    assert figures[0].axes[0].get_title(loc="left") == "40 of 60, drawn at random ECGs"
    assert np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[0], drawn[2])
    places = {tuple(row): label for row, label in zip(POINTS[:, :2], labels, strict=True)}
    for text, points in groups(figures[0]).items():
        assert {places[tuple(place)] for place in np.asarray(points.get_offsets())} == {text[0]}


def test_t_sne_keeps_clusters_together() -> None:
    centres = np.repeat(np.eye(3) * 100, 12, axis=0)
    points, names = project(centres + RNG.normal(size=(36, 3)), "tsne", seed=1)
    assert names == ("t-SNE 1", "t-SNE 2")
    means = points.reshape(3, 12, 2).mean(axis=1)
    spread = np.abs(points.reshape(3, 12, 2) - means[:, None]).max()
    assert min(np.linalg.norm(means[a] - means[b]) for a, b in ((0, 1), (0, 2), (1, 2))) > spread


def test_single_class() -> None:
    labels = pd.DataFrame({"a": [True, False, True, False, None], "b": [False, True, True, False, True]})
    assert single_class(labels) == ["a", "b", "several classes", "", "b"]


@pytest.mark.parametrize(
    ("rows", "labels", "method", "message"),
    [
        (60, 59, "pca", r"shape \(60, 4\) and 59 labels"),
        (2, 2, "pca", "at least 3"),
        (60, 60, "mds", "found method 'mds', wanted pca, tsne, umap"),
    ],
)
def test_what_cannot_be_a_map(rows: int, labels: int, method: str, message: str) -> None:
    with pytest.raises(MelpError, match=message):
        plot_map(POINTS[:rows], ["a"] * labels, method=method)


def test_what_is_not_finite_or_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MelpError, match="not finite"):
        plot_map(np.where(POINTS.max() == POINTS, np.inf, POINTS), ["a"] * 60)
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MelpError, match="pip install umap-learn, or use tsne"):
        plot_map(POINTS, ["a"] * 60, method="umap")
