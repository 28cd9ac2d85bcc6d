"""Test ECGs with their reports, the reports that the model writes, and its zero-shot classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from melp.data.store import Store
from melp.ecg import ECG
from melp.hub import Model
from melp.plots.attention import statement_relevance
from melp.quickstart.results import predictions
from melp.tasks import Task

__all__ = ["Example", "Ranked", "examples"]

COUNT, TOP = 6, 5


@dataclass(frozen=True)
class Ranked:
    """A class with its zero-shot score (a cosine) and the share of test ECGs with a lower score."""

    wording: str
    score: float
    above: float
    true: bool


@dataclass(frozen=True)
class Example:
    """A test ECG.

    Attributes:
        ecg: the ECG.
        statements: its report.
        generated: the statements that the model wrote.
        ranking: the classes with the highest zero-shot scores.
        missed: wordings of the true classes that are not in `ranking`.
        relevance: attention of each statement over time (see `statement_relevance`); None without beats.
    """

    ecg: ECG
    statements: list[str]
    generated: list[str]
    ranking: list[Ranked]
    missed: list[str]
    relevance: Float[np.ndarray, "statement frame"] | None

    @property
    def person(self) -> str:
        """Age and sex."""
        age, sex = self.ecg.meta.get("age"), self.ecg.meta.get("sex")
        texts = [f"{age:.0f} years" if age is not None and np.isfinite(age) else "", str(sex or "")]
        return ", ".join(text for text in texts if text)

    @property
    def peaks(self) -> list[float]:
        """The highest attention of each statement, in multiples of uniform attention."""
        return [] if self.relevance is None else [row.max() * len(row) for row in self.relevance]


def examples(
    results: Path, reports: pd.DataFrame, store: Store, model: Model, tasks: Sequence[Task], seed: int = 0
) -> list[Example]:
    """Return records drawn at random, each with a class that the ones before do not have.

    The selection does not depend on the scores.
    """
    scores, labels, wordings = _join_tasks(results, tasks)
    written = reports.set_index("id")["generated"]
    ids = np.random.default_rng(seed).permutation(scores.index[scores.index.isin(written.index)])
    chosen: list[str] = []
    seen: set[str] = set()
    for record in ids:
        classes = set(labels.columns[labels.loc[record]])
        if len(chosen) < COUNT and classes - seen:
            chosen.append(str(record))
            seen |= classes
    return [
        _example(store.ecg(record), written[record], scores, labels, wordings, model) for record in chosen
    ]


def _join_tasks(results: Path, tasks: Sequence[Task]) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Return scores, labels and wordings of all classes; a class of several tasks is kept once."""
    wordings: dict[str, str] = {}
    scores, labels = [], []
    for task in tasks:
        task_scores, task_labels = predictions(results, task.name)
        new = [name for name in task.classes if name not in wordings and name in task_scores]
        scores.append(task_scores[new])
        labels.append(task_labels[new])
        wordings |= {name: task.prompts[name][0] for name in new}
    joined = [pd.concat(tables, axis=1).sort_index() for tables in (scores, labels)]
    return joined[0], joined[1].eq(True), wordings


def _example(
    ecg: ECG,
    generated: str,
    scores: pd.DataFrame,
    labels: pd.DataFrame,
    wordings: dict[str, str],
    model: Model,
) -> Example:
    statements = list(ecg.meta["statements"])
    record = str(ecg.meta["id"])
    best, true = scores.T[record].dropna().sort_values(ascending=False).head(TOP), labels.T[record]
    above = (scores[best.index] < best).sum() / scores[best.index].notna().sum()
    return Example(
        ecg,
        statements,
        [text for text in (part.strip(" .") for part in generated.split(". ")) if text],
        [Ranked(wordings[name], best[name], above[name], true[name]) for name in best.index],
        [wordings[name] for name in labels.columns if true[name] and name not in best],
        _relevance(model, ecg, statements),
    )


def _relevance(model: Model, ecg: ECG, statements: list[str]) -> Float[np.ndarray, "statement frame"] | None:
    if not getattr(getattr(model.method, "config", None), "local_weight", 0):
        return None
    with torch.inference_mode():
        inputs = model.inputs(ecg)[0]
        return statement_relevance(model.method, inputs, statements).cpu().numpy()
