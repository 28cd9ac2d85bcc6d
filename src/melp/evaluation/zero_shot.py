"""Zero-shot classification: cosines between an ECG and the prompts of each class."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import Evaluation
from melp.evaluation.digests import tokenizer_digest
from melp.evaluation.embed import embed_rows, require, rows_of
from melp.evaluation.evaluate import cell_of, evaluate_missing, evaluate_split, split_cell
from melp.evaluation.split import split_records, union
from melp.evaluation.wordings import check_wordings
from melp.hub import Model
from melp.tasks import Task

__all__ = ["Prompts", "embed_prompts", "read_prompts", "similarities", "text_embeddings", "zero_shot"]

Prompts = Mapping[str, Sequence[str]]


def similarities(
    ecg: Float[np.ndarray, "record dimension"],
    texts: Mapping[str, Float[np.ndarray, "prompt dimension"]],
) -> dict[str, Float[np.ndarray, " record"]]:
    """Return the cosine of each ECG with the mean direction of the prompts of each class, from -1 to 1.

    Args:
        ecg: embeddings of ECGs in the space shared with text, of any length.
        texts: embeddings of the prompts of each class.
    """
    ecg = _unit(ecg)
    return {name: ecg @ _unit(_unit(prompts).mean(axis=0)) for name, prompts in texts.items()}


def _unit(vectors: Float[np.ndarray, "*count dimension"]) -> Float[np.ndarray, "*count dimension"]:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12))


def embed_prompts(
    model: Model, prompts: Prompts, what: str = "prompt", *, refuse: bool = True
) -> dict[str, Float[np.ndarray, "prompt dimension"]]:
    """Return the embeddings of the prompts of each class; `what` and `refuse` as in `check_wordings`.

    Raises:
        MelpError: the method has no text tower, or a prompt is refused.
    """
    require(model, "embed_text")
    # Each wording is embedded once; classes may share one.
    wordings = list(dict.fromkeys(text for texts in prompts.values() for text in texts))
    check_wordings(model, wordings, what, refuse)
    with torch.inference_mode():
        vectors = model.method.embed_text(wordings).float().cpu().numpy()
    row = {text: number for number, text in enumerate(wordings)}
    return {name: vectors[[row[text] for text in texts]] for name, texts in prompts.items()}


def zero_shot(
    model: Model,
    store: Store,
    tasks: Sequence[Task],
    *,
    folds: Sequence[int] | None = None,
    prompts: Mapping[str, Prompts] | None = None,
    min_positives: int = 1,
    out: Path | None = None,
) -> list[Evaluation]:
    """Evaluate a model on tasks by prompts alone; each record is embedded once for all tasks.

    Args:
        model: a loaded model folder of a method with text.
        store: the records.
        tasks: classes, labels and prompts.
        folds: folds to evaluate instead of the tasks' test folds.
        prompts: wordings of each class, by name of the task, instead of the task's.
        min_positives: classes with fewer positives do not count in the macro mean.
        out: folder of cells; those in it are not computed again, and the others are written to it.

    Raises:
        MelpError: the method has no text tower, or nothing is left to evaluate.
    """
    require(model, "embed_text")
    splits = [split_records(task, store, folds) for task in tasks]
    wordings = [_wordings(task, prompts) for task in tasks]
    cells = [
        split_cell(
            cell_of("zero-shot", model, store, task),
            split,
            min_positives=min_positives,
            options=prompt_options(model, words),
        )
        for task, split, words in zip(tasks, splits, wordings, strict=True)
    ]

    def evaluate(missing: list[int]) -> Iterator[Evaluation]:
        # All tasks, so that the embeddings do not depend on what is missing.
        ecg = text_embeddings(model, store, union([split.test for split in splits]))
        for place in missing:
            given = bool((prompts or {}).get(tasks[place].name))
            scores = prompt_scores(model, ecg.loc[splits[place].test], wordings[place], refuse=given)
            yield evaluate_split(cells[place], model, store, splits[place], scores)

    return evaluate_missing(cells, out, evaluate)


def _wordings(task: Task, prompts: Mapping[str, Prompts] | None) -> Prompts:
    chosen = (prompts or {}).get(task.name) or task.prompts
    return {name: list(chosen[name]) for name in task.classes}


def prompt_options(model: Model, prompts: Prompts) -> dict[str, Any]:
    """Return the options of a cell that is evaluated by prompts."""
    return {"prompts": prompts, "tokenizer": tokenizer_digest(model)}


def prompt_scores(model: Model, ecg: pd.DataFrame, prompts: Prompts, *, refuse: bool) -> pd.DataFrame:
    """Return the similarity of embedded records with the prompts of each class: a row per record.

    `refuse` is that of `embed_prompts`.
    """
    texts = embed_prompts(model, prompts, refuse=refuse)
    return pd.DataFrame(similarities(ecg.to_numpy(), texts), index=ecg.index)


def text_embeddings(model: Model, store: Store, ids: pd.Index, keep: float | None = None) -> pd.DataFrame:
    """Return the embeddings of records in the space shared with text, by id; `keep` as in `map_rows`."""
    return pd.DataFrame(embed_rows(model, store, rows_of(store, ids), space="text", keep=keep), index=ids)


def read_prompts(path: Path, task: Task) -> dict[str, list[str]]:
    """Read the prompts of a task from a JSON file.

    Accepts `{task: {class: [prompt, ...]}}` and the published flat form `{class: "text"}`, where the whole
    string is one prompt, lower-cased, and one key is used by all tasks.

    Raises:
        MelpError: the file is not JSON of either form, or a class of the task has no prompt in it.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise MelpError(f"{path}: found {type(content).__name__}, wanted {{task: {{class: [prompt, ...]}}}}")
    flat = bool(content) and all(isinstance(value, str) for value in content.values())
    entries = content if flat else content.get(task.name, {})
    prompts = {name: _texts(entries[name], path, name) for name in task.classes if name in entries}
    missing = [name for name in task.classes if not prompts.get(name)]
    if missing:
        raise MelpError(f"{path}: no prompts for {', '.join(missing)} of {task.name}")
    return prompts


def read_json(path: Path) -> Any:
    """Return the content of a JSON file of prompts.

    Raises:
        MelpError: it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MelpError(f"{path}: found no JSON that can be read, wanted prompts ({error})") from error


def _texts(entry: Any, path: Path, name: str) -> list[str]:
    if isinstance(entry, str):
        return [entry.lower()]
    if isinstance(entry, list) and all(isinstance(text, str) for text in entry):
        return entry
    raise MelpError(f"{path}: {name}: found {type(entry).__name__}, wanted a list of prompts")
