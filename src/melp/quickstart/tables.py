"""The tables of the page, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from melp.evaluation.generation import TASK as GENERATION
from melp.evaluation.results import read_results
from melp.quickstart.results import Row, predictions
from melp.tasks import Task

__all__ = ["class_table", "comparison_note", "comparison_table", "report_table"]

OURS = ("zero-shot", "probe")
_BLUE, _GREY = "#1d6fb8", "#7a8590"
_MARKS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_CHANCE = 0.5


def comparison_table(rows: Sequence[Row], tasks: Sequence[Task]) -> str:
    """One row a way to classify, one column a task; with one task also a drawing of the intervals."""
    single = len(tasks) == 1
    names = ["macro AUROC"] if single else [task.name for task in tasks]
    heads = "".join(f'<th class="number">{escape(name)}</th>' for name in names)
    plot = f'<th class="plot">{_axis()}</th>' if single else ""
    body = "".join(_comparison_row(row, tasks) for row in rows)
    return f"<table><thead><tr><th></th>{heads}{plot}</tr></thead><tbody>{body}</tbody></table>"


def _comparison_row(row: Row, tasks: Sequence[Task]) -> str:
    areas = [row.macro[task.name] for task in tasks]
    cells = "".join(
        f'<td class="number"><b>{area.value:.3f}</b><small>{area.low:.2f} – {area.high:.2f}</small></td>'
        for area in areas
    )
    if len(areas) == 1:
        drawn = _interval(areas[0].value, areas[0].low, areas[0].high, _BLUE if row.key in OURS else _GREY)
        cells += f'<td class="plot">{drawn}</td>'
    own = ' class="own"' if row.key in OURS else ""
    title = f"{escape(row.title)}<small>labels: {escape(row.labels)}</small>"
    return f"<tr{own}><th>{title}</th>{cells}</tr>"


def _place(value: float) -> float:
    return 12 + 336 * (max(value, _MARKS[0]) - _MARKS[0]) / (1 - _MARKS[0])


def _axis() -> str:
    marks = "".join(
        f'<text x="{_place(mark):.1f}" y="13" text-anchor="middle">{mark:g}</text>' for mark in _MARKS
    )
    return f'<svg viewBox="0 0 360 16" font-size="12" fill="#56606b" aria-hidden="true">{marks}</svg>'


def _interval(value: float, low: float, high: float, colour: str) -> str:
    lines = "".join(
        f'<path d="M{_place(mark):.1f} 0V34" stroke="{"#9aa4ae" if mark == _CHANCE else "#e3e8ed"}"/>'
        for mark in _MARKS[1:]
    )
    return (
        f'<svg viewBox="0 0 360 34" aria-hidden="true">{lines}'
        f'<path d="M{_place(low):.1f} 17H{_place(high):.1f}" stroke="{colour}" stroke-width="3" '
        f'stroke-linecap="round"/><circle cx="{_place(value):.1f}" cy="17" r="5" fill="{colour}"/></svg>'
    )


def comparison_note(rows: Sequence[Row]) -> str:
    """What stands below the table."""
    left_out = [
        (f"{escape(name)}: " if len(rows[0].macro) > 1 else "") + escape(", ".join(area.left_out))
        for name, area in rows[0].macro.items()
        if area.left_out
    ]
    note = "Small figures: 95 % interval, resampled over patients."
    return note + (f" Classes without a case, left out: {'; '.join(left_out)}." if left_out else "")


def class_table(rows: Sequence[Row], task: Task, results: Path) -> str:
    """Each class of a task, in a part of the page that opens."""
    labels = predictions(results, task.name)[1]
    heads = "".join(f'<th class="number">{escape(_short(row))}</th>' for row in rows)
    body = "".join(
        f"<tr><th>{escape(task.prompts[name][0])} <small>{escape(name)}</small></th>"
        f'<td class="number">{int(labels[name].sum())}</td>'
        + "".join(_area_cell(row.classes[task.name].get(name)) for row in rows)
        + "</tr>"
        for name in task.classes
        if name in labels
    )
    return (
        f'<details><summary>Each class ({escape(task.name)})</summary><div class="wide">'
        f'<table class="classes"><thead><tr><th>class</th><th class="number">cases</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></details>"
    )


def _short(row: Row) -> str:
    return {"probe": "linear probe", "supervised": "with labels"}.get(row.key, row.key)


def _area_cell(value: float | None) -> str:
    if value is None:
        return '<td class="area">–</td>'
    share = 100 * max(value - _CHANCE, 0) / (1 - _CHANCE)
    bar = f"linear-gradient(90deg,#d9e8f5 {share:.0f}%,#f5f7f9 0)"
    return f'<td class="area" style="background:{bar}">{value:.3f}</td>'


def report_table(reports: Path) -> str:
    """Written reports beside the two that need no ECG."""
    lines = read_results(reports)
    lines = lines[lines["task"] == GENERATION]
    titles = {
        "melp": "Written by the model",
        "most-frequent-report": "The most frequent report, for all",
        "random-report": "A report drawn at random",
    }
    body = ""
    for method, title in titles.items():
        own = lines[lines["method"] == method].set_index("metric")["value"]
        cells = "".join(f'<td class="number"><b>{own[name]:.3f}</b></td>' for name in ("bleu4", "rouge_l"))
        mark = ' class="own"' if method == "melp" else ""
        body += f"<tr{mark}><th>{title}</th>{cells}</tr>"
    return (
        '<table style="max-width:620px"><thead><tr><th></th><th class="number">BLEU-4</th>'
        f'<th class="number">ROUGE-L</th></tr></thead><tbody>{body}</tbody></table>'
    )
