"""The tables and the figure of docs/questions.md, from the committed cells."""

from __future__ import annotations

import json
from collections.abc import Callable

import pandas as pd
from _common import RESULTS
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from melp.evaluation.cells import read_cells
from melp.evaluation.disturbances import DISTURBANCES
from melp.evaluation.generation import COLUMNS
from melp.evaluation.prompts import Prompts
from melp.evaluation.retrieval import ECG_TO_REPORT, REPORT_TO_ECG
from melp.evaluation.tables import change_cell, interval_cell, markdown_table, score_cell
from melp.plots.figures import BLUE, GREY, ORANGE, plain_axes
from melp.tasks import get_task

CELLS = RESULTS / "questions"
STORES = CELLS / "stores.json"
FOLDS = (9, 10)
TASK, LEAST = "ptbxl-super", 1
NORMAL = ["normal ecg", "no definite pathology"]
READINGS = ("probe", "zero-shot")
MOST_FINDINGS = 15


def prompt_sets() -> dict[str, Prompts]:
    """Return the prompts of the task by what is done with them."""
    prompts = get_task(TASK).prompts
    against = {name: {"for": texts, "against": NORMAL} for name, texts in prompts.items() if name != "NORM"}
    return {
        "one text": {name: texts[:1] for name, texts in prompts.items()},
        "all texts": prompts,
        "all texts, against normal": {**prompts, **against},
    }


def rows_of(kind: str) -> pd.DataFrame:
    """Return the rows of a kind of cells; `options` is a mapping."""
    table = read_cells(CELLS)
    table = table[table["kind"] == kind].reset_index(drop=True)
    return table.assign(options=table["options"].map(json.loads))


def option(rows: pd.DataFrame, name: str) -> pd.Series:
    """Return an option of the cell of each row."""
    return rows["options"].map(lambda options: options.get(name))


def messages(kind: str) -> str:
    """Return the different messages of a kind of cells of the model, one a line."""
    contents = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(CELLS.glob("cells/*.json"))]
    own = [one for one in contents if (one["cell"]["kind"], one["cell"]["method"]) == (kind, "melp")]
    lines = sorted({line for one in own for line in one["messages"]})
    return "".join(f"\n* {line}" for line in lines) + "\n"


def value_cell(row: pd.Series) -> str:
    """Return a value with its interval."""
    if row["metric"] == "median_rank":
        return f"{row['value']:g} ({row['lo']:g} to {row['hi']:g})"
    return f"{score_cell(row['value'])} ({interval_cell(row['lo'], row['hi'])})"


def chance_cell(row: pd.Series) -> str:
    """Return the value by chance."""
    return f"{row['chance']:g}" if row["metric"] == "median_rank" else score_cell(row["chance"])


def retrieval() -> str:
    """Return recalls and ranks in both directions."""
    by = {(row["class"], row["metric"]): row for _, row in rows_of("retrieval").iterrows()}
    metrics = [metric for name, metric in by if name == ECG_TO_REPORT]
    lines = []
    for metric in metrics:
        values = (value_cell(by[name, metric]) for name in (ECG_TO_REPORT, REPORT_TO_ECG))
        lines.append((metric, *values, chance_cell(by[ECG_TO_REPORT, metric])))
    return markdown_table(("", "ECG to report", "report to ECG", "by chance"), lines)


def identification() -> str:
    """Return ranks and verification."""
    rows = [row for _, row in rows_of("identification").iterrows()]
    lines = [(row["metric"], value_cell(row), chance_cell(row)) for row in rows]
    return markdown_table(("", "value", "by chance"), lines) + messages("identification")


def robustness() -> str:
    """Return the mean AUROC of each condition and its difference to the undisturbed recordings."""
    rows = rows_of("robustness")
    rows = rows.assign(by=option(rows, "by"), condition=option(rows, "condition"))
    means = rows[rows["class"].isna()].set_index(["by", "condition", "metric"])
    lines = []
    for condition in DISTURBANCES:
        line = [condition]
        for by in READINGS:
            change = means.loc[(by, condition, "auroc_change"), ["value", "lo", "hi"]]
            line.append(score_cell(means.loc[(by, condition, "auroc"), "value"]))
            line.append("" if condition == "12" else change_cell(*change))
        lines.append(line)
    return markdown_table(("recordings", *(name for by in READINGS for name in (by, f"{by}: change"))), lines)


def transfer() -> str:
    """Return the mean AUROC on each other corpus, over the findings that both corpora have."""
    rows = rows_of("transfer")
    rows = rows.assign(by=option(rows, "by"), corpus=rows["store"].map(json.loads(STORES.read_text())))
    lines = []
    for (corpus, by), part in rows[rows["metric"] == "auroc"].groupby(["corpus", "by"]):
        whole = part[part["class"].isna()].iloc[0]
        counted = part[part["class"].notna()]["value"].notna().sum()
        lines.append((corpus, by, int(whole["n"]), int(counted), value_cell(whole)))
    names = ("corpus", "by", "records", "findings that occur", "mean AUROC (0.5 by chance)")
    return markdown_table(names, lines) + messages("transfer")


def generation() -> str:
    """Return the scores of reports, and those of the model's most frequent findings."""
    rows = rows_of("generation")
    whole = rows[rows["class"].isna()]
    by = {(row["method"], row["metric"]): row for _, row in whole.iterrows()}
    metrics = list(dict.fromkeys(whole["metric"]))
    sources = [name or "melp" for name in COLUMNS.values()]
    lines = []
    for source in sources:
        found = [by[source, metric] for metric in metrics]
        lines.append(
            (source, *(value_cell(row) if pd.notna(row["lo"]) else score_cell(row["value"]) for row in found))
        )
    names = [metric.replace("_", " ") for metric in metrics]
    return markdown_table(("reports", *names), lines) + "\n" + _findings(rows) + messages("generation")


def _findings(rows: pd.DataFrame) -> str:
    """Return the scores of the findings that are most frequent in the true reports."""
    own = rows[(rows["method"] == "melp") & rows["class"].notna()]
    wide = own.pivot(index="class", columns="metric", values="value")
    counts = own.groupby("class")["positives"].first().sort_values(ascending=False, kind="stable")
    scores = ("precision", "recall", "f1")
    lines = [
        (name, int(count), *(score_cell(wide.loc[name, f"clinical_{score}"]) for score in scores))
        for name, count in counts.head(MOST_FINDINGS).items()
    ]
    return markdown_table(("finding", "reports with it", *scores), lines)


def prompts() -> str:
    """Return the mean AUROC of each set of prompts by each similarity."""
    rows = rows_of("zero-shot")
    rows = rows[rows["class"].isna() & (rows["metric"] == "auroc")]
    similarities = ("global", "local")
    lines = []
    for name, chosen in prompt_sets().items():
        part = rows[option(rows, "prompts") == chosen]
        values = part.set_index(option(part, "similarity"))
        lines.append((name, *(value_cell(values.loc[similarity]) for similarity in similarities)))
    return markdown_table(("prompts", *similarities), lines)


TABLES: dict[str, Callable[[], str]] = {
    f"questions_{table.__name__}.md": table
    for table in (retrieval, identification, robustness, transfer, generation, prompts)
}


def figure() -> Figure:
    """Return recalls beside chance, and the AUROC of each condition with its interval."""
    page = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = page.subplots(1, 2, width_ratios=(2, 3))
    rows = rows_of("retrieval")
    recalls = rows[rows["metric"].str.startswith("recall")]
    parts = [recalls[recalls["class"] == name] for name in (ECG_TO_REPORT, REPORT_TO_ECG)]
    names = parts[0]["metric"].str.removeprefix("recall@")
    _points(left, parts, list(names), ["ECG to report", "report to ECG"])
    left.scatter(range(len(names)), parts[0]["chance"], color=GREY, marker="_", s=500, label="by chance")
    left.set_xlabel("among the first k", fontsize=8)
    left.set_ylim(0)
    plain_axes(left, "Recall of retrieval")
    rows = rows_of("robustness")
    rows = rows[rows["class"].isna() & (rows["metric"] == "auroc")]
    conditions = list(DISTURBANCES)
    parts = [rows[option(rows, "by") == by] for by in READINGS]
    parts = [part.set_index(option(part, "condition")).loc[conditions] for part in parts]
    _points(right, parts, conditions, list(READINGS))
    right.axhline(0.5, color=GREY, linewidth=0.8)
    plain_axes(right, f"Mean AUROC of {TASK}: leads that stay, noise in mV")
    right.tick_params(axis="x", labelrotation=30)
    for axes in (left, right):
        axes.legend(frameon=False, fontsize=8)
    return page


def _points(axes: Axes, parts: list[pd.DataFrame], names: list[str], labels: list[str]) -> None:
    """Draw the values of two series with their intervals, beside each other."""
    for part, label, color, shift in zip(parts, labels, (BLUE, ORANGE), (-0.1, 0.1), strict=True):
        at = [place + shift for place in range(len(names))]
        reach = [part["value"] - part["lo"], part["hi"] - part["value"]]
        axes.errorbar(at, part["value"], reach, fmt="o", markersize=4, color=color, capsize=2, label=label)
    axes.set_xticks(range(len(names)), names)
