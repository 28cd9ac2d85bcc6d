"""`report.html`: the results of a quickstart as one self-contained page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from melp import __version__
from melp.data.store import Store
from melp.disclaimer import DISCLAIMER
from melp.evaluation.tables import interval_cell, score_cell
from melp.hub import Model
from melp.hub.folder import write_text
from melp.plots.attention import shading
from melp.plots.curves import plot_curve, read_log
from melp.plots.ecg_paper import ecg_page
from melp.plots.ecg_shading import shade
from melp.plots.figures import svg
from melp.quickstart.examples import Example, examples
from melp.quickstart.results import REPORTS, SYSTEMS, class_table, comparison, report_table
from melp.tasks import Task
from melp.training.callbacks import LOG

__all__ = ["PAGE", "write_page"]

PAGE = "report.html"
CURVES = {
    "loss": "ECGs and reports: total loss",
    "global": "Rhythm: ECG and report",
    "local": "Beats: heartbeats and statements",
    "caption": "Tokens: writing the report",
}


def write_page(
    out: Path, store: Store, model: Model, tasks: Sequence[Task], steps: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write `out/report.html` from the files of all steps; the page loads no other file.

    Args:
        out: the folder of a quickstart.
        store: its store.
        model: its model.
        tasks: the tasks that the model was evaluated on.
        steps: `seconds` of each step by name.
    """
    results, reports = out / "results", pd.read_parquet(out / "reports" / "reports.parquet")
    areas = comparison(results)
    environment = Environment(
        loader=PackageLoader("melp.quickstart"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["score"] = score_cell
    environment.globals["interval_cell"] = interval_cell
    text = environment.get_template("page.html").render(
        synthetic=store.manifest["corpus"] == "synthetic",
        store=store,
        trained=int(store.index["fold"].isin(model.config["data"]["train_folds"]).sum()),
        tasks=tasks,
        systems=SYSTEMS,
        comparison=areas,
        columns={key: SYSTEMS[key].short for key in areas},
        classes={task.name: class_table(results, task) for task in tasks},
        curves=_curves(out, tasks),
        reports=reports,
        report_scores=report_table(out / "reports"),
        report_titles=REPORTS,
        examples=examples(results, reports, store, model, tasks),
        paper=_paper,
        steps=steps,
        folder=model.folder,
        version=__version__,
        disclaimer=DISCLAIMER,
    )
    write_text(out / PAGE, text)


def _curves(out: Path, tasks: Sequence[Task]) -> Iterator[tuple[str, Markup]]:
    """Yield title and figure of the losses of each training."""
    curves = {}
    if (out / "run" / "text" / LOG).is_file():
        curves["Language model: masked words"] = read_log(out / "run" / "text" / LOG)["loss"]
    losses = read_log(out / "run" / LOG)
    curves |= {title: losses[name] for name, title in CURVES.items() if name in losses}
    for task in tasks:
        title = "Encoder alone, with labels" + (f": {task.name}" if len(tasks) > 1 else "")
        curves[title] = read_log(out / "supervised" / task.name / LOG)["loss"]
    for title, curve in curves.items():
        yield title, Markup(svg(plot_curve(title, curve)))


def _paper(example: Example, name: str) -> Markup:
    """The ECG of an example with its shading, as SVG."""
    page = ecg_page(example.ecg, paper=None, header=False)
    for number, depths in enumerate(() if example.relevance is None else shading(example.relevance)):
        edges = np.linspace(0, page.layout.end, len(depths) + 1)
        shade(page, edges, depths, gid=f"{name}-layer-{number}")
    return Markup(svg(page.figure))
