"""Write matplotlib figures, as files or into an HTML page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from melp.atomic import replacing
from melp.errors import MelpError

__all__ = ["BLUE", "GREY", "INK", "ORANGE", "Picture", "plain_axes", "save", "save_pages", "svg"]

INK, GREY, BLUE, ORANGE = "#14181d", "#8a949e", "#2c6fb3", "#c2540a"
_SCREEN = 110  # dots an inch
_UNDATED = {"CreationDate": None}  # the same bytes every time
_PATH_DATA, _MORE_DECIMALS = re.compile(r' d="[^"]*"'), re.compile(r"(\.\d\d)\d+")


class Picture(Figure):
    """A figure that a notebook shows without `%matplotlib inline`."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        with _settings():
            self.savefig(buffer, format="png", dpi=_SCREEN)
        return buffer.getvalue()


def plain_axes(axes: Axes, title: str) -> None:
    """Give axes a title on the left and no frame at the top and right."""
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=INK)


def svg(figure: Figure) -> str:
    """Return a figure as an `<svg>` element, with its text as text and the same bytes every time."""
    buffer = io.StringIO()
    with _settings():
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    # Two decimals of a point are enough; matplotlib's six make a page a third larger.
    text = _PATH_DATA.sub(lambda path: _MORE_DECIMALS.sub(r"\1", path[0]), buffer.getvalue())
    return text[text.index("<svg") :]


def save(figure: Figure, file: Path) -> None:
    """Write a figure to a file.

    Args:
        figure: the figure.
        file: a file with a suffix that matplotlib supports (.png, .svg, .pdf).

    Raises:
        MelpError: matplotlib does not support the suffix.
    """
    formats = figure.canvas.get_supported_filetypes()
    suffix = file.suffix.removeprefix(".").lower()
    if suffix not in formats:
        raise MelpError(f"{file}: suffix {suffix!r} found, wanted one of {', '.join(sorted(formats))}")
    with replacing(file) as partial, _settings():
        if suffix == "svg":
            Path(partial).write_text(svg(figure), encoding="utf-8")
            return
        metadata = _UNDATED if suffix == "pdf" else None
        figure.savefig(partial, format=suffix, dpi=max(figure.dpi, _SCREEN), metadata=metadata)


def save_pages(pages: Iterable[Figure], file: Path) -> list[Path]:
    """Write the pages of `melp.plots.ecg_paper.plot_pages`, and return the files.

    A PDF has all pages. In other formats, each of several pages has a file: NAME-1.png, NAME-2.png ...

    Raises:
        MelpError: see `save`.
    """
    if file.suffix.lower() == ".pdf":
        with replacing(file) as partial, _settings(), PdfPages(partial, metadata=_UNDATED) as pdf:
            for page in pages:
                pdf.savefig(page)
        return [file]
    pages = list(pages)
    files = [file.with_name(f"{file.stem}-{number}{file.suffix}") for number in range(1, len(pages) + 1)]
    files = files if len(pages) > 1 else [file]
    for page, name in zip(pages, files, strict=True):
        save(page, name)
    return files


def _settings() -> AbstractContextManager[None]:
    return matplotlib.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "melp",
            "font.sans-serif": ["DejaVu Sans"],
            "savefig.bbox": "standard",  # "tight" of a user's settings would change the scale
        }
    )
