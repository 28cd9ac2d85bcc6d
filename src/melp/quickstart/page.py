"""`report.html`: one page, with everything inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd

from melp import __version__
from melp.data.store import Store
from melp.evaluation.classify import DISCLAIMER
from melp.hub import Model
from melp.hub.folder import write_text
from melp.plots.curves import curve_panel, read_log
from melp.quickstart.example_page import example_html
from melp.quickstart.examples import examples
from melp.quickstart.results import Row, comparison
from melp.quickstart.tables import class_table, comparison_note, comparison_table, report_table
from melp.tasks import Task
from melp.training.callbacks import LOG

__all__ = ["PAGE", "write_page"]

PAGE = "report.html"
_STATEMENTS = 16  # layers of shading that the style sheet knows


def write_page(
    out: Path, store: Store, model: Model, tasks: Sequence[Task], steps: Mapping[str, Mapping[str, Any]]
) -> None:
    """Writes `out/report.html` from the files that the steps left; it needs nothing outside itself.

    Args:
        out: folder of a quickstart.
        store: its store.
        model: its model.
        tasks: what was judged.
        steps: name -> `title`, `seconds`.
    """
    rows = comparison(out / "results", tasks)
    reports = pd.read_parquet(out / "reports" / "reports.parquet")
    corpus = str(store.manifest["corpus"])
    synthetic = corpus == "synthetic"
    shown = examples(out / "results", reports, store, model, tasks)
    text = Template((files("melp.quickstart") / "page.html").read_text(encoding="utf-8")).substitute(
        title=f"MELP on {'simulated ECGs' if synthetic else 'PTB-XL'}",
        lead=_lead(store, model, synthetic),
        disclaimer=escape(DISCLAIMER.partition(": ")[2].capitalize()),
        layers=_layer_rules(),
        judged=_judged(rows, tasks),
        comparison=comparison_table(rows, tasks),
        comparison_note=comparison_note(rows),
        classes="".join(class_table(rows, task, out / "results") for task in tasks),
        curves="".join(_curves(out, tasks)),
        reports_note=_reports_note(len(reports)),
        reports=report_table(out / "reports"),
        examples_note=_examples_note(shown),
        examples="".join(example_html(example, number) for number, example in enumerate(shown)),
        footer=_footer(model, steps),
    )
    write_text(out / PAGE, text)


def _layer_rules() -> str:
    """The shading of the chosen statement is shown, the others are not."""
    return "\n".join(
        f"article:has(.pick-{number}:checked) .layer-{number} {{ opacity: 1; }}"
        for number in range(_STATEMENTS)
    )


def _lead(store: Store, model: Model, synthetic: bool) -> str:
    kind = "simulated 12-lead ECGs with reports in varied wording" if synthetic else "12-lead ECGs of PTB-XL"
    data = model.config["data"]
    folds = store.index["fold"]
    trained = int(folds.isin(data["train_folds"]).sum())
    return (
        f"A model that learned to read ECGs from their reports: {len(store):,} {kind}, {store.rate:g} Hz, "
        f"{store.seconds:g} s. {trained:,} of them were trained on, with no label but their reports."
    )


def _judged(rows: Sequence[Row], tasks: Sequence[Task]) -> str:
    areas = list(rows[0].macro.values())
    counts = ", ".join(
        f"{area.n:,} recordings and {len(task.classes) - len(area.left_out)} classes"
        + (f" ({task.name})" if len(tasks) > 1 else "")
        for task, area in zip(tasks, areas, strict=True)
    )
    return (
        "Area under the ROC curve, the mean over the classes, on recordings of patients that no training has "
        f"seen: {counts}. 0.5 is chance, 1 is perfect. Zero-shot compares an ECG with the words for each "
        "class; a linear probe learns one weight a feature from labels while the network stays as it is."
    )


CURVES = {
    "loss": "ECGs and reports: whole loss",
    "global": "Rhythm: ECG and report",
    "local": "Beats: heartbeats and statements",
    "caption": "Tokens: writing the report",
}


def _curves(out: Path, tasks: Sequence[Task]) -> list[str]:
    panels = []
    words = out / "run" / "text" / LOG
    if words.is_file():
        panels.append(curve_panel("Language model: masked words", read_log(words)["loss"]))
    curves = read_log(out / "run" / LOG)
    panels += [curve_panel(title, curves[name]) for name, title in CURVES.items() if name in curves]
    for task in tasks:
        title = "Encoder alone, with labels" + (f": {task.name}" if len(tasks) > 1 else "")
        panels.append(curve_panel(title, read_log(out / "supervised" / task.name / LOG)["loss"]))
    return panels


def _reports_note(count: int) -> str:
    return (
        f"The decoder wrote a report for each of {count:,} test ECGs. BLEU-4 counts runs of up to four words "
        "that it shares with the true report, ROUGE-L the longest common order of words; both go from 0 to 1."
    )


def _examples_note(shown: Sequence[Any]) -> str:
    note = (
        "Drawn by chance, each with a finding that the ones before it did not have; how well the model does "
        "plays no part. Paper speed 25 mm/s, 10 mm/mV: a big square is 0.2 s wide and 0.5 mV high."
    )
    if any(example.relevance is not None for example in shown):
        note += (
            " Choose a statement of the true report to see in blue where in time it looks: its attention "
            "over the model's beats, times theirs over the recording, where it is above an even spread. "
            "It shows where the vectors that are compared come from, and is no explanation of a finding."
        )
    return note


def _footer(model: Model, steps: Mapping[str, Mapping[str, Any]]) -> str:
    folder = escape(str(model.folder))
    total = sum(float(step["seconds"]) for step in steps.values())
    each = ", ".join(f"{escape(str(name))} {float(step['seconds']):.0f} s" for name, step in steps.items())
    return (
        f"<p>Made by melp {__version__} in {total / 60:.1f} minutes ({each}). The model folder is "
        f"<code>{folder}</code>; try <code>melp classify {folder} RECORD.hea "
        '--label "atrial fibrillation" --label "normal sinus rhythm"</code>.</p>'
        f"<p>{escape(DISCLAIMER)}</p>"
    )
