"""Tasks: published class order, labels by code, prompts for every class."""

from __future__ import annotations

import ast
import csv
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from melp.data.tasks import get_task, list_tasks, parse_folds, parse_task
from melp.errors import MelpError

PTBXL = {
    "ptbxl-super": "super_class",
    "ptbxl-sub": "sub_class",
    "ptbxl-form": "form",
    "ptbxl-rhythm": "rhythm",
}
SPLITS = {"train": "train_folds", "val": "validation_folds", "test": "test_folds"}


def test_every_file_is_a_task() -> None:
    assert set(PTBXL) <= set(list_tasks())
    for name in list_tasks():
        assert get_task(name).name == name


@pytest.mark.parametrize(
    ("name", "classes"), [("ptbxl-super", 5), ("ptbxl-sub", 23), ("ptbxl-form", 19), ("ptbxl-rhythm", 12)]
)
def test_number_of_classes(name: str, classes: int) -> None:
    assert len(get_task(name).classes) == classes


@pytest.mark.parametrize("name", list(PTBXL))
def test_prompts_are_single_statements_in_the_wording_of_reports(name: str) -> None:
    task = get_task(name)
    for label, prompts in task.prompts.items():
        assert 3 <= len(prompts) <= 8, label
        assert len(set(prompts)) == len(prompts), label
        for prompt in prompts:
            assert prompt == prompt.lower().strip() and not prompt.endswith("."), prompt
    counts = Counter(prompt for prompts in task.prompts.values() for prompt in prompts)
    assert max(counts.values()) == 1, [prompt for prompt, count in counts.items() if count > 1]


def test_known_defects_of_the_published_prompts_are_absent() -> None:
    def words(task: str, label: str) -> str:
        return " | ".join(get_task(task).prompts[label])

    assert "tachycardia" not in words("ptbxl-rhythm", "SR") + words("ptbxl-sub", "NORM")
    assert "bradycardia" not in words("ptbxl-rhythm", "SR") + words("ptbxl-super", "NORM")
    assert "incomplete" not in words("ptbxl-sub", "CRBBB") and "fascicular" not in words("ptbxl-sub", "CLBBB")
    assert "fibrillation" not in words("ptbxl-rhythm", "AFLT")


def test_labels_count_any_code_and_leave_uncovered_records_out() -> None:
    index = pd.DataFrame(
        {
            "id": ["a", "b", "c", "d"],
            "labels": [["ASMI", "LVH", "SR"], ["SR"], ["NORM", "AFIB"], []],
        }
    )
    table = get_task("ptbxl-super").labels(index)
    assert list(table.columns) == ["HYP", "NORM", "MI", "CD", "STTC"]
    assert table.loc["a"].tolist() == [True, False, True, False, False]
    assert table.loc["c"].tolist() == [False, True, False, False, False]
    assert list(table.index) == ["a", "c"]
    assert list(get_task("ptbxl-rhythm").labels(index).index) == ["a", "b", "c"]
    assert get_task("ptbxl-form").labels(index).shape == (0, 19)


def test_parse_folds() -> None:
    assert parse_folds("9,10") == (9, 10)
    assert parse_folds("1-3, 9,2") == (1, 2, 3, 9)
    for text in ("", "a", "1-", "-2", "3-1", "1,,2"):
        with pytest.raises(MelpError, match="folds"):
            parse_folds(text)


def test_errors_name_the_task_and_the_field() -> None:
    with pytest.raises(MelpError, match=r"'ptbxl-supper'.*ptbxl-super"):
        get_task("ptbxl-supper")
    content = {"name": "x", "corpus": "y", "train_folds": [1], "validation_folds": [2], "test_folds": [3]}
    with pytest.raises(MelpError, match=r"x\.yaml: classes missing"):
        parse_task(content, "x.yaml")
    with pytest.raises(MelpError, match="no prompts for B"):
        parse_task(content | {"classes": {"A": {"prompts": ["a"]}, "B": {"codes": ["C"]}}}, "x.yaml")


@pytest.fixture(scope="module")
def ptb_xl_index(ptb_xl: Path) -> pd.DataFrame:
    """Codes and folds of the whole database."""
    table = pd.read_csv(ptb_xl / "ptbxl_database.csv")
    codes = [[code.strip("_") for code in ast.literal_eval(text)] for text in table["scp_codes"]]
    return pd.DataFrame({"id": table["ecg_id"], "fold": table["strat_fold"], "labels": codes})


@pytest.mark.data
def test_classes_hold_the_codes_of_the_corpus(ptb_xl: Path) -> None:
    columns = {"ptbxl-super": "diagnostic_class", "ptbxl-sub": "diagnostic_subclass"}
    with (ptb_xl / "scp_statements.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in PTBXL:
        expected: dict[str, set[str]] = {}
        for row in rows:
            code = row[""].strip("_")
            kind = name.removeprefix("ptbxl-")
            label = row[columns[name]].strip("_") if name in columns else code if row[kind] else ""
            if label:
                expected.setdefault(label, set()).add(code)
        assert {label: set(codes) for label, codes in get_task(name).codes.items()} == expected


@pytest.mark.data
@pytest.mark.parametrize("name", list(PTBXL))
def test_labels_equal_the_published_ones_by_name(
    name: str, ptb_xl_index: pd.DataFrame, recordings: Path
) -> None:
    """The published files follow PTB-XL 1.0.3: 38 records fewer than 1.0.1, seven relabelled, codes moved."""
    task = get_task(name)
    ours = task.labels(ptb_xl_index)
    folds = ptb_xl_index.set_index("id")["fold"]
    extra: set[int] = set()
    changed: set[int] = set()
    for split, field in SPLITS.items():
        path = recordings / "published-splits" / "ptbxl" / f"ptbxl_{PTBXL[name]}_{split}.csv"
        published = pd.read_csv(path, index_col="ecg_id")
        if split == "train":
            assert tuple(published.columns[5:]) == task.classes
        own = ours[folds.loc[ours.index].isin(getattr(task, field))]
        assert set(published.index) <= set(own.index)
        extra |= set(own.index) - set(published.index)
        truth = published[list(task.classes)].astype(bool)
        unequal = (own.loc[truth.index] != truth).any(axis=1)
        changed |= set(truth.index[unequal])
    assert len(extra) <= 45
    assert changed <= {1371, 3799, 3802, 9822}
