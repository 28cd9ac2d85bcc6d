"""Protocol "paper": zero-shot classification as published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from melp.data.store import Store
from melp.evaluation.cells import Evaluation
from melp.evaluation.paper_split import embed_together, evaluate_as_published, split_as_published
from melp.evaluation.zero_shot import Prompts, prompt_scores, text_embeddings
from melp.hub import Model
from melp.tasks import Task

__all__ = ["paper_zero_shot"]


def paper_zero_shot(
    model: Model,
    store: Store,
    tasks: Sequence[Task],
    folder: Path,
    *,
    file: str = "test",
    prompts: Mapping[str, Prompts] | None = None,
) -> list[Evaluation]:
    """Evaluate a model on tasks by one prompt per class: cosines, with classes named by the evaluated file.

    Args:
        model: a loaded model folder of a method with text.
        store: the records.
        tasks: classes and prompts; the first prompt of a class is used.
        folder: the folder of the published label files.
        file: the file to evaluate, "test" or "val".
        prompts: wordings of each task, by its name and class, instead of its own.

    Raises:
        MelpError: the method has no text tower, the files cannot be read, or nothing is left to evaluate.
    """
    splits = [split_as_published(task, store, folder, file) for task in tasks]
    embedded = embed_together(
        tasks,
        [split.test.index for split in splits],
        lambda ids, keep: text_embeddings(model, store, ids, keep),
    )
    evaluations = []
    for task, split, ecg in zip(tasks, splits, embedded, strict=True):
        all_prompts = (prompts or {}).get(task.name, task.prompts)
        wordings = {name: [all_prompts[name][0]] for name in task.classes}
        scores = prompt_scores(model, ecg, wordings)
        options = {"prompts": wordings}
        evaluations.append(
            evaluate_as_published(model, store, task, split, scores, split.test, options=options)
        )
    return evaluations
