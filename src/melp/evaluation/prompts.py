"""Prompts of classes: texts for a class and texts against it, and JSON files of them.

    {"ptbxl-super": {"NORM": ["normal ecg", "no definite pathology"],
                     "MI": {"for": ["old inferior myocardial infarction"], "against": ["normal ecg"]}, ...}}

The score of a class is the similarity with its texts, minus that with the texts against it, if there are any.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from melp.errors import MelpError
from melp.hub import Model
from melp.reports.findings import finding_named
from melp.tasks import Task

__all__ = ["Prompts", "contrasted", "prompts_for", "prompts_of", "read_json", "read_prompts", "sides"]

Prompts = Mapping[str, Sequence[str] | Mapping[str, Sequence[str]]]
"""The texts of each class, or those `for` it and those `against` it."""
FOR, AGAINST = "for", "against"


def prompts_of(task: Task, prompts: Prompts | None) -> Prompts:
    """Return the given prompts of the classes of a task, or the task's own, as plain lists."""
    chosen = {name: (prompts or task.prompts)[name] for name in task.classes}
    return {
        name: {side: list(texts) for side, texts in entry.items()}
        if isinstance(entry, Mapping)
        else list(entry)
        for name, entry in chosen.items()
    }


def prompts_for(model: Model, task: Task, prompts: Prompts | None = None) -> Prompts:
    """Return what a model is asked for the classes of a task.

    These are the given prompts or the task's own. A method with answers also asks, with the task's own, for
    the findings that they are other wordings of: reports say "first degree av block" where a task says
    "prolonged pr interval", and any of both makes the class apply.
    """
    asked = prompts_of(task, prompts)
    if prompts is not None or not hasattr(model.method, "answers"):
        return asked
    return {
        name: texts if isinstance(texts, Mapping) else _with_findings(texts) for name, texts in asked.items()
    }


def _with_findings(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*texts, *filter(None, map(finding_named, texts))]))


def sides(prompts: Prompts) -> dict[str, Sequence[str]]:
    """Return the texts of all classes by "for CLASS" and, where there are some, "against CLASS"."""
    return {
        f"{side} {name}": texts
        for name, entry in prompts.items()
        for side, texts in (entry.items() if isinstance(entry, Mapping) else [(FOR, entry)])
    }


def contrasted(similarity: pd.DataFrame, prompts: Prompts) -> pd.DataFrame:
    """Return the score of each class.

    Args:
        similarity: one row per record, and the columns of `sides`.
        prompts: the classes.
    """
    scores = {}
    for name in prompts:
        scores[name] = similarity[f"{FOR} {name}"]
        if f"{AGAINST} {name}" in similarity:
            scores[name] = scores[name] - similarity[f"{AGAINST} {name}"]
    return pd.DataFrame(scores, index=similarity.index)


def read_prompts(path: Path, task: Task) -> Prompts:
    """Read the prompts of a task from a JSON file.

    Accepts `{task: {class: [prompt, ...]}}`, in which a class may also be `{"for": [...], "against": [...]}`,
    and the published flat form `{class: "text"}`, where the whole string is one prompt, lower-cased, and one
    key is used by all tasks.

    Raises:
        MelpError: the file is not JSON of either form, or a class of the task has no prompt in it.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise MelpError(f"{path}: found {type(content).__name__}, wanted {{task: {{class: [prompt, ...]}}}}")
    flat = bool(content) and all(isinstance(value, str) for value in content.values())
    entries = content if flat else content.get(task.name, {})
    prompts = {name: _entry(entries[name], path, name) for name in task.classes if name in entries}
    missing = [name for name in task.classes if not prompts.get(name)]
    if missing:
        found = f"found no prompts for {', '.join(missing)} of {task.name}"
        raise MelpError(f"{path}: {found}, wanted some for every class")
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


def _entry(entry: Any, path: Path, name: str) -> list[str] | dict[str, list[str]]:
    if isinstance(entry, str):
        return [entry.lower()]
    if _is_texts(entry):
        return list(entry)
    if isinstance(entry, dict):
        if set(entry) != {FOR, AGAINST} or not all(_is_texts(texts) and texts for texts in entry.values()):
            raise MelpError(f"{path}: {name}: found {', '.join(entry)}, wanted texts for and texts against")
        return {side: list(entry[side]) for side in (FOR, AGAINST)}
    raise MelpError(f"{path}: {name}: found {type(entry).__name__}, wanted a list of prompts")


def _is_texts(entry: Any) -> bool:
    return isinstance(entry, list) and all(isinstance(text, str) for text in entry)
