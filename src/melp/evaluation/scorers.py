"""Scores of preprocessed ECGs for labels in words, the classes of a task, or those of a classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from jaxtyping import Float
from torch import Tensor

from melp.errors import MelpError
from melp.evaluation.answers import group_answers
from melp.evaluation.embed import require
from melp.evaluation.prompts import Prompts, contrasted, prompts_for, sides
from melp.evaluation.similarity import embed_prompts, similarities
from melp.evaluation.wordings import as_statement
from melp.hub import Model
from melp.tasks import Task

__all__ = ["SIMILARITY", "Scorer", "class_scorer", "label_scorer", "task_scorer"]

SIMILARITY, LOGIT = "similarity", "logit"


@dataclass(frozen=True)
class Scorer:
    """Scores preprocessed ECGs.

    Attributes:
        names: the labels.
        measure: what the scores are: similarities with texts (cosines), or logits of a classifier or of a
            method with answers.
        score: maps preprocessed ECGs [record, lead, samples] to scores.
        statements: what labels in words are asked as.
    """

    names: tuple[str, ...]
    measure: str
    score: Callable[[Tensor], Float[np.ndarray, "record label"]]
    statements: tuple[str, ...] = ()


def label_scorer(model: Model, labels: Sequence[str]) -> Scorer:
    """Return a scorer by wordings such as "atrial fibrillation"; a string is one of them.

    Raises:
        MelpError: no label, an empty label or one of unknown words, or a method without text.
    """
    labels = [labels] if isinstance(labels, str) else labels
    if not labels or not all(label.strip() for label in labels):
        raise MelpError("label: found none or an empty one, wanted a wording such as 'atrial fibrillation'")
    prompts = {label: [as_statement(label)] for label in labels}
    statements = tuple(statement for (statement,) in prompts.values())
    if hasattr(model.method, "answers"):
        return replace(_answer_scorer(model, prompts, "label", refuse=True), statements=statements)
    require(model, "project_ecg")
    texts = embed_prompts(model, prompts, "label")

    def score(inputs: Tensor) -> Float[np.ndarray, "record label"]:
        return np.stack(list(similarities(_project(model, inputs), texts).values()), axis=1)

    return Scorer(tuple(prompts), SIMILARITY, score, statements)


def task_scorer(model: Model, task: Task) -> Scorer:
    """Return a scorer for the classes of a task: by its prompts, or those of a classifier trained on it.

    Raises:
        MelpError: a method without text, or a classifier of other classes.
    """
    if "classes" in model.config:
        if set(model.config["classes"]) != set(task.classes):
            found = f"{model.folder}: the classes of {model.config.get('task')} found"
            raise MelpError(f"{found}, wanted those of {task.name}")
        return class_scorer(model)
    prompts = prompts_for(model, task)
    if hasattr(model.method, "answers"):
        return _answer_scorer(model, prompts, "prompt", refuse=False)
    require(model, "project_ecg")
    texts = embed_prompts(model, sides(prompts), refuse=False)

    def score(inputs: Tensor) -> Float[np.ndarray, "record label"]:
        found = similarities(_project(model, inputs), texts)
        return contrasted(pd.DataFrame(found), prompts).to_numpy()

    return Scorer(task.classes, SIMILARITY, score)


def class_scorer(model: Model) -> Scorer:
    """Return a scorer of a classifier's classes.

    Raises:
        MelpError: the model is not a classifier.
    """
    require(model, "logits")
    return Scorer(tuple(model.config["classes"]), LOGIT, partial(_logits, model))


def _answer_scorer(model: Model, prompts: Prompts, what: str, *, refuse: bool) -> Scorer:
    texts = sides(prompts)
    ask = group_answers(model, texts, what, refuse)

    def score(inputs: Tensor) -> Float[np.ndarray, "record label"]:
        found = pd.DataFrame(ask(inputs).cpu().numpy(), columns=list(texts))
        return contrasted(found, prompts).to_numpy()

    return Scorer(tuple(prompts), LOGIT, score)


def _project(model: Model, inputs: Tensor) -> Float[np.ndarray, "record dimension"]:
    return np.asarray(model.method.project_ecg(inputs).float().cpu().numpy())


def _logits(model: Model, inputs: Tensor) -> Float[np.ndarray, "record label"]:
    return np.asarray(model.method.logits(inputs).float().cpu().numpy())
