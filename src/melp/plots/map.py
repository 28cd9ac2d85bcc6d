"""The embeddings of many ECGs in two dimensions, by class."""

from __future__ import annotations

import importlib
import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes

from melp.errors import MelpError
from melp.plots.figures import GREY, Picture, plain_axes

__all__ = ["METHODS", "plot_map", "project", "single_class"]

METHODS = {"pca": "principal component", "tsne": "t-SNE", "umap": "UMAP"}
_SEVERAL = "several classes"

# Okabe and Ito's colors, which color-blind people can distinguish, each with a marker of its own for print.
_STYLES = (
    ("#0072B2", "o"), ("#E69F00", "^"), ("#009E73", "s"), ("#D55E00", "v"),
    ("#56B4E9", "D"), ("#CC79A7", "P"), ("#000000", "x"), ("#B5A900", "*"),
)  # fmt: skip
_MOST = {"pca": 1_000_000, "tsne": 5_000, "umap": 50_000}  # points; more take too long
_LABEL = 34  # characters in a line of the legend
_DIMENSIONS = 50  # principal components that t-SNE and UMAP take


def plot_map(
    embeddings: Float[np.ndarray, "record dim"],
    labels: Sequence[str],
    *,
    method: str = "pca",
    title: str = "",
    seed: int = 0,
) -> Picture:
    """Plot embeddings in two dimensions, colored by class.

    The eight most frequent classes have colors and markers that are distinct for color-blind readers and in
    print; the other classes, and records without one, are grey. The legend has the number of records of each.

    Args:
        embeddings: one row a record.
        labels: the class of each record; "" for none (see `single_class`).
        method: "pca", "tsne" (at most 5,000 records drawn at random) or "umap" (50,000; needs umap-learn).
        title: what the records are.
        seed: of the random sample, t-SNE and UMAP.

    Raises:
        MelpError: the numbers of rows and labels differ, there are fewer than 3 records, an embedding is not
            finite, or the method is unknown or not installed.
    """
    embeddings, names = np.asarray(embeddings), np.asarray(labels, dtype=str)
    if embeddings.ndim != 2 or len(embeddings) != len(names) or len(names) < 3:
        found = f"embeddings of shape {embeddings.shape} and {len(names)} labels"
        raise MelpError(
            f"map: found {found}, wanted [record, dim] and a label for each of at least 3 records"
        )
    if method not in METHODS:
        raise MelpError(f"map: found method {method!r}, wanted {', '.join(METHODS)}")
    rows = np.arange(len(names))
    if len(rows) > _MOST[method]:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _MOST[method], replace=False))
    points, axis_names = project(embeddings[rows], method, seed)
    figure = Picture(figsize=(9.5, 6.2))
    axes = figure.add_axes((0.07, 0.09, 0.6, 0.82))
    count = f"{len(rows):,}" + (f" of {len(names):,}, drawn at random" if len(rows) < len(names) else "")
    plain_axes(axes, f"{title}{': ' if title else ''}{count} ECGs")
    _scatter(axes, points, names[rows])
    axes.set_xlabel(axis_names[0], fontsize=9)
    axes.set_ylabel(axis_names[1], fontsize=9)
    # Classes first, the grey groups last.
    handles = sorted(axes.collections, key=lambda points: points.get_zorder(), reverse=True)
    axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8,
        markerscale=1.6, labelspacing=0.8,
    )  # fmt: skip
    return figure


def project(
    embeddings: Float[np.ndarray, "record dim"], method: str, seed: int = 0
) -> tuple[Float[np.ndarray, "record 2"], tuple[str, str]]:
    """Return embeddings in two dimensions, and the names of these.

    The components of PCA have the sign that makes their largest loading positive.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if not np.isfinite(embeddings).all():
        raise MelpError("map: found embeddings that are not finite, wanted numbers")
    embeddings = embeddings.astype(np.float64)
    most = min(embeddings.shape)
    if method == "pca":
        pca = PCA(min(2, most), svd_solver="covariance_eigh" if len(embeddings) > 1000 else "full")
        points = pca.fit_transform(embeddings)
        shares = [*pca.explained_variance_ratio_, 0.0]
        names = [f"{METHODS['pca']} {axis + 1} ({shares[axis]:.0%} of the variance)" for axis in (0, 1)]
        return np.pad(points, ((0, 0), (0, 2 - points.shape[1]))), (names[0], names[1])
    reduced = PCA(min(_DIMENSIONS, most), random_state=seed).fit_transform(embeddings)
    if method == "tsne":
        tsne = TSNE(perplexity=min(30, (len(reduced) - 1) / 3), init="pca", random_state=seed)
        points = tsne.fit_transform(reduced)
    else:
        points = _umap(reduced, seed)
    return points, (f"{METHODS[method]} 1", f"{METHODS[method]} 2")


def _umap(reduced: Float[np.ndarray, "record dim"], seed: int) -> Float[np.ndarray, "record 2"]:
    try:
        umap = importlib.import_module("umap")
    except ModuleNotFoundError as error:
        raise MelpError("map: umap needs a package; run pip install umap-learn, or use tsne") from error
    return np.asarray(umap.UMAP(random_state=seed).fit_transform(reduced))


def single_class(labels: pd.DataFrame) -> list[str]:
    """Return the only class of each record: "" if it has none, "several classes" if it has more.

    Args:
        labels: one row a record, one column a class: whether the record has the class; missing is unknown.
    """
    has = labels.eq(True).to_numpy()
    names = np.array([*labels.columns.astype(str), "", _SEVERAL], dtype=object)
    count = has.sum(axis=1)
    one = np.where(count == 1, has.argmax(axis=1), np.where(count == 0, len(labels.columns), -1))
    return [str(name) for name in names[one]]


def _scatter(axes: Axes, points: Float[np.ndarray, "record 2"], names: np.ndarray) -> None:
    """Plot the classes, the most frequent first, so that rare ones are on top; grey ones are below all."""
    counts = pd.Series(names[names != ""]).value_counts()
    shown = list(counts.index[: len(_STYLES)])
    rest = ~np.isin(names, [*shown, ""])
    groups = [
        *((name, names == name, *style, 2.0) for name, style in zip(shown, _STYLES, strict=False)),
        (f"{len(counts) - len(shown)} other classes", rest, GREY, ".", 1.5),
        ("no class", names == "", "#d5dade", ".", 1.0),
    ]
    size = float(np.clip(1000 / np.sqrt(len(points)), 8, 40))
    for name, rows, color, marker, zorder in groups:
        if rows.any():
            label = textwrap.fill(f"{name} ({rows.sum():,})", _LABEL)
            x, y = points[rows].T
            drawn = axes.scatter(x, y, s=size, c=color, marker=marker, zorder=zorder, alpha=0.85, label=label)
            drawn.set_rasterized(len(points) > 2000)
            if marker != "x":
                drawn.set(edgecolor="white", linewidth=0.2)
    axes.tick_params(length=0, labelleft=False, labelbottom=False)
