"""Tables of a quickstart, from the results that its steps wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from melp.evaluation.cells import read_evaluations
from melp.evaluation.generation import TASK as GENERATION
from melp.evaluation.results import read_results
from melp.evaluation.tables import interval_cell, score_cell
from melp.tasks import Task

__all__ = ["SYSTEMS", "System", "class_table", "comparison", "predictions", "report_table"]


@dataclass(frozen=True)
class System:
    """A way to classify: its title, a short one, the labels that it uses, and whether it is MELP's."""

    title: str
    short: str
    labels: str
    ours: bool


SYSTEMS = {
    "zero-shot": System("MELP, zero-shot", "zero-shot", "none", True),
    "probe": System("MELP, linear probe", "linear probe", "for the probe", True),
    "untrained": System("Same network, untrained, linear probe", "untrained", "for the probe", False),
    "supervised": System("Same encoder, trained with labels", "with labels", "for the whole encoder", False),
}
REPORTS = {
    "melp": "Written by the model",
    "most-frequent-report": "The most frequent report, for all",
    "random-report": "A report drawn at random",
}


def comparison(results: Path) -> dict[str, pd.DataFrame]:
    """Return the macro AUROC of each system, in the order of `SYSTEMS`.

    The tables have one row per task (index) and the columns of `read_results`: `value`, its 95 % interval
    `lo` to `hi`, the number of records `n`, the classes without positives `left_out`.
    """
    lines = _lines(results)
    macro = lines[lines["metric"] == "auroc_macro"].set_index("task")
    tasks = macro.index.unique()
    return {key: macro[macro["system"] == key].loc[tasks] for key in SYSTEMS if key in set(macro["system"])}


def class_table(results: Path, task: Task) -> pd.DataFrame:
    """Return the AUROC of each class (index) by system, its number of positives `cases` and its `wording`."""
    labels = predictions(results, task.name)[1]
    lines = _lines(results)
    lines = lines[(lines["task"] == task.name) & lines["metric"].str.startswith("auroc/")]
    table = lines.pivot(index="metric", columns="system", values="value").rename(lambda name: name[6:])
    table = table.reindex([name for name in task.classes if name in labels])
    wordings = [task.prompts[str(name)][0] for name in table.index]
    return table.assign(cases=labels.sum(), wording=wordings)


def comparison_rows(results: Path) -> tuple[list[str], list[list[str]]]:
    """Return the columns and the rows of `comparison` as text."""
    columns, rows = ["macro AUROC", "labels"], []
    for key, areas in comparison(results).items():
        numbers = areas[["value", "lo", "hi"]].to_numpy(dtype=float)
        texts = [f"{score_cell(value)} ({interval_cell(low, high)})" for value, low, high in numbers]
        rows.append([SYSTEMS[key].title, SYSTEMS[key].labels, *texts])
        columns[2:] = areas.index
    return columns, rows


def report_table(reports: Path) -> pd.DataFrame:
    """Return BLEU-4 and ROUGE-L of the written reports and of two baselines without an ECG, by method."""
    lines = read_results(reports)
    lines = lines[lines["task"] == GENERATION]
    return lines.pivot(index="method", columns="metric", values="value").loc[list(REPORTS)]


def predictions(results: Path, task: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return zero-shot scores and labels of a task: one row per record, one column per class."""
    cells = [one for one in read_evaluations(results) if one.cell.task == task]
    return next((one.scores, one.labels) for one in cells if one.cell.kind == "zero-shot")


def _lines(results: Path) -> pd.DataFrame:
    lines = read_results(results)
    keys = zip(lines["method"], lines["checkpoint"], lines["fraction"], strict=True)
    return lines.assign(system=[_system(*key) for key in keys])


def _system(method: str, checkpoint: str, fraction: float) -> str:
    if method == "supervised":
        return "supervised"
    if Path(checkpoint).name == "untrained":
        return "untrained"
    return "probe" if fraction else "zero-shot"
