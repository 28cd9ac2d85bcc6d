"""Writes docs/labels.md: positives of each class and split, as published and by exact code.

    python benchmarks/labels.py --published DIR --ptb-xl DIR --cpsc2018 DIR [--counts FILE]

DIR: the label files of MERL or MELP, and the folders of PTB-XL and CPSC 2018 (their tables and a recording).
FILE: a count of the same files made elsewhere, as JSON, that this one is checked against.
The words are in labels_page.md; what they say of the labels is asserted here where it is counted.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd
from label_counts import FOLDS, PTB_XL, Counted, by_fold, check, codes_of, count

from melp.evaluation.metrics import auroc
from melp.evaluation.paper_split import sample_as_published
from melp.tasks import get_task
from melp.tasks.published_labels import SPLITS

PAGE = Path(__file__).parents[1] / "docs" / "labels.md"
WORDS = Path(__file__).with_name("labels_page.md")
# Positives of the gold standard as published with it.
CODE_TEST = {"1dAVb": 28, "RBBB": 34, "LBBB": 30, "SB": 16, "AF": 13, "ST": 37}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("published", "ptb-xl", "cpsc2018"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--counts", type=Path)
    options = parser.parse_args()
    counted, indices = count(options.published, {"ptb-xl": options.ptb_xl, "cpsc2018": options.cpsc2018})
    agreed = check(counted, json.loads(options.counts.read_text())) if options.counts else 0
    PAGE.write_text(page(counted, indices, agreed), encoding="utf-8")


def page(counted: Mapping[str, Counted], indices: Mapping[str, pd.DataFrame], agreed: int = 0) -> str:
    """The page; `agreed` is how many numbers are those of another count."""
    checked = f"{agreed:,} numbers on this page (all counts of the published files) were verified with independent code.\n\n"
    parts = {
        "checked": checked if agreed else "",
        "sizes": sizes(counted),
        **ptb_xl(counted, indices["ptb-xl"]),
        **column_order(counted["ptbxl-sub"]),
        **cpsc2018(counted["cpsc2018"], indices["cpsc2018"]),
        **csn(counted["csn"]),
        "code_test": code_test(),
        "subsets": subsets(counted),
    }
    return Template(WORDS.read_text(encoding="utf-8")).substitute(parts)


def sizes(counted: Mapping[str, Counted]) -> str:
    rows = []
    for name, each in counted.items():
        assert each.task.published is not None
        records = [len(each.files[split].labels) for split in SPLITS]
        rows.append([f"`{name}`", f"`{each.task.published.files}`", len(each.task.classes), *records])
    return table(["task", "files", "classes", *SPLITS], rows)


def ptb_xl(counted: Mapping[str, Counted], index: pd.DataFrame) -> dict[str, str]:
    """The four tasks of PTB-XL, and the records in which its versions differ."""
    every = {each for name in PTB_XL for file in counted[name].files.values() for each in file.labels.index}
    removed = [each for each in index["id"] if each not in every]
    changes = sorted(_changes(counted, removed), key=lambda change: int(change[0]))
    relabelled = {change[0] for change in changes}
    kept = index[~index["id"].isin({*removed, *relabelled})]
    for name in PTB_XL:
        for split, labels in by_fold(counted[name].task, kept).items():
            published = counted[name].published(split)
            assert labels.equals(published.drop(relabelled, errors="ignore"))
    fold = index.set_index("id")["fold"]
    gone = [
        [split, ", ".join(each for each in removed if fold[each] in folds)] for split, folds in FOLDS.items()
    ]
    head = ["record", "split", "task", "classes published", "classes by 1.0.1"]
    return {
        **{name.replace("-", "_"): class_table(counted[name], "1.0.1") for name in PTB_XL},
        "records_101": f"{len(index):,}",
        "records_103": f"{len(every):,}",
        "removed": str(len(removed)),
        "relabelled": NUMBERS[len(relabelled)],
        "gone": table(["split", "records"], gone),
        "versions": table(head, changes),
    }


def _changes(counted: Mapping[str, Counted], removed: Sequence[str]) -> list[list[str]]:
    """Record, split, task and classes of either, where files and database differ."""
    changes = []
    for name in PTB_XL:
        for split in SPLITS:
            sides = counted[name].published(split), counted[name].exact[split]
            every = sides[0].index.union(sides[1].index).difference(removed)
            # A record that a side lacks has no class there, as those that it has have one at least.
            whole = [side.reindex(every, fill_value=False) for side in sides]
            differ = every[(whole[0] != whole[1]).any(axis=1)]
            changes += [
                [each, split, f"`{name}`", *(_classes(side, each) for side in sides)] for each in differ
            ]
    return changes


def _classes(labels: pd.DataFrame, record: str) -> str:
    return ", ".join(labels.columns[labels.loc[record]]) if record in labels.index else "-"


def column_order(each: Counted) -> dict[str, str]:
    """The columns of `ptbxl_sub_class` that change places, and what it costs."""
    names = {split: list(file.labels.columns) for split, file in each.files.items()}
    assert names["val"] == names["test"]
    places = [place for place, name in enumerate(names["train"]) if name != names["test"][place]]
    test = each.files["test"].labels
    areas = auroc(test[names["train"]].to_numpy(dtype=float), test.to_numpy())
    rows = [
        [place + 1, f"`{names['train'][place]}`", f"`{names['test'][place]}`", f"{areas[place]:.3f}"]
        for place in places
    ]
    head = ["column", "in the training file", "in the other two", "AUROC without any error"]
    return {"moved": NUMBERS[len(places)], "perfect": f"{areas.mean():.4f}", "order": table(head, rows)}


def cpsc2018(each: Counted, index: pd.DataFrame) -> dict[str, str]:
    """Both splits of CPSC 2018, whose labels are equal."""
    for split in SPLITS:
        assert each.exact[split].equals(each.published(split))
    splits = [*map(each.published, SPLITS), *by_fold(each.task, index).values()]
    rows = [
        [f"`{name}`", each.task.prompts[name][0], *(int(labels[name].sum()) for labels in splits)]
        for name in each.task.classes
    ]
    head = ["class", "first prompt", *SPLITS, "folds 1-8", "fold 9", "fold 10"]
    whole = ["records", "", *map(len, splits)]
    return {"records_cpsc": f"{len(index):,}", "cpsc2018": table(head, [*rows, whole])}


def csn(each: Counted) -> dict[str, str]:
    """The classes, with the codes that the surplus comes from, and the codes that have no column."""
    codes = [set(found) for file in each.files.values() for found in codes_of(file)]
    known = Counter(code for found in codes for code in found)
    test, exact = each.published("test"), each.exact["test"]
    areas = dict(zip(test.columns, auroc(exact.to_numpy(dtype=float), test.to_numpy()), strict=True))
    for split in SPLITS:
        assert not (each.exact[split] & ~each.published(split)).any(axis=None)
    assert [int(each.exact[split]["VB"].sum()) for split in SPLITS] == [3, 0, 0]

    def why(name: str) -> str:
        if all(each.exact[split][name].equals(each.published(split)[name]) for split in SPLITS):
            return ""
        others = sorted(code for code in known if name in code and code != name)
        return f"{', '.join(others)} ({areas[name]:.2f})"

    omitted = [[f"`{code}`", number] for code, number in known.most_common() if code not in each.task.classes]
    empty = sum(int((~each.published(split).any(axis=1)).sum()) for split in SPLITS)
    return {
        "records_csn": f"{len(codes):,}",
        "wrong": NUMBERS[sum(bool(why(name)) for name in each.task.classes)],
        "csn": class_table(each, "exact", ("counted as it (AUROC)", why)),
        "omitted": table(["code", "records"], omitted),
        "nothing": NUMBERS[empty].capitalize(),
        "more": str(len(get_task("csn-extended").classes) - len(each.task.classes)),
    }


def code_test() -> str:
    task = get_task("code-test")
    rows = [[f"`{name}`", task.prompts[name][0], CODE_TEST[name]] for name in task.classes]
    return table(["class", "first prompt", "test"], rows)


def subsets(counted: Mapping[str, Counted]) -> str:
    rows = []
    for name, each in counted.items():
        labels = each.published("train")
        row: list[Any] = [f"`{name}`"]
        for percent in (1, 10):
            chosen = labels.loc[sample_as_published(labels.index, percent)]
            row += [len(chosen), ", ".join(f"`{name}`" for name in labels.columns[~chosen.any()]) or "none"]
        rows.append(row)
    return table(["task", "1 %", "without a positive", "10 %", "without a positive"], rows)


def class_table(
    each: Counted, side: str, last: tuple[str, Callable[[str], str]] = ("", lambda name: "")
) -> str:
    """Positives in the files, and what is more or less by exact code; `last` is one more column."""
    published = [each.published(split) for split in SPLITS]
    exact = [each.exact[split] for split in SPLITS]
    rows: list[list[Any]] = []
    for name in each.task.classes:
        positives = [[int(labels[name].sum()) for labels in side] for side in (published, exact)]
        row = [f"`{name}`", each.task.prompts[name][0], *positives[0], *_differences(*positives)]
        rows.append([*row, last[1](name)])
    records = [[len(labels) for labels in side] for side in (published, exact)]
    rows.append(["records", "", *records[0], *_differences(*records), ""])
    head = ["class", "first prompt", *SPLITS, *(f"{side} {split}" for split in SPLITS), last[0]]
    width = len(head) if last[0] else len(head) - 1
    return table(head[:width], [row[:width] for row in rows])


def _differences(published: Sequence[int], exact: Sequence[int]) -> list[str]:
    return [
        f"{ours - theirs:+,}" if ours != theirs else "" for theirs, ours in zip(published, exact, strict=True)
    ]


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table, numbers to the right."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    columns = list(zip(*cells, strict=True))
    numeric = [any(column) and all(not cell.strip("+-,.0123456789") for cell in column) for column in columns]
    rule = ["---:" if right else "---" for right in numeric]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(head), rule, *cells])


if __name__ == "__main__":
    main()
