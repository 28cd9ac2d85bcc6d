"""Label files in the form of MERL and MELP, with their defects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melp.simulator.corpora import get_simulated
from melp.simulator.corpora._splits import draw_parts
from melp.tasks import get_task, list_tasks
from melp.tasks.published_labels import read_label_files

TASKS = [name for name in list_tasks() if get_task(name).published]
RECORDS = 400


def rows_of(corpus: str) -> pd.DataFrame:
    """Return rows as the simulator has them, of random labels of the tasks and some codes without a class."""
    rng = np.random.default_rng(0)
    tasks = [get_task(name) for name in TASKS if get_task(name).corpus == corpus]
    codes = sorted({code for task in tasks for each in task.codes.values() for code in each})
    choices = [*codes, "445118002", "SB"]
    labels = [rng.choice(choices, rng.integers(1, 4), replace=False).tolist() for _ in range(RECORDS)]
    names = {"ptb-xl": "{:d}", "cpsc2018": "A{:04d}", "csn": "JS{:05d}"}
    ids = [names[corpus].format(number) for number in range(1, RECORDS + 1)]
    return pd.DataFrame(
        {
            "id": ids,
            "labels": labels,
            "ecg_id": range(1, RECORDS + 1),
            "patient_id": np.arange(1.0, RECORDS + 1),
            "strat_fold": rng.integers(1, 11, RECORDS),
            "filename_lr": "records100/00000/00001_lr",
            "filename_hr": "records500/00000/00001_hr",
            "age": np.where(rng.random(RECORDS) < 0.1, np.nan, 50.0),
            "sex": rng.integers(2, size=RECORDS),
            "path": [f"WFDBRecords/01/010/{name}" for name in ids],
        }
    )


@pytest.mark.parametrize("name", TASKS)
def test_labels_by_name_and_records(tmp_path: Path, name: str) -> None:
    task = get_task(name)
    rows = rows_of(task.corpus)
    get_simulated(task.corpus).write_splits(rows, tmp_path)
    files = read_label_files(tmp_path, task)
    exact = task.labels(rows)
    merged = pd.concat([file.labels[list(task.classes)] for file in files.values()])
    if name != "csn":
        assert set(merged.index) == set(exact.index)
        pd.testing.assert_frame_equal(merged.sort_index(), exact.sort_index(), check_names=False)
    own = rows.set_index("id")
    for split, file in files.items():
        if task.corpus == "ptb-xl":
            folds = {"train": set(range(1, 9)), "val": {9}, "test": {10}}[split]
            assert set(own.loc[file.labels.index, "strat_fold"]) == folds
        else:
            share = {"train": 0.72, "val": 0.08, "test": 0.2}[split]
            assert len(file.labels) == pytest.approx(share * len(merged), abs=5)


def test_columns_of_sub_classes_differ(tmp_path: Path) -> None:
    get_simulated("ptb-xl").write_splits(rows_of("ptb-xl"), tmp_path)
    columns = {
        split: file.labels.columns.tolist()
        for split, file in read_label_files(tmp_path, get_task("ptbxl-sub")).items()
    }
    assert columns["train"][9:14] == ["NORM", "AVB", "RAO/RAE", "ISC", "LMI"]
    assert columns["val"][9:14] == columns["test"][9:14] == ["NORM", "ISC", "AVB", "RAO/RAE", "LMI"]
    assert columns["val"][:9] == columns["train"][:9] and columns["val"][14:] == columns["train"][14:]


def test_columns_are_the_published_ones(recordings: Path, tmp_path: Path) -> None:
    for corpus in ("ptb-xl", "cpsc2018", "csn"):
        get_simulated(corpus).write_splits(rows_of(corpus), tmp_path)
    files = sorted(tmp_path.rglob("*.csv"))
    assert len(files) == 18
    for file in files:
        published = pd.read_csv(recordings / "published-splits" / file.relative_to(tmp_path), nrows=50)
        ours = pd.read_csv(file)
        assert ours.columns.tolist() == published.columns.tolist(), file.name


def test_acronyms_are_found_as_substrings(tmp_path: Path) -> None:
    rows = rows_of("csn").head(60).copy()
    rows["labels"] = [["1AVB"], ["SB", "AFIB"], ["SR", "445118002"], ["SB"], ["STTC"], ["SR"]] * 10
    get_simulated("csn").write_splits(rows, tmp_path)
    files = read_label_files(tmp_path, get_task("csn"))
    found = pd.concat([file.labels for file in files.values()])
    about = pd.concat([file.about for file in files.values()])["diagnose"]
    by_text = {text: sorted(found.columns[found.loc[about == text].all()]) for text in about.unique()}
    assert by_text == {
        "1AVB": ["1AVB", "AVB", "VB"],
        "SB,AFIB": ["AF", "AFIB"],
        "STTC": ["ST", "STTC"],
        "SR": ["SR"],
    }
    assert len(found) == 40


def test_parts_do_not_overlap() -> None:
    parts = pd.Series(draw_parts(1000)).value_counts().to_dict()
    assert parts == {"train": 720, "test": 200, "val": 80}
    assert draw_parts(1000) == draw_parts(1000)
