"""Write docs/labels.md: positives of each class and split, as published and by exact code.

    python benchmarks/labels.py --published DIR --ptb-xl DIR --cpsc2018 DIR [--counts FILE]

The folders are the label files of MERL or MELP, PTB-XL and CPSC 2018 (their tables and a recording). FILE is
an independent count of the same label files, as JSON, to compare with. The text is in labels_page.md;
assertions here check its statements about labels.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd
from _common import parser

from melp.corpora import Options, get_corpus
from melp.evaluation.metrics import auroc
from melp.evaluation.paper_split import sample_as_published
from melp.evaluation.tables import markdown_table
from melp.tasks import Task, get_task
from melp.tasks.published_labels import SPLITS, LabelFile, read_label_files

PAGE = Path(__file__).parents[1] / "docs" / "labels.md"
TEXT = Path(__file__).with_name("labels_page.md")
PTB_XL = ("ptbxl-super", "ptbxl-sub", "ptbxl-form", "ptbxl-rhythm")
FOLDS = {"train": range(1, 9), "val": (9,), "test": (10,)}
# Positives of the gold standard as published with it.
CODE_TEST = {"1dAVb": 28, "RBBB": 34, "LBBB": 30, "SB": 16, "AF": 13, "ST": 37}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

ByFold = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class TaskLabels:
    """The labels of a task by split: in the published files, and by exact code.

    By exact code means, for PTB-XL, all records of the local database; for CPSC 2018 the records of the files
    by the challenge's reference table; for Chapman-Shaoxing-Ningbo the records of the files by complete
    acronyms of their column `diagnose`.
    """

    task: Task
    files: Mapping[str, LabelFile]
    exact: Mapping[str, pd.DataFrame]

    def published(self, split: str) -> pd.DataFrame:
        """Return the labels of a file, with columns in the order of the task."""
        return self.files[split].labels[list(self.task.classes)]

    def counts(self, name: str) -> tuple[list[int], list[int]]:
        """Return the positives of a class by split, published and exact."""
        published = [int(self.published(split)[name].sum()) for split in SPLITS]
        return published, [int(self.exact[split][name].sum()) for split in SPLITS]


def read_labels(
    published: Path, raw: Mapping[str, Path]
) -> tuple[dict[str, TaskLabels], dict[str, pd.DataFrame]]:
    """Return all tasks with label files; and id, fold and labels of the records in each folder of `raw`."""
    indices = {}
    for name, folder in raw.items():
        entries = get_corpus(name).list_entries(folder, Options()).entries
        rows = [(entry.id, entry.fold, list(entry.labels)) for entry in entries]
        indices[name] = pd.DataFrame(rows, columns=["id", "fold", "labels"])
    tasks = {}
    for name in (*PTB_XL, "cpsc2018", "csn"):
        task = get_task(name)
        files = read_label_files(published, task)
        exact = by_fold(task, indices["ptb-xl"]) if name in PTB_XL else {}
        for split, file in files.items() if not exact else ():
            ids = file.labels.index
            index = pd.DataFrame({"id": ids, "labels": codes_of(file)}) if name == "csn" else indices[name]
            exact[split] = task.labels(index).reindex(ids, fill_value=False)
        tasks[name] = TaskLabels(task, files, exact)
    return tasks, indices


def by_fold(task: Task, index: pd.DataFrame) -> ByFold:
    """Return labels by exact code in folds 1 to 8, 9 and 10."""
    labels = task.labels(index)
    fold = index.set_index("id")["fold"].loc[labels.index]
    return {split: labels[fold.isin(folds)] for split, folds in FOLDS.items()}


def codes_of(file: LabelFile) -> list[list[str]]:
    """Return the acronyms of each record in the column `diagnose`."""
    return [str(text).split(",") for text in file.about["diagnose"]] if "diagnose" in file.about else []


def check(tasks: Mapping[str, TaskLabels], counts: Mapping[str, Any]) -> int:
    """Compare with an independent count; return how many numbers are equal, or exit at a difference."""
    numbers = 0
    for own in tasks.values():
        assert own.task.published is not None
        expected = counts[own.task.published.files]
        for place, split in enumerate(SPLITS):
            if list(own.files[split].labels.columns) != expected["column_order"][split]:
                raise SystemExit(f"{own.task.name}, {split}: another order of columns")
            sides = {"positives": own.published(split), "exact_token_match": own.exact[split]}
            found, wanted = [len(own.published(split))], [expected["n"][split]]
            for key in sides.keys() & expected.keys():
                found += sides[key].sum().tolist()
                wanted += [expected[key][name][place] for name in own.task.classes]
            if found != wanted:
                raise SystemExit(f"{own.task.name}, {split}: found {found}, wanted {wanted}")
            numbers += len(found)
    return numbers


def page(tasks: Mapping[str, TaskLabels], indices: Mapping[str, pd.DataFrame], agreed: int = 0) -> str:
    """Return the page; `agreed` is how many numbers equal those of an independent count."""
    checked = "numbers on this page (all counts of the published files) were verified with independent code."
    parts = {
        "checked": f"{agreed:,} {checked}\n\n" if agreed else "",
        "sizes": sizes(tasks),
        **ptb_xl(tasks, indices["ptb-xl"]),
        **column_order(tasks["ptbxl-sub"]),
        **cpsc2018(tasks["cpsc2018"], indices["cpsc2018"]),
        **csn(tasks["csn"]),
        "code_test": code_test(),
        "subsets": subsets(tasks),
    }
    parts = {name: text.rstrip("\n") if name != "checked" else text for name, text in parts.items()}
    return Template(TEXT.read_text(encoding="utf-8")).substitute(parts)


def sizes(tasks: Mapping[str, TaskLabels]) -> str:
    rows = []
    for name, own in tasks.items():
        assert own.task.published is not None
        records = [len(own.files[split].labels) for split in SPLITS]
        rows.append([f"`{name}`", f"`{own.task.published.files}`", len(own.task.classes), *records])
    return markdown_table(["task", "files", "classes", *SPLITS], rows)


def ptb_xl(tasks: Mapping[str, TaskLabels], index: pd.DataFrame) -> dict[str, str]:
    """Return the four tasks of PTB-XL, and the records in which its versions differ."""
    every = {record for name in PTB_XL for file in tasks[name].files.values() for record in file.labels.index}
    removed = [record for record in index["id"] if record not in every]
    changes = sorted(_changes(tasks, removed), key=lambda change: int(change[0]))
    relabelled = {change[0] for change in changes}
    kept = index[~index["id"].isin({*removed, *relabelled})]
    for name in PTB_XL:
        for split, labels in by_fold(tasks[name].task, kept).items():
            assert labels.equals(tasks[name].published(split).drop(relabelled, errors="ignore"))
    fold = index.set_index("id")["fold"]
    gone = [
        [split, ", ".join(one for one in removed if fold[one] in folds)] for split, folds in FOLDS.items()
    ]
    head = ["record", "split", "task", "classes published", "classes by 1.0.1"]
    return {
        **{name.replace("-", "_"): class_table(tasks[name], "1.0.1") for name in PTB_XL},
        "records_101": f"{len(index):,}",
        "records_103": f"{len(every):,}",
        "removed": str(len(removed)),
        "relabelled": NUMBERS[len(relabelled)],
        "gone": markdown_table(["split", "records"], gone),
        "versions": markdown_table(head, changes),
    }


def _changes(tasks: Mapping[str, TaskLabels], removed: Sequence[str]) -> list[list[str]]:
    """Return record, split, task and the classes of both sides, if files and database differ."""
    changes = []
    for name, split in ((name, split) for name in PTB_XL for split in SPLITS):
        sides = tasks[name].published(split), tasks[name].exact[split]
        every = sides[0].index.union(sides[1].index).difference(removed)
        # A record that a side lacks has no class there; all of its other records have at least one.
        complete = [side.reindex(every, fill_value=False) for side in sides]
        for record in every[(complete[0] != complete[1]).any(axis=1)]:
            classes = [", ".join(side.columns[side.loc[record]]) or "-" for side in complete]
            changes.append([record, split, f"`{name}`", *classes])
    return changes


def column_order(own: TaskLabels) -> dict[str, str]:
    """Return the columns of `ptbxl_sub_class` that change places, and the cost."""
    names = {split: list(file.labels.columns) for split, file in own.files.items()}
    assert names["val"] == names["test"]
    test = own.files["test"].labels
    areas = auroc(test[names["train"]].to_numpy(dtype=float), test.to_numpy())
    rows = [
        [place + 1, f"`{train}`", f"`{other}`", f"{areas[place]:.3f}"]
        for place, (train, other) in enumerate(zip(names["train"], names["test"], strict=True))
        if train != other
    ]
    head = ["column", "in the training file", "in the other two", "AUROC without any error"]
    return {
        "moved": NUMBERS[len(rows)],
        "perfect": f"{areas.mean():.4f}",
        "order": markdown_table(head, rows),
    }


def cpsc2018(own: TaskLabels, index: pd.DataFrame) -> dict[str, str]:
    """Return both splits of CPSC 2018, whose labels are equal."""
    assert all(own.exact[split].equals(own.published(split)) for split in SPLITS)
    splits = [*map(own.published, SPLITS), *by_fold(own.task, index).values()]
    rows: list[list[Any]] = [
        [f"`{name}`", own.task.prompts[name][0], *(int(labels[name].sum()) for labels in splits)]
        for name in own.task.classes
    ]
    head = ["class", "first prompt", *SPLITS, "folds 1-8", "fold 9", "fold 10"]
    table = markdown_table(head, [*rows, ["records", "", *map(len, splits)]])
    return {"records_cpsc": f"{len(index):,}", "cpsc2018": table}


def csn(own: TaskLabels) -> dict[str, str]:
    """Return the classes, with the codes that account for the surplus, and the codes without a column."""
    codes = [set(codes) for file in own.files.values() for codes in codes_of(file)]
    records = Counter(code for record in codes for code in record)
    test, exact = own.published("test"), own.exact["test"]
    areas = dict(zip(test.columns, auroc(exact.to_numpy(dtype=float), test.to_numpy()), strict=True))
    assert not any((own.exact[split] & ~own.published(split)).any(axis=None) for split in SPLITS)
    assert own.counts("VB")[1] == [3, 0, 0]

    def surplus(name: str) -> str:
        if all(own.exact[split][name].equals(own.published(split)[name]) for split in SPLITS):
            return ""
        others = sorted(code for code in records if name in code and code != name)
        return f"{', '.join(others)} ({areas[name]:.2f})"

    omitted = [[f"`{code}`", count] for code, count in records.most_common() if code not in own.task.classes]
    empty = sum(int((~own.published(split).any(axis=1)).sum()) for split in SPLITS)
    return {
        "records_csn": f"{len(codes):,}",
        "wrong": NUMBERS[sum(bool(surplus(name)) for name in own.task.classes)],
        "csn": class_table(own, "exact", "counted as it (AUROC)", surplus),
        "omitted": markdown_table(["code", "records"], omitted),
        "nothing": NUMBERS[empty].capitalize(),
        "more": str(len(get_task("csn-extended").classes) - len(own.task.classes)),
    }


def code_test() -> str:
    task = get_task("code-test")
    rows = [[f"`{name}`", task.prompts[name][0], CODE_TEST[name]] for name in task.classes]
    return markdown_table(["class", "first prompt", "test"], rows)


def subsets(tasks: Mapping[str, TaskLabels]) -> str:
    rows = []
    for name, own in tasks.items():
        labels, row = own.published("train"), [f"`{name}`"]
        for percent in (1, 10):
            chosen = labels.loc[sample_as_published(labels.index, percent)]
            empty = ", ".join(f"`{name}`" for name in labels.columns[~chosen.any()])
            row += [f"{len(chosen):,}", empty or "none"]
        rows.append(row)
    return markdown_table(["task", "1 %", "without a positive", "10 %", "without a positive"], rows)


def class_table(own: TaskLabels, side: str, title: str = "", extra: Callable[[str], str] = str) -> str:
    """Return the positives in the files and the difference by exact code; `extra` fills one more column."""
    counts = [(f"`{name}`", own.task.prompts[name][0], *own.counts(name)) for name in own.task.classes]
    lengths = [len(own.published(split)) for split in SPLITS], [len(own.exact[split]) for split in SPLITS]
    extras = [*map(extra, own.task.classes), ""]
    rows: list[list[Any]] = []
    for cell, (name, prompt, *sides) in zip(extras, [*counts, ("records", "", *lengths)], strict=True):
        changes = [
            f"{exact - files:+,}" if exact != files else "" for files, exact in zip(*sides, strict=True)
        ]
        rows.append([name, prompt, *sides[0], *changes, *([cell] if title else [])])
    head = ["class", "first prompt", *SPLITS, *(f"{side} {split}" for split in SPLITS)]
    return markdown_table([*head, *([title] if title else [])], rows)


def main() -> None:
    options = parser(__doc__, published=Path, ptb_xl=Path, cpsc2018=Path, counts=None).parse_args()
    raw = {"ptb-xl": options.ptb_xl, "cpsc2018": options.cpsc2018}
    tasks, indices = read_labels(options.published, raw)
    agreed = check(tasks, json.loads(options.counts.read_text())) if options.counts else 0
    PAGE.write_text(page(tasks, indices, agreed), encoding="utf-8")


if __name__ == "__main__":
    main()
