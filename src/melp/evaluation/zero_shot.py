"""Zero-shot classification: cosines between an ECG and the prompts of each class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.answers import answers
from melp.evaluation.beats import beat_similarities
from melp.evaluation.cells import Evaluation
from melp.evaluation.digests import tokenizer_digest
from melp.evaluation.embed import Change, embed_rows, require, rows_of
from melp.evaluation.evaluate import cell_of, evaluate_missing, evaluate_split, split_cell
from melp.evaluation.prompts import Prompts, contrasted, prompts_for, sides
from melp.evaluation.similarity import embed_prompts, similarities
from melp.evaluation.split import split_records, union
from melp.hub import Model
from melp.tasks import Task

__all__ = [
    "SIMILARITIES",
    "class_scores",
    "find_similarity",
    "prompt_scores",
    "text_embeddings",
    "zero_shot",
]

SIMILARITIES = {"global": "embed_text", "local": "beat_vectors", "answers": "answers"}
"""What a method needs for each similarity."""


def zero_shot(
    model: Model,
    store: Store,
    tasks: Sequence[Task],
    *,
    folds: Sequence[int] | None = None,
    prompts: Mapping[str, Prompts] | None = None,
    min_positives: int = 1,
    similarity: str = "",
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
        similarity: of an ECG and a text: "global" (cosine), "local" (the text against the beats of the ECG;
            only methods with beats, see `beat_similarities`) or "answers" (log odds of the text; only methods
            with answers, see `answers`); if empty, that of the method.
        out: folder of cells; those in it are not computed again, and the others are written to it.

    Raises:
        MelpError: an unknown similarity, or the method lacks it; or nothing is left to evaluate.
    """
    similarity = find_similarity(model, similarity)
    splits = [split_records(task, store, folds) for task in tasks]
    given = [(prompts or {}).get(task.name) for task in tasks]
    wordings = [prompts_for(model, task, words) for task, words in zip(tasks, given, strict=True)]
    cells = [
        split_cell(
            cell_of("zero-shot", model, store, task),
            split,
            min_positives=min_positives,
            options={**prompt_options(model, words), "similarity": similarity},
        )
        for task, split, words in zip(tasks, splits, wordings, strict=True)
    ]

    def evaluate(missing: list[int]) -> Iterator[Evaluation]:
        # All tasks, so that the embeddings do not depend on what is missing.
        ids = union([split.test for split in splits])
        refused = [words is not None for words in given]
        scores = class_scores(model, store, ids, wordings, refused, similarity)
        for place in missing:
            yield evaluate_split(cells[place], model, store, splits[place], scores[place])

    return evaluate_missing(cells, out, evaluate)


def find_similarity(model: Model, similarity: str = "") -> str:
    """Return a similarity, or that of the method if it is empty.

    Raises:
        MelpError: an unknown similarity, or the method lacks it.
    """
    similarity = similarity or getattr(model.method, "similarity", "global")
    if similarity not in SIMILARITIES:
        raise MelpError(f"similarity: found {similarity!r}, wanted {' or '.join(SIMILARITIES)}")
    require(model, SIMILARITIES[similarity])
    return similarity


def class_scores(
    model: Model,
    store: Store,
    ids: pd.Index,
    wordings: Sequence[Prompts],
    refused: Sequence[bool],
    similarity: str,
    *,
    keep: float | None = None,
    change: Change | None = None,
) -> list[pd.DataFrame]:
    """Return the scores of all records for the classes of each task; each record is embedded once.

    Args:
        model, store, ids: the model, and the records to embed.
        wordings: the prompts of each task.
        refused: whether the unknown prompts of each task are refused, see `check_wordings`.
        similarity: from `find_similarity`.
        keep, change: see `map_rows`.
    """
    if similarity == "global":
        ecg = text_embeddings(model, store, ids, keep=keep, change=change)
        pairs = zip(wordings, refused, strict=True)
        return [prompt_scores(model, ecg, words, refuse=refuse) for words, refuse in pairs]
    # Functions that read ECGs and texts together; they are called once for all tasks.
    function = {"local": beat_similarities, "answers": answers}[similarity]
    texts = {
        f"{number} {side}": texts
        for number, words in enumerate(wordings)
        for side, texts in sides(words).items()
    }
    table = function(model, store, ids, texts, refuse=any(refused), keep=keep, change=change)
    return [
        contrasted(
            table[[f"{number} {side}" for side in sides(words)]].set_axis(list(sides(words)), axis=1), words
        )
        for number, words in enumerate(wordings)
    ]


def prompt_options(model: Model, prompts: Prompts) -> dict[str, Any]:
    """Return the options of a cell that is evaluated by prompts."""
    return {"prompts": prompts, "tokenizer": tokenizer_digest(model)}


def prompt_scores(model: Model, ecg: pd.DataFrame, prompts: Prompts, *, refuse: bool) -> pd.DataFrame:
    """Return the score of embedded records for each class, a row per record.

    `refuse` is that of `embed_prompts`.
    """
    texts = embed_prompts(model, sides(prompts), refuse=refuse)
    return contrasted(pd.DataFrame(similarities(ecg.to_numpy(), texts), index=ecg.index), prompts)


def text_embeddings(
    model: Model,
    store: Store,
    ids: pd.Index,
    *,
    keep: float | None = None,
    change: Change | None = None,
) -> pd.DataFrame:
    """Return the embeddings of records in the space shared with text, by id.

    `keep` and `change` are those of `map_rows`.
    """
    rows = rows_of(store, ids)
    return pd.DataFrame(embed_rows(model, store, rows, space="text", keep=keep, change=change), index=ids)
