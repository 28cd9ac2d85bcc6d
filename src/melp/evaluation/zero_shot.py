"""Zero-shot classification: an ECG against what reports say of each class."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.embed import embed_rows, require, rows_of
from melp.evaluation.judging import Judged, divide, judge_cell, union
from melp.hub import Model
from melp.tasks import Task

__all__ = [
    "Prompts",
    "embed_prompts",
    "read_prompts",
    "similarities",
    "text_embeddings",
    "zero_shot",
    "zero_shot_all",
]

Prompts = Mapping[str, Sequence[str]]


def similarities(
    ecg: Float[np.ndarray, "record dimension"],
    texts: Mapping[str, Float[np.ndarray, "prompt dimension"]],
) -> dict[str, Float[np.ndarray, " record"]]:
    """Cosine of each ECG with the mean direction of the prompts of each class, from -1 to 1.

    Args:
        ecg: embeddings of ECGs in the space shared with text, of any length.
        texts: embeddings of the prompts of each class.
    """
    ecg = _unit(ecg)
    return {name: ecg @ _unit(_unit(prompts).mean(axis=0)) for name, prompts in texts.items()}


def _unit(vectors: Float[np.ndarray, "*count dimension"]) -> Float[np.ndarray, "*count dimension"]:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12))


def embed_prompts(model: Model, prompts: Prompts) -> dict[str, Float[np.ndarray, "prompt dimension"]]:
    """Embeddings of the prompts of each class.

    Raises:
        MelpError: the method has no text tower.
    """
    require(model, "embed_text", "a text tower")
    # Each wording is embedded once; classes may share one.
    wordings = list(dict.fromkeys(text for texts in prompts.values() for text in texts))
    with torch.inference_mode():
        vectors = model.method.embed_text(wordings).float().cpu().numpy()
    row = {text: number for number, text in enumerate(wordings)}
    return {name: vectors[[row[text] for text in texts]] for name, texts in prompts.items()}


def zero_shot(
    model: Model,
    store: Store,
    task: Task,
    *,
    folds: Sequence[int] | None = None,
    prompts: Prompts | None = None,
    min_positives: int = 1,
    ecg: pd.DataFrame | None = None,
) -> Judged:
    """Judges a model on a task by its prompts alone.

    Args:
        model: a loaded model folder whose method knows text.
        store: where the records lie.
        task: classes, labels and prompts.
        folds: folds to judge instead of the task's test folds.
        prompts: wordings of each class instead of the task's.
        min_positives: classes with fewer positives do not count in the macro mean.
        ecg: embeddings from `text_embeddings`, where they are known already.

    Raises:
        MelpError: the method knows no text, or nothing is left to judge.
    """
    part = divide(task, store, folds)
    wordings = dict(prompts or task.prompts)
    vectors = embed_prompts(model, {name: wordings[name] for name in task.classes})
    if ecg is None:
        ecg = text_embeddings(model, store, part.judged)
    scores = pd.DataFrame(similarities(ecg.loc[part.judged].to_numpy(), vectors), index=part.judged)
    return judge_cell(
        model, store, task, part, scores, min_positives=min_positives, options={"prompts": wordings}
    )


def zero_shot_all(
    model: Model,
    store: Store,
    tasks: Sequence[Task],
    *,
    folds: Sequence[int] | None = None,
    prompts: Mapping[str, Prompts] | None = None,
    min_positives: int = 1,
) -> list[Judged]:
    """`zero_shot` on several tasks, with one embedding a record; `prompts` by the name of the task.

    Raises:
        MelpError: as `zero_shot`, before anything is embedded.
    """
    ecg = text_embeddings(model, store, union([divide(task, store, folds).judged for task in tasks]))
    wordings = prompts or {}
    return [
        zero_shot(
            model,
            store,
            task,
            folds=folds,
            prompts=wordings.get(task.name),
            min_positives=min_positives,
            ecg=ecg,
        )
        for task in tasks
    ]


def text_embeddings(model: Model, store: Store, ids: pd.Index, keep: float | None = None) -> pd.DataFrame:
    """Embeddings of the records `ids` in the space shared with text, by id; `keep` as in `map_rows`."""
    return pd.DataFrame(embed_rows(model, store, rows_of(store, ids), space="text", keep=keep), index=ids)


def read_prompts(path: Path, task: Task) -> dict[str, list[str]]:
    """Prompts of a task from a JSON file.

    Takes `{task: {class: [prompt, ...]}}` and the published flat form `{class: "text"}`, where the whole
    string is one prompt, lower-cased, and one key serves all tasks.

    Raises:
        MelpError: the file is not JSON of either form, or a class of the task has no prompt in it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MelpError(f"{path}: found no JSON that can be read, wanted prompts ({error})") from error
    if not isinstance(content, dict):
        raise MelpError(f"{path}: found {type(content).__name__}, wanted {{task: {{class: [prompt, ...]}}}}")
    flat = bool(content) and all(isinstance(value, str) for value in content.values())
    entries = content if flat else content.get(task.name, {})
    prompts = {name: _texts(entries[name], path, name) for name in task.classes if name in entries}
    missing = [name for name in task.classes if not prompts.get(name)]
    if missing:
        raise MelpError(f"{path}: no prompts for {', '.join(missing)} of {task.name}")
    return prompts


def _texts(entry: Any, path: Path, name: str) -> list[str]:
    if isinstance(entry, str):
        return [entry.lower()]
    if isinstance(entry, list) and all(isinstance(text, str) for text in entry):
        return entry
    raise MelpError(f"{path}: {name}: found {type(entry).__name__}, wanted a list of prompts")
