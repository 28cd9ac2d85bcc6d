"""Findings that several corpora have codes for, from `overlap.tsv`, and the tasks that two corpora share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from melp.errors import MelpError
from melp.io.tables import read_packaged_tsv
from melp.tasks import Task, get_task, list_tasks

__all__ = ["overlap", "overlapping_tasks"]

_CORPORA = (("ptb-xl",), ("cpsc2018",), ("csn",), ("code-15", "code-test"), ("synthetic",))
_ABSENT = "-"


@cache
def overlap() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Return the codes of each finding, by finding and corpus; without the corpora that have none."""
    rows = read_packaged_tsv("melp.tasks", "overlap", columns=1 + len(_CORPORA))
    return {
        finding: {
            corpus: tuple(codes.split())
            for names, codes in zip(_CORPORA, cells, strict=True)
            for corpus in names
            if codes != _ABSENT
        }
        for finding, *cells in rows
    }


def overlapping_tasks(source: str, task: Task) -> tuple[Task, Task, tuple[str, ...]]:
    """Return tasks with the findings that a corpus shares with the classes of a task.

    The classes of both are findings, with the codes of each corpus; a finding counts if a class of `task` has
    one of its codes. All records are evaluated, also those without any of the findings.

    Args:
        source: the corpus to train on.
        task: the task to evaluate.

    Returns:
        The task of `source`, the task of `task.corpus`, and the classes of `task` without a counterpart.
        Prompts are those of the tasks of `source`.

    Raises:
        MelpError: the same corpus, or no class has a counterpart.
    """
    if source == task.corpus:
        raise MelpError(f"train-data: found {source}, wanted another corpus than that of {task.name}")
    codes = {
        finding: (by_corpus[source], by_corpus[task.corpus])
        for finding, by_corpus in overlap().items()
        if source in by_corpus and task.corpus in by_corpus
    }
    wanted = {code for name in task.classes for code in task.codes[name]}
    shared = {finding: pair for finding, pair in codes.items() if wanted & set(pair[1])}
    if not shared:
        raise MelpError(f"transfer: no class of {task.name} has a counterpart in {source}, wanted one")
    found = {code for _, theirs in shared.values() for code in theirs}
    without = tuple(name for name in task.classes if not found & set(task.codes[name]))
    prompts = _prompts(source, {finding: ours for finding, (ours, _) in shared.items()})
    first, second = (
        Task(
            name=f"{task.name}-from-{source}",
            corpus=corpus,
            train_corpus=corpus,
            classes=tuple(shared),
            codes={finding: pair[side] for finding, pair in shared.items()},
            prompts=prompts,
            titles={finding: finding for finding in shared},
            train_folds=task.train_folds,
            validation_folds=task.validation_folds,
            test_folds=task.test_folds,
            title=f"Findings that {source} shares with {task.name}",
            every_record=True,
        )
        for side, corpus in enumerate((source, task.corpus))
    )
    return first, second, without


def _prompts(corpus: str, codes: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the prompts of findings: those of the classes of the corpus's tasks, or else their names."""
    tasks = [task for task in map(get_task, list_tasks()) if task.corpus == corpus]
    return {
        finding: list(
            dict.fromkeys(
                prompt
                for task in tasks
                for name in task.classes
                if set(task.codes[name]) <= set(wanted)
                for prompt in task.prompts[name]
            )
        )
        or [finding]
        for finding, wanted in codes.items()
    }
