"""Tasks: published class order, labels by code, prompts for every class."""

from __future__ import annotations

import ast
import csv
import random
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melp.corpora import Options, get_corpus, list_corpora
from melp.errors import MelpError
from melp.tasks import get_task, list_tasks, parse_folds, parse_task
from melp.tasks.published_labels import read_label_files

PTBXL = {
    "ptbxl-super": "super_class",
    "ptbxl-sub": "sub_class",
    "ptbxl-form": "form",
    "ptbxl-rhythm": "rhythm",
}
SPLITS = {"train": "train_folds", "val": "validation_folds", "test": "test_folds"}
OTHERS = ("cpsc2018", "csn", "csn-extended", "code-test")
# Records of PTB-XL 1.0.1 that were removed in 1.0.3, and those with other codes.
REMOVED = {
    137, 139, 140, 141, 142, 143, 145, 456, 458, 459, 461, 462, 2506, 2511, 3795, 3798, 3800, 3801, 3832,
    5817, 7777, 7779, 7782, 9821, 9825, 9888, 11810, 11814, 11815, 11817, 11838, 13791, 13793, 13796, 13797,
    13799, 15742, 18150,
}  # fmt: skip
UNCOVERED = {3796, 3797, 7778, 7783, 9822, 9824, 13803}
RELABELLED = {1371, 3799, 3802, 9822}


def test_every_file_is_a_task() -> None:
    assert set(PTBXL) <= set(list_tasks())
    for name in list_tasks():
        assert get_task(name).name == name


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("ptbxl-super", 5),
        ("ptbxl-sub", 23),
        ("ptbxl-form", 19),
        ("ptbxl-rhythm", 12),
        ("cpsc2018", 9),
        ("csn", 38),
        ("csn-extended", 55),
        ("code-test", 6),
    ],
)
def test_number_of_classes(name: str, classes: int) -> None:
    assert len(get_task(name).classes) == classes


@pytest.mark.parametrize("name", [*PTBXL, *OTHERS])
def test_prompts_are_single_controlled_statements(name: str) -> None:
    task = get_task(name)
    for label, prompts in task.prompts.items():
        assert 3 <= len(prompts) <= 8, label
        assert len(set(prompts)) == len(prompts), label
        for prompt in prompts:
            assert prompt == prompt.lower().strip() and not prompt.endswith("."), prompt
    counts = Counter(prompt for prompts in task.prompts.values() for prompt in prompts)
    assert max(counts.values()) == 1, [prompt for prompt, count in counts.items() if count > 1]


def test_prompts_have_no_known_defects_of_the_published_ones() -> None:
    def words(task: str, label: str) -> str:
        return " | ".join(get_task(task).prompts[label])

    assert "tachycardia" not in words("ptbxl-rhythm", "SR") + words("ptbxl-sub", "NORM")
    assert "bradycardia" not in words("ptbxl-rhythm", "SR") + words("ptbxl-super", "NORM")
    assert "incomplete" not in words("ptbxl-sub", "CRBBB") and "fascicular" not in words("ptbxl-sub", "CLBBB")
    assert "fibrillation" not in words("ptbxl-rhythm", "AFLT")
    for name in ("csn", "csn-extended"):
        assert "fibrillation" not in words(name, "AF") and "flutter" not in words(name, "AFIB")
        assert "elevation" not in words(name, "STDD") and "depression" not in words(name, "STTU")
        assert "counter" not in words(name, "CR") and "counter" in words(name, "CCR")
        assert "incomplete" not in words(name, "RBBB")
        assert not {"tachycardia", "bradycardia"} & set(words(name, "SR").split())
    assert "premature ventricular contractions in bigeminy" in get_task("csn").prompts["VB"]
    assert "fascicular" not in words("cpsc2018", "CLBBB") and "flutter" not in words("code-test", "AF")


def test_folds_fit_the_corpus() -> None:
    for name in (*PTBXL, *OTHERS):
        task = get_task(name)
        assert task.train_folds == (1, 2, 3, 4, 5, 6, 7, 8)
        assert task.validation_folds == (9,) and task.test_folds == (10,)
        assert task.corpus in list_corpora() and task.train_corpus in list_corpora()
    assert get_task("code-test").train_corpus == "code-15"


def test_extended_task_begins_with_the_classes_of_its_base() -> None:
    plain, extended = get_task("csn"), get_task("csn-extended")
    assert extended.classes[:38] == plain.classes and "SB" in extended.classes[38:]
    assert extended.corpus == "csn" and extended.published is None
    changed = {name for name in plain.classes if plain.codes[name] != extended.codes[name]}
    assert changed == {"VPB", "RBBB", "LBBB"}
    assert extended.codes["VPB"] == ("VPB", "427172004")
    assert extended.prompts["VPB"] == plain.prompts["VPB"]
    assert all(plain.codes[name] == (name,) for name in plain.classes), "by exact acronym"


def test_csn_matches_whole_codes() -> None:
    index = pd.DataFrame({"id": ["a", "b", "c", "d"], "labels": [["AFIB"], ["STTC", "1AVB"], ["SB"], ["AF"]]})
    table = get_task("csn").labels(index)
    assert list(table.columns[table.loc["a"]]) == ["AFIB"]
    assert list(table.columns[table.loc["b"]]) == ["STTC", "1AVB"]
    assert list(table.index) == ["a", "b", "d"]
    assert list(get_task("csn-extended").labels(index).index) == ["a", "b", "c", "d"]


@settings(max_examples=50, deadline=None)
@given(
    name=st.sampled_from(["csn", "csn-extended", "ptbxl-sub", "code-test"]),
    seed=st.integers(0, 1000),
    strange=st.lists(st.text(max_size=5), max_size=3),
)
def test_labels_equal_a_slow_version(name: str, seed: int, strange: list[str]) -> None:
    """Codes match as a whole, whatever other labels a record has."""
    task, draw = get_task(name), random.Random(seed)
    known = [code for codes in task.codes.values() for code in codes]
    parts = [code[:-1] for code in known] + [code + "1" for code in known]
    records = [draw.sample(known + parts, draw.randint(0, 3)) + strange for _ in range(9)]
    index = pd.DataFrame({"id": [f"r{row}" for row in range(9)], "labels": records})
    table = task.labels(index)
    for row, codes in zip(index["id"], records, strict=True):
        cases = {label for label in task.classes if set(codes) & set(task.codes[label])}
        assert (row in table.index) == (bool(cases) or task.every_record)
        if row in table.index:
            assert set(table.columns[table.loc[row]]) == cases


def test_every_record_includes_negatives_of_all_classes() -> None:
    index = pd.DataFrame({"id": ["0", "1"], "labels": [[], ["1dAVb", "normal_ecg"]]})
    table = get_task("code-test").labels(index)
    assert table.loc["0"].tolist() == [False] * 6 and table.loc["1", "1dAVb"]


def test_task_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "classes:\n  A: {prompts: first finding}\n  B: {codes: [C, 7], prompts: [second, third]}\n"
    )
    task = get_task(str(file))
    assert (task.name, task.corpus, task.train_corpus) == ("mine", "table", "table")
    assert task.codes == {"A": ("A",), "B": ("C", "7")}
    assert task.prompts == {"A": ["first finding"], "B": ["second", "third"]}
    assert task.train_folds == (1, 2, 3, 4, 5, 6, 7, 8) and task.test_folds == (10,)


def test_classes_in_words() -> None:
    assert get_task("ptbxl-super").titles["MI"] == "myocardial infarction", "of the task"
    assert get_task("ptbxl-rhythm").titles["PACE"] == "paced rhythm", "of the label"
    own = parse_task({"classes": {"A": {"prompts": ["first", "second"]}}}, "own.yaml")
    assert own.titles == {"A": "first"}, "the first prompt"


def test_labels_match_any_code_and_exclude_other_records() -> None:
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


def test_errors_name_task_and_field() -> None:
    with pytest.raises(MelpError, match=r"'ptbxl-supper'.*ptbxl-super"):
        get_task("ptbxl-supper")
    content = {"name": "x", "corpus": "y", "train_folds": [1], "validation_folds": [2], "test_folds": [3]}
    with pytest.raises(MelpError, match=r"x\.yaml: classes missing"):
        parse_task(content, "x.yaml")
    with pytest.raises(MelpError, match="found no prompts for B, wanted prompts"):
        parse_task(content | {"classes": {"A": {"prompts": ["a"]}, "B": {"codes": ["C"]}}}, "x.yaml")
    with pytest.raises(MelpError, match=r"nowhere\.yaml: not a readable YAML file"):
        get_task("nowhere.yaml")
    for wrong, message in [
        ({"folds": [1]}, "folds unknown, wanted classes, corpus"),
        ({"classes": ["A"]}, "classes: wanted"),
        ({"classes": {"A": None}}, "classes: wanted"),
        ({"train_folds": "1-8"}, "train_folds: found '1-8', wanted a list of numbers"),
        ({"extends": "csm"}, "extends: found 'csm', wanted a task"),
        ({"published": {"file": "a"}}, "published: wanted files and optionally seconds"),
    ]:
        known = {"classes": {"A": {"prompts": ["a"]}}}
        with pytest.raises(MelpError, match=rf"x\.yaml: {message}"):
            parse_task({**known, **wrong}, "x.yaml")
    with pytest.raises(MelpError, match=r"x\.yaml: found list, wanted the fields of a task"):
        parse_task([], "x.yaml")


@pytest.fixture(scope="module")
def ptb_xl_index(ptb_xl: Path) -> pd.DataFrame:
    """Return codes and folds of the whole database."""
    table = pd.read_csv(ptb_xl / "ptbxl_database.csv")
    codes = [[code.strip("_") for code in ast.literal_eval(text)] for text in table["scp_codes"]]
    return pd.DataFrame({"id": table["ecg_id"], "fold": table["strat_fold"], "labels": codes})


@pytest.mark.data
def test_codes_of_classes_equal_those_of_the_corpus(ptb_xl: Path) -> None:
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
def test_labels_equal_the_published_ones(ptb_xl_index: pd.DataFrame, recordings: Path) -> None:
    """The published files follow PTB-XL 1.0.3: 38 records less than 1.0.1, ten with other codes."""
    folds = ptb_xl_index.set_index("id")["fold"]
    extra: set[int] = set()
    changed: set[int] = set()
    everywhere: set[int] = set()
    for name in PTBXL:
        task = get_task(name)
        ours = task.labels(ptb_xl_index)
        for split, file in read_label_files(recordings / "published-splits", task).items():
            published = file.labels.set_index(file.labels.index.astype(int))
            own = ours[folds.loc[ours.index].isin(getattr(task, SPLITS[split]))]
            assert set(published.index) <= set(own.index)
            extra |= set(own.index) - set(published.index)
            everywhere |= set(published.index)
            unequal = (own.loc[published.index] != published[list(task.classes)]).any(axis=1)
            changed |= set(published.index[unequal])
    assert extra == REMOVED | UNCOVERED
    assert not REMOVED & everywhere and everywhere >= UNCOVERED
    assert changed == RELABELLED
    assert len(ptb_xl_index) - len(REMOVED) == 21_799


@pytest.mark.data
@pytest.mark.parametrize(("name", "published"), [("csn", 20), ("cpsc2018", 11)])
def test_labels_of_real_recordings_equal_the_published(name: str, published: int, recordings: Path) -> None:
    """Recordings of CSN that are not published have a code without an acronym, or only SB."""
    corpus, task = get_corpus(name), get_task(name)
    entries = corpus.list_entries(recordings / name, Options()).entries
    found = [(entry.id, corpus.load(entry).meta["labels"]) for entry in entries if entry.source is not None]
    index = pd.DataFrame(found, columns=["id", "labels"])
    ours, files = task.labels(index), read_label_files(recordings / "published-splits", task)
    theirs = pd.concat([file.labels for file in files.values()])
    both = ours.index[ours.index.isin(theirs.index)]
    assert len(both) == published
    # In these recordings, no code is a substring of another.
    pd.testing.assert_frame_equal(ours.loc[both], theirs.loc[both, list(task.classes)])
    for codes in index.set_index("id")["labels"].drop(both):
        assert codes == ["SB"] or any(code.isdigit() for code in codes)
