"""Tasks: the classes, labels, folds and prompts of a benchmark.

Every file `NAME.yaml` in this folder is a task:

    classes:
      AFIB:
        codes: [AFIB]         (default: the name of the class)
        title: atrial fibrillation  (the class in words; default: the name of its label, or the first prompt)
        prompts: [atrial fibrillation]
    name: ptbxl-rhythm        (default: the name of the file)
    corpus: ptb-xl            (default: table, your own data)
    title: one line
    train_folds: [1, 2, 3]    (default: 1 to 8)
    validation_folds: [4]     (default: 9)
    test_folds: [5]           (default: 10)
    train_corpus: code-15     (corpus that probes are trained on, if `corpus` has only test records)
    every_record: true        (records without any class are negatives of all classes; default: excluded)
    published:                (label files of MERL and MELP, see `melp.tasks.published_labels`)
      files: ptbxl_rhythm
      seconds: 5              (length of the recordings in their loaders)
    extends: csn              (another task, whose fields are inherited; classes are added or changed)

Only `classes` is required. A file elsewhere is also a task, whose name is its path.

Labels and scores are joined by class name, never by position: the published split files of PTB-XL have the
columns of `sub_class` in different orders for training and testing.
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

from melp.errors import MelpError, one_of
from melp.tasks.folds import TEST_FOLD, TRAIN_FOLDS, VALIDATION_FOLD, parse_folds
from melp.tasks.names import in_words

__all__ = ["PublishedLabels", "Task", "get_task", "list_tasks", "parse_folds", "parse_task"]

_FOLDS = {"train_folds": TRAIN_FOLDS, "validation_folds": (VALIDATION_FOLD,), "test_folds": (TEST_FOLD,)}
_FIELDS = {
    "name", "corpus", "title", "train_corpus", "every_record", "published", "extends", "classes", *_FOLDS,
}  # fmt: skip
_OWN_DATA = "table"


@dataclass(frozen=True)
class PublishedLabels:
    """The label files that MERL and MELP publish for a task.

    Attributes:
        files: the files are `FILES_train.csv`, `FILES_val.csv` and `FILES_test.csv`.
        seconds: their loaders replace recordings by zeros after this time; None if they keep ten seconds.
    """

    files: str
    seconds: float | None = None


@dataclass(frozen=True)
class Task:
    """A benchmark: classes with their codes and prompts, and folds.

    `classes` are the class names in the published order. A record is a case of class `c` if it has any of the
    statement codes `codes[c]`, whatever their likelihood; `prompts[c]` describe the class in the words of
    reports. `train_corpus` differs from `corpus` only if that has no training records. `every_record` means
    that each record was labelled for all classes, so that a record without any is a negative of all.
    `titles[c]` is the class in words.
    """

    name: str
    corpus: str
    classes: tuple[str, ...]
    codes: Mapping[str, tuple[str, ...]]
    prompts: Mapping[str, list[str]]
    train_folds: tuple[int, ...]
    validation_folds: tuple[int, ...]
    test_folds: tuple[int, ...]
    titles: Mapping[str, str]
    title: str = ""
    train_corpus: str = ""
    every_record: bool = False
    published: PublishedLabels | None = None

    def labels(self, index: pd.DataFrame) -> pd.DataFrame:
        """Return which records have which classes.

        Args:
            index: one row per record, with the columns `id` and `labels` (a list of codes).

        Returns:
            Booleans with one row per record, indexed by id, and one column per class. Unless `every_record`,
            records without any class of the task are excluded, as in the published splits.
        """
        columns: dict[str, list[int]] = {}
        for column, name in enumerate(self.classes):
            for code in self.codes[name]:
                columns.setdefault(code, []).append(column)
        positives = [
            (row, column)
            for row, codes in enumerate(index["labels"])
            for code in codes
            for column in columns.get(code, ())
        ]
        cases = np.zeros((len(index), len(self.classes)), dtype=bool)
        cases[tuple(np.array(positives, dtype=int).reshape(-1, 2).T)] = True
        table = pd.DataFrame(cases, index=pd.Index(index["id"], name="id"), columns=list(self.classes))
        return table if self.every_record else table[table.any(axis=1)]


def list_tasks() -> list[str]:
    """Return the names of all tasks."""
    names = (entry.name for entry in files(__name__).iterdir())
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


@cache
def get_task(name: str) -> Task:
    """Return a task by its name, or by the path of its file.

    Raises:
        MelpError: the task does not exist, or its file has another format.
    """
    if name in list_tasks():
        return parse_task(_content(name), f"{name}.yaml")
    if not name.endswith((".yaml", ".yml")):
        raise MelpError(f"task: found {name!r}, wanted a YAML file or {one_of(name, list_tasks())}")
    try:
        return parse_task(yaml.safe_load(Path(name).read_text(encoding="utf-8")), name)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MelpError(f"{name}: not a readable YAML file ({' '.join(str(error).split())})") from error


def _content(name: str) -> dict[str, Any]:
    text = (files(__name__) / f"{name}.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def parse_task(content: Any, source: str) -> Task:
    """Create a task from the content of its file; error messages begin with `source`.

    Raises:
        MelpError: a field is missing, unknown or malformed, or a class has no prompt.
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
        titles={each: _title(corpus, each, entry) for each, entry in classes.items()},
        **{key: tuple(map(int, content.get(key, default))) for key, default in _FOLDS.items()},
    )


def _title(corpus: str, name: str, entry: Mapping[str, Any]) -> str:
    return str(entry.get("title") or in_words(corpus, name) or _texts(entry["prompts"])[0])


def _texts(entry: Any) -> tuple[str, ...]:
    return (entry,) if isinstance(entry, str) else tuple(map(str, entry))


def _checked(content: Any, source: str) -> dict[str, Any]:
    """Return `content` after checking the names and types of its fields."""
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
        raise MelpError(f"{source}: published: wanted files and optionally seconds")
    return content


def _extended(content: dict[str, Any], source: str) -> dict[str, Any]:
    """Return `content` merged into the task it extends, after checking that every class has prompts."""
    if "extends" in content:
        if content["extends"] not in list_tasks():
            raise MelpError(f"{source}: extends: found {content['extends']!r}, wanted a task")
        base = _content(content["extends"])
        base.pop("published", None)
        classes = dict(base["classes"])
        for name, entry in content["classes"].items():
            classes[name] = {**classes.get(name, {}), **entry}
        content = {**base, **content, "classes": classes}
    without_prompts = [str(name) for name, entry in content["classes"].items() if not entry.get("prompts")]
    if without_prompts:
        bare = ", ".join(without_prompts)
        raise MelpError(f"{source}: found no prompts for {bare}, wanted prompts: [...] in every class")
    return content
