"""Tasks: the classes, labels, folds and prompts of a benchmark.

A file `NAME.yaml` in this folder is a task; the next task is one new file:

    name: ptbxl-rhythm
    corpus: ptb-xl
    title: one line                      (optional)
    train_folds: [1, 2, 3, 4, 5, 6, 7, 8]
    validation_folds: [9]
    test_folds: [10]
    classes:
      AFIB:
        codes: [AFIB]                    (optional: the class itself)
        prompts: [atrial fibrillation]

Labels and scores are joined by class name, never by position: the published split files of PTB-XL order the
columns of `sub_class` differently for training and testing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd
import yaml

from melp.errors import MelpError

__all__ = ["Task", "get_task", "list_tasks", "parse_folds"]

_FOLDS = ("train_folds", "validation_folds", "test_folds")


@dataclass(frozen=True)
class Task:
    """A benchmark: which records have which classes, and what a class is called in words.

    `classes` are the class names in the published order; `codes[c]` the statement codes of a record that make
    it a case of `c`, whatever their likelihood; `prompts[c]` what reports say of it.
    """

    name: str
    corpus: str
    classes: tuple[str, ...]
    codes: Mapping[str, tuple[str, ...]]
    prompts: Mapping[str, list[str]]
    train_folds: tuple[int, ...]
    validation_folds: tuple[int, ...]
    test_folds: tuple[int, ...]
    title: str = ""

    def labels(self, index: pd.DataFrame) -> pd.DataFrame:
        """Which record has which class.

        Args:
            index: one row a record, with the columns `id` and `labels` (a list of codes).

        Returns:
            One row of booleans a record, indexed by id, one column a class. Records without any class of the
            task are not covered by it and left out, as in the published splits.
        """
        members = [set(self.codes[name]) for name in self.classes]
        rows = [[not member.isdisjoint(codes) for member in members] for codes in index["labels"]]
        table = pd.DataFrame(
            rows, index=pd.Index(index["id"], name="id"), columns=list(self.classes), dtype=bool
        )
        return table[table.any(axis=1)]


def list_tasks() -> list[str]:
    """Names of all tasks."""
    names = (entry.name for entry in files(__name__).iterdir())
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


@cache
def get_task(name: str) -> Task:
    """The task of that name.

    Raises:
        MelpError: there is no such task, or its file is not in the form described above.
    """
    if name not in list_tasks():
        raise MelpError(f"task: found {name!r}, wanted one of {', '.join(list_tasks())}")
    entry = files(__name__) / f"{name}.yaml"
    return parse_task(yaml.safe_load(entry.read_text(encoding="utf-8")), entry.name)


def parse_task(content: Mapping[str, Any], source: str) -> Task:
    """A task from the content of its file; `source` names the file in errors.

    Raises:
        MelpError: a field is missing, or a class has no prompt.
    """
    missing = sorted({"name", "corpus", "classes", *_FOLDS} - set(content))
    if missing:
        raise MelpError(f"{source}: {', '.join(missing)} missing")
    classes = {str(name): entry for name, entry in content["classes"].items()}
    silent = [name for name, entry in classes.items() if not (entry or {}).get("prompts")]
    if silent:
        raise MelpError(f"{source}: no prompts for {', '.join(silent)}")
    return Task(
        name=content["name"],
        corpus=content["corpus"],
        title=content.get("title", ""),
        classes=tuple(classes),
        codes={name: tuple(map(str, entry.get("codes", [name]))) for name, entry in classes.items()},
        prompts={name: [str(prompt) for prompt in entry["prompts"]] for name, entry in classes.items()},
        **{key: tuple(int(fold) for fold in content[key]) for key in _FOLDS},
    )


def parse_folds(text: str) -> tuple[int, ...]:
    """Folds named by a list with ranges: `"1-3,9"` gives (1, 2, 3, 9).

    Raises:
        MelpError: the text is not such a list.
    """
    folds: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdigit() or (last and not last.isdigit()) or part.strip().endswith("-"):
            raise MelpError(f"folds: found {text!r}, wanted a list such as 9,10 or 1-8")
        folds.extend(range(int(first), int(last or first) + 1))
    if not folds:
        raise MelpError(f"folds: found {text!r}, which names none")
    return tuple(dict.fromkeys(folds))
