"""Tasks: the classes, labels, folds and prompts of a benchmark.

A file `NAME.yaml` in this folder is a task; the next task is one new file:

    classes:
      AFIB:
        codes: [AFIB]         (where absent: the class itself)
        prompts: [atrial fibrillation]
    name: ptbxl-rhythm        (where absent: the file's name)
    corpus: ptb-xl            (where absent: table, one's own data)
    title: one line
    train_folds: [1, 2, 3]    (where absent: 1 to 8)
    validation_folds: [4]     (where absent: 9)
    test_folds: [5]           (where absent: 10)
    train_corpus: code-15     (what a probe learns from where `corpus` has test records only)
    every_record: true        (records without any class are negatives of all, and not left out)
    published:                (label files of MERL and MELP, see `melp.tasks.published_labels`)
      files: ptbxl_rhythm
      seconds: 5              (how much of a recording their loaders keep)
    extends: csn              (begin with another task's file; classes are added or changed)

Only `classes` must be there.

A task of one's own is such a file anywhere, named by its path.

Labels and scores are joined by class name, never by position: the published split files of PTB-XL order the
columns of `sub_class` differently for training and testing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from melp.errors import MelpError
from melp.tasks.folds import TEST_FOLD, TRAIN_FOLDS, VALIDATION_FOLD, parse_folds

__all__ = ["PublishedLabels", "Task", "get_task", "list_tasks", "parse_folds", "parse_task"]

_FOLDS = {"train_folds": TRAIN_FOLDS, "validation_folds": (VALIDATION_FOLD,), "test_folds": (TEST_FOLD,)}
_FIELDS = {
    "name", "corpus", "title", "train_corpus", "every_record", "published", "extends", "classes", *_FOLDS,
}  # fmt: skip
_OWN_DATA = "table"


@dataclass(frozen=True)
class PublishedLabels:
    """What MERL and MELP publish for a task.

    Attributes:
        files: the label files are `FILES_train.csv`, `FILES_val.csv` and `FILES_test.csv`.
        seconds: their loaders keep the first so many seconds of a recording and put zeros for the rest; None
            where they keep ten.
    """

    files: str
    seconds: float | None = None


@dataclass(frozen=True)
class Task:
    """A benchmark: which records have which classes, and what a class is called in words.

    `classes` are the class names in the published order; `codes[c]` the statement codes of a record that make
    it a case of `c`, whatever their likelihood; `prompts[c]` what reports say of it. `train_corpus` is
    `corpus`, but for tasks whose corpus has test records only; `every_record` says that each record was
    judged for all classes, so that one without any of them is a negative of all.
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
    train_corpus: str = ""
    every_record: bool = False
    published: PublishedLabels | None = None

    def labels(self, index: pd.DataFrame) -> pd.DataFrame:
        """Which record has which class.

        Args:
            index: one row a record, with the columns `id` and `labels` (a list of codes).

        Returns:
            One row of booleans a record, indexed by id, one column a class. Records without any class of the
            task are not covered by it and left out, as in the published splits, unless `every_record`.
        """
        columns: dict[str, list[int]] = {}
        for column, name in enumerate(self.classes):
            for code in self.codes[name]:
                columns.setdefault(code, []).append(column)
        found = [
            (row, column)
            for row, codes in enumerate(index["labels"])
            for code in codes
            for column in columns.get(code, ())
        ]
        cases = np.zeros((len(index), len(self.classes)), dtype=bool)
        cases[tuple(np.array(found, dtype=int).reshape(-1, 2).T)] = True
        table = pd.DataFrame(cases, index=pd.Index(index["id"], name="id"), columns=list(self.classes))
        return table if self.every_record else table[table.any(axis=1)]


def list_tasks() -> list[str]:
    """Names of all tasks."""
    names = (entry.name for entry in files(__name__).iterdir())
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


@cache
def get_task(name: str) -> Task:
    """The task of that name, or in the file of that path.

    Raises:
        MelpError: there is no such task, or its file is not in the form described above.
    """
    if name in list_tasks():
        return parse_task(_content(name), f"{name}.yaml")
    if not name.endswith((".yaml", ".yml")):
        raise MelpError(f"task: found {name!r}, wanted one of {', '.join(list_tasks())}, or a YAML file")
    try:
        return parse_task(yaml.safe_load(Path(name).read_text(encoding="utf-8")), name)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MelpError(f"{name}: no YAML that can be read ({' '.join(str(error).split())})") from error


def _content(name: str) -> dict[str, Any]:
    text = (files(__name__) / f"{name}.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def parse_task(content: Any, source: str) -> Task:
    """A task from the content of its file; `source` names the file in errors.

    Raises:
        MelpError: a field is missing, unknown or not of its form, or a class has no prompt.
    """
    content = _extended(_checked(content, source), source)
    classes = {str(name): entry for name, entry in content["classes"].items()}
    name, corpus = str(content.get("name", Path(source).stem)), str(content.get("corpus", _OWN_DATA))
    return Task(
        name=name,
        corpus=corpus,
        title=str(content.get("title", "")),
        train_corpus=str(content.get("train_corpus", corpus)),
        every_record=bool(content.get("every_record", False)),
        published=PublishedLabels(**content["published"]) if "published" in content else None,
        classes=tuple(classes),
        codes={name: _texts(entry.get("codes", [name])) for name, entry in classes.items()},
        prompts={name: list(_texts(entry["prompts"])) for name, entry in classes.items()},
        **{key: tuple(map(int, content.get(key, default))) for key, default in _FOLDS.items()},
    )


def _texts(entry: Any) -> tuple[str, ...]:
    return (entry,) if isinstance(entry, str) else tuple(map(str, entry))


def _checked(content: Any, source: str) -> dict[str, Any]:
    """`content` with its fields known and in their form."""
    if not isinstance(content, dict):
        raise MelpError(f"{source}: found {type(content).__name__}, wanted the fields of a task")
    unknown = sorted(set(map(str, content)) - _FIELDS)
    if unknown:
        raise MelpError(f"{source}: {', '.join(unknown)} unknown, wanted {', '.join(sorted(_FIELDS))}")
    classes = content.get("classes")
    if not classes:
        raise MelpError(f"{source}: classes missing")
    if not isinstance(classes, dict) or not all(isinstance(entry, dict) for entry in classes.values()):
        raise MelpError(f"{source}: classes: wanted {{CLASS: {{codes: [...], prompts: [...]}}}}")
    for key in _FOLDS.keys() & content.keys():
        folds = content[key]
        if not isinstance(folds, list) or not all(isinstance(fold, int) for fold in folds):
            raise MelpError(f"{source}: {key}: found {folds!r}, wanted a list of numbers")
    published = content.get("published", {"files": ""})
    if not isinstance(published, dict) or not {"files"} <= set(published) <= {"files", "seconds"}:
        raise MelpError(f"{source}: published: wanted files and, where need be, seconds")
    return content


def _extended(content: dict[str, Any], source: str) -> dict[str, Any]:
    """`content` upon that of the task it extends, with prompts for every class."""
    if "extends" in content:
        if content["extends"] not in list_tasks():
            raise MelpError(f"{source}: extends: found {content['extends']!r}, wanted a task")
        base = _content(content["extends"])
        base.pop("published", None)
        classes = dict(base["classes"])
        for name, entry in content["classes"].items():
            classes[name] = {**classes.get(name, {}), **entry}
        content = {**base, **content, "classes": classes}
    silent = [str(name) for name, entry in content["classes"].items() if not entry.get("prompts")]
    if silent:
        raise MelpError(f"{source}: no prompts for {', '.join(silent)}")
    return content
