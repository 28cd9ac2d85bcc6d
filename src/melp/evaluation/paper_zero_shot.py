"""Protocol "paper": zero-shot classification as published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import Evaluation
from melp.evaluation.evaluate import evaluate_missing
from melp.evaluation.paper_split import (
    embed_together,
    evaluate_as_published,
    paper_cell,
    split_as_published,
)
from melp.evaluation.prompts import Prompts, read_json, read_prompts, sides
from melp.evaluation.zero_shot import class_scores, find_similarity, prompt_options
from melp.hub import Model
from melp.tasks import Task

__all__ = ["find_prompts", "paper_zero_shot"]

PROMPTS = "CKEPE_prompt*.json"
"""The file of one prompt per class in the repositories of MELP and MERL."""


def paper_zero_shot(
    model: Model,
    store: Store,
    tasks: Sequence[Task],
    folder: Path,
    *,
    file: str = "test",
    prompts: Mapping[str, Prompts] | None = None,
    out: Path | None = None,
) -> list[Evaluation]:
    """Evaluate a model on tasks by one prompt per class: cosines, with classes named by the evaluated file.

    The prompts are those that MELP and MERL publish (`CKEPE_prompt.json`), if they are in `folder`. Otherwise
    the first prompt of each class in this package is used, and a note says so.

    Args:
        model: a loaded model folder of a method with text.
        store: the records.
        tasks: classes and prompts.
        folder: the folder of the published label files and prompts, at any depth.
        file: the file to evaluate, "test" or "val".
        prompts: wordings of each task, by its name and class, instead of the published; the first of a class
            is used.
        out: folder of cells; those in it are not computed again, and the others are written to it.

    Raises:
        MelpError: the method has no text tower, the files cannot be read, or nothing is left to evaluate.
    """
    similarity = find_similarity(model)
    published = find_prompts(folder)
    splits = [split_as_published(task, store, folder, file) for task in tasks]
    chosen = [_chosen(task, (prompts or {}).get(task.name), published, folder) for task in tasks]
    cells = [
        paper_cell("zero-shot", model, store, task, split, options=prompt_options(model, words))
        for task, split, (words, _) in zip(tasks, splits, chosen, strict=True)
    ]

    def evaluate(missing: list[int]) -> Iterator[Evaluation]:
        refused = [bool((prompts or {}).get(task.name)) for task in tasks]
        wordings, numbers = [words for words, _ in chosen], range(len(tasks))

        def score(ids: pd.Index, keep: float | None) -> pd.DataFrame:
            scores = class_scores(model, store, ids, wordings, refused, similarity, keep=keep)
            return pd.concat(scores, axis=1, keys=numbers)

        tables = embed_together(tasks, [split.test.index for split in splits], score)
        for place in missing:
            split, (_, notes) = splits[place], chosen[place]
            scores = tables[place][[place]].droplevel(0, axis=1)
            yield evaluate_as_published(cells[place], model, store, split, scores, split.test, notes)

    return evaluate_missing(cells, out, evaluate)


def _chosen(
    task: Task, given: Prompts | None, published: Path | None, folder: Path
) -> tuple[Prompts, list[str]]:
    """Return one prompt per class, and notes about them."""
    prompts, notes = (given, []) if given else _prompts(task, published, folder)
    if contrasting := [name for name in task.classes if isinstance(prompts[name], Mapping)]:
        raise MelpError(
            f"protocol paper: found texts against {', '.join(contrasting)}, wanted one text for each class"
        )
    texts = sides(prompts)
    return {name: [texts[f"for {name}"][0]] for name in task.classes}, notes


def find_prompts(folder: Path) -> Path | None:
    """Return the published file of prompts in a folder, at any depth; None if there is none.

    Raises:
        MelpError: the folder contains two versions.
    """
    copies = sorted(path for path in folder.rglob(PROMPTS) if path.is_file())
    for copy in copies[1:]:
        if read_json(copy) != read_json(copies[0]):
            raise MelpError(f"{copy}: differs from {copies[0]}, wanted one {PROMPTS}")
    return copies[0] if copies else None


def _prompts(task: Task, file: Path | None, folder: Path) -> tuple[Prompts, list[str]]:
    """Return the published prompts, or the package's own and a note about them."""
    if file is not None:
        return read_prompts(file, task), []
    own = "the package's own first prompt of each class is used instead of the published one"
    return task.prompts, [f"{task.name}: no {PROMPTS} found in {folder}, so {own}"]
