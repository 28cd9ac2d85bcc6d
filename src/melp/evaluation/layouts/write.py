"""Write a table: from the cells of folders to files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from melp.atomic import replacing
from melp.errors import MelpError
from melp.evaluation.cells import read_cells
from melp.evaluation.layouts.chance import predictions_of
from melp.evaluation.layouts.choose import choose, where
from melp.evaluation.layouts.grid import grid_of
from melp.evaluation.layouts.layout import AVERAGE, Layout, get_layout
from melp.evaluation.layouts.notes import caption, not_shown
from melp.evaluation.layouts.pdf import write_pdf
from melp.evaluation.layouts.render import latex, markdown
from melp.evaluation.layouts.table import blocks_of, long_form
from melp.plots.figures import save
from melp.plots.table_points import plot_points

__all__ = ["write_table"]


def write_table(
    folders: Path | Sequence[Path],
    layout: str | Layout,
    out: Path,
    *,
    metric: str = "auroc",
    conditions: Sequence[str] = (),
    rename: Mapping[str, str] | None = None,
    published: bool = False,
    stores: Sequence[Path] = (),
) -> list[Path]:
    """Write the table of the cells in folders as NAME.md, .tex, .pdf, .csv, .svg and .png.

    The PDF is compiled by `pdflatex` if there is one, and otherwise drawn by matplotlib.

    Args:
        folders: a folder with `cells`, or several.
        layout: a layout, or the name of one of the paper's (`LAYOUTS`).
        out: the folder to write to.
        metric: the metric; its mean over classes is shown.
        conditions: select cells, such as "protocol=paper".
        rename: models that stand in the table under another name, such as {"melp": "wav2vec2"}.
        published: whether the published figures follow, with a line about the protocols.
        stores: stores of the evaluated records. With them the best and the second-best are marked only where
            they differ beyond chance.

    Raises:
        MelpError: no cells, no cells of this layout, or cells that do not belong into one table.
    """
    layout = get_layout(layout) if isinstance(layout, str) else layout
    folders = [folders] if isinstance(folders, Path) else list(folders)
    cells, places = _read(folders)
    cells = where(cells, conditions)
    chosen = choose(cells, layout, metric=metric, rename=rename)
    scores = predictions_of(places, stores) if stores else None
    blocks, notes = blocks_of(chosen, layout, metric=metric, published=published, scores=scores)
    notes += not_shown(cells, chosen, layout)
    grid = grid_of(layout, caption(layout, chosen, metric), blocks, notes)
    entries = long_form(blocks, layout)
    source = latex(grid)
    out.mkdir(parents=True, exist_ok=True)
    files = {suffix: out / f"{layout.name}.{suffix}" for suffix in ("md", "tex", "csv", "pdf", "svg", "png")}
    for suffix, text in (("md", markdown(grid)), ("tex", source), ("csv", entries.to_csv(index=False))):
        with replacing(files[suffix]) as partial:
            partial.write_text(text, encoding="utf-8")
    write_pdf(source, grid, files["pdf"])
    figure = plot_points(entries[entries[layout.columns[0]] != AVERAGE], layout, grid.caption)
    for suffix in ("svg", "png"):
        save(figure, files[suffix])
    return list(files.values())


def _read(folders: Sequence[Path]) -> tuple[pd.DataFrame, dict[str, Path]]:
    """Return the cells of folders, each cell once, and the folder of each by key."""
    tables = [(folder, read_cells(folder)) for folder in folders]
    for folder, table in tables:
        if table.empty:
            raise MelpError(f"{folder}: found no cells, wanted a folder that an evaluation has written to")
    cells = pd.concat([table for _, table in tables], ignore_index=True)
    places = {key: folder for folder, table in tables for key in table["key"]}
    rows = [name for name in ("key", "metric", "class", "group") if name in cells]
    return cells.drop_duplicates(rows), places
