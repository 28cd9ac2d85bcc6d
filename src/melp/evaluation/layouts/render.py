"""A table as Markdown and as a LaTeX document."""

from __future__ import annotations

import itertools

import pandas as pd

from melp.evaluation.layouts.grid import INTERVAL, TITLE, VALUE, Grid, Line
from melp.evaluation.layouts.marks import BEST, SECOND
from melp.evaluation.tables import markdown_table

__all__ = ["latex", "markdown"]

_MARKDOWN = {
    BEST: ("**", "**"),
    SECOND: ("<ins>", "</ins>"),
    INTERVAL: ("<sub>", "</sub>"),
    TITLE: ("*", "*"),
}
_LATEX = {BEST: "textbf", SECOND: "underline", INTERVAL: "scriptsize", TITLE: "textit"}
_DOCUMENT = r"""\documentclass{article}
\usepackage[a4paper,landscape,margin=12mm]{geometry}
\usepackage{adjustbox,amssymb,booktabs}
\DeclareUnicodeCharacter{2212}{\ensuremath{-}}
\DeclareUnicodeCharacter{2713}{\checkmark}
\pagestyle{empty}
\begin{document}
\noindent
%s\par\medskip\noindent
\begin{adjustbox}{max width=\linewidth,max totalheight=0.8\textheight}
%s\end{adjustbox}\par\medskip\noindent
%s\end{document}
"""


def markdown(grid: Grid) -> str:
    """Return the table, its caption and its notes; intervals are in the cells of their values."""
    names = ["<br>".join(filter(None, head)) for head in grid.heads]
    rows: list[list[str]] = []
    for line in grid.lines:
        cells = [_marked(*cell, line.kind) for cell in zip(line.cells, line.marks, strict=True)]
        if line.kind == INTERVAL:
            rows[-1] = ["<br>".join(filter(None, pair)) for pair in zip(rows[-1], cells, strict=True)]
        else:
            rows.append(cells)
    return "\n\n".join([grid.caption, markdown_table(names, rows).rstrip("\n"), *grid.notes]) + "\n"


def _marked(text: str, mark: str, kind: str) -> str:
    before, after = _MARKDOWN.get(mark or kind, ("", ""))
    return f"{before}{text}{after}" if text else ""


def latex(grid: Grid) -> str:
    """Return a document with the table between `booktabs` rules."""
    return _DOCUMENT % (
        _paragraphs([grid.caption]),
        _tabular(grid),
        _paragraphs(grid.notes, r"\footnotesize"),
    )


def _tabular(grid: Grid) -> str:
    columns = pd.MultiIndex.from_tuples(grid.heads)
    table = pd.DataFrame([line.cells for line in grid.lines], columns=columns)
    befores = ["", *(line.kind for line in grid.lines)]
    styles = pd.DataFrame(list(map(_styles, grid.lines, befores)), columns=columns)
    styler = table.style.format(escape="latex").format_index(escape="latex", axis="columns")
    styler = styler.apply(lambda _: styles, axis=None).hide(axis="index")
    if rules := _rules(grid.heads):
        before = [rules, *[""] * (len(columns) - 1)]
        styler = styler.apply_index(lambda _: before, axis="columns", level=columns.nlevels - 1)
    sides = "l" * grid.labels + "r" * (len(columns) - grid.labels)
    return str(styler.to_latex(hrules=True, multicol_align="c", column_format=sides))


def _styles(line: Line, before: str) -> list[str]:
    """Return the commands around each cell, in the form that `Styler.to_latex` reads.

    `before` is the kind of the line before. A block has a rule above it, and an interval a space below.
    """
    commands = [_LATEX.get(mark or line.kind, "") for mark in line.marks]
    pairs = zip(commands, line.cells, strict=True)
    styles = [f"{name}:--rwrap" if name and cell else "" for name, cell in pairs]
    space = "midrule" if line.kind == TITLE else "addlinespace[3pt]" if line.kind == VALUE else ""
    starts = space and before and (line.kind == TITLE or before == INTERVAL)
    return [f"{space}:--nowrap;{styles[0]}", *styles[1:]] if starts else styles


def _rules(heads: list[tuple[str, ...]]) -> str:
    """Return commands for a rule below each heading that stands over several others."""
    groups = itertools.groupby(range(len(heads)), key=lambda place: heads[place][:-1])
    spans = [[place + 1 for place in places] for names, places in groups if any(names)]
    return ";".join(f"cmidrule(lr){{{span[0]}-{span[-1]}}}:--nowrap" for span in spans if len(span) > 1)


def _paragraphs(texts: list[str], size: str = "") -> str:
    """Return paragraphs, escaped by pandas."""
    styler = pd.DataFrame(texts).style.format(escape="latex").hide(axis="index").hide(axis="columns")
    return size + str(styler.to_latex(column_format=r"@{}p{\linewidth}@{}"))
