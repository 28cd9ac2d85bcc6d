"""Test ECGs to look at: what was said of them, by people or simulator and by the model."""

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
from melp.evaluation.embed import device_of
from melp.hub import Model
from melp.plots.attention import statement_relevance
from melp.quickstart.results import predictions
from melp.tasks import Task

__all__ = ["Example", "Ranked", "examples"]

COUNT, TOP = 6, 5


@dataclass(frozen=True)
class Ranked:
    """A class by its zero-shot score: the cosine, and the share of test ECGs that have a lower one."""

    name: str
    wording: str
    score: float
    above: float
    true: bool


@dataclass(frozen=True)
class Example:
    """A test ECG; `relevance` says where in time each of its statements looks, or is None without beats."""

    id: str
    ecg: ECG
    statements: list[str]
    generated: str
    ranking: list[Ranked]
    findings: list[str]
    relevance: Float[np.ndarray, "statement frame"] | None


def examples(
    results: Path, reports: pd.DataFrame, store: Store, model: Model, tasks: Sequence[Task], seed: int = 0
) -> list[Example]:
    """Records drawn by chance, each with a class that none before it had; success plays no part."""
    scores, labels, wordings = _joined(results, tasks)
    written = reports.set_index("id")["generated"]
    ids = np.random.default_rng(seed).permutation(scores.index[scores.index.isin(written.index)])
    chosen: list[str] = []
    seen: set[str] = set()
    for record in ids:
        own = set(labels.columns[labels.loc[record]])
        if len(chosen) < COUNT and own - seen:
            chosen.append(str(record))
            seen |= own
    return [
        _example(store.ecg(record), written[record], scores, labels, wordings, model) for record in chosen
    ]


def _joined(results: Path, tasks: Sequence[Task]) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Scores and labels over the classes of all tasks; a class that several have counts once."""
    scores, labels = pd.DataFrame(), pd.DataFrame()
    wordings: dict[str, str] = {}
    for task in tasks:
        own_scores, own_labels = predictions(results, task.name)
        new = [name for name in task.classes if name not in wordings and name in own_scores]
        scores = scores.join(own_scores[new], how="outer") if len(scores) else own_scores[new]
        labels = labels.join(own_labels[new], how="outer") if len(labels) else own_labels[new]
        wordings |= {name: task.prompts[name][0] for name in new}
    return scores, labels.eq(True), wordings


def _example(
    ecg: ECG,
    generated: str,
    scores: pd.DataFrame,
    labels: pd.DataFrame,
    wordings: dict[str, str],
    model: Model,
) -> Example:
    record, statements = str(ecg.meta["id"]), list(ecg.meta["statements"])
    own, true = scores.T[record].dropna().sort_values(ascending=False), labels.T[record]
    ranking = [
        Ranked(
            str(name),
            wordings[str(name)],
            float(score),
            float((scores[name] < score).sum() / scores[name].notna().sum()),
            bool(true[str(name)]),
        )
        for name, score in own.head(TOP).items()
    ]
    findings = [wordings[name] for name in labels.columns if true[name]]
    relevance = _relevance(model, ecg, statements)
    return Example(record, ecg, statements, generated, ranking, findings, relevance)


def _relevance(model: Model, ecg: ECG, statements: list[str]) -> Float[np.ndarray, "statement frame"] | None:
    if not getattr(getattr(model.method, "config", None), "local_weight", 0):
        return None
    with torch.inference_mode():
        inputs = model.inputs(ecg).to(device_of(model))[0]
        return statement_relevance(model.method, inputs, statements).cpu().numpy()
