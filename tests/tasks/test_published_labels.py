"""Published label files: search, content, and errors for other formats."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melp.errors import MelpError
from melp.evaluation.metrics import auroc
from melp.tasks import get_task
from melp.tasks.published_labels import SPLITS, read_label_files
from small_published_labels import write_files

SIZES = {
    "ptbxl-super": (17084, 2146, 2158),
    "ptbxl-sub": (17084, 2146, 2158),
    "ptbxl-form": (7197, 901, 880),
    "ptbxl-rhythm": (16832, 2100, 2098),
    "cpsc2018": (4950, 551, 1376),
    "csn": (16546, 1860, 4620),
}


@pytest.fixture
def index() -> pd.DataFrame:
    """Return forty records with one of three rhythms each."""
    codes = [["AFIB"], ["SR", "SBRAD"], ["STACH"], ["PACE", "AFIB"]]
    return pd.DataFrame(
        {
            "id": [str(number) for number in range(1, 41)],
            "fold": [number % 10 + 1 for number in range(40)],
            "labels": [codes[number % 4] for number in range(40)],
        }
    )


def test_files_at_any_depth_are_read_in_their_order(tmp_path: Path, index: pd.DataFrame) -> None:
    task = get_task("ptbxl-rhythm")
    write_files(tmp_path / "src" / "rhythm", index, swapped=("AFIB", "SR"))
    files = read_label_files(tmp_path, task)
    assert tuple(files) == SPLITS
    assert tuple(files["train"].labels.columns) == task.classes
    order = list(task.classes)
    assert [order.index(name) for name in files["test"].labels.columns][6:8] == [7, 6]
    labels = task.labels(index)
    for split in SPLITS:
        published = files[split].labels
        pd.testing.assert_frame_equal(published[order], labels.loc[published.index])
        assert list(files[split].about.columns) == ["ecg_id", *(f"about{number}" for number in range(5))]
    assert [len(files[split].labels) for split in SPLITS] == [32, 4, 4]


def test_ids_equal_those_of_stores(tmp_path: Path) -> None:
    classes = {name: [0, 1] for name in get_task("csn").classes}
    paths = ["/chapman/WFDBRecords/08/089/JS08246.mat", "/chapman/WFDBRecords/10/109/JS10387.mat"]
    for split in SPLITS:
        table = pd.DataFrame({"ecg_path": paths, "age": 12, "diagnose": ["SB,TWC", "SVT"], **classes})
        text = table.to_csv(index=False)
        # One published file begins with an empty line.
        (tmp_path / f"chapman_{split}.csv").write_text(("\n" if split == "test" else "") + text)
    assert list(read_label_files(tmp_path, get_task("csn"))["test"].labels.index) == [
        "JS08246",
        "JS10387",
    ]
    classes = {name: [0, 1] for name in get_task("cpsc2018").classes}
    about = {"patient_id": [1, 2], "ecg_id": [1, 2], "filename": ["A4898", "A6279"]}
    about |= {"validation": False, "age": 69.0, "sex": 1, "scp_codes": "{}"}
    for split in SPLITS:
        pd.DataFrame({**about, **classes}).to_csv(tmp_path / f"icbeb_{split}.csv", index=False)
    assert list(read_label_files(tmp_path, get_task("cpsc2018"))["val"].labels.index) == [
        "A4898",
        "A6279",
    ]


def test_copies_of_a_file_must_be_equal(tmp_path: Path, index: pd.DataFrame) -> None:
    task = get_task("ptbxl-rhythm")
    write_files(tmp_path / "melp", index)
    shutil.copytree(tmp_path / "melp", tmp_path / "merl")
    file = tmp_path / "merl" / "ptbxl_rhythm_test.csv"
    file.write_text("\n" + file.read_text())
    assert len(read_label_files(tmp_path, task)["test"].labels) == 4
    file.write_text(file.read_text().replace("\n10,", "\n11,"))
    with pytest.raises(MelpError, match=r"merl/ptbxl_rhythm_test\.csv: differs from .*melp"):
        read_label_files(tmp_path, task)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("ecg_id,", "number,", "no column ecg_path or filename or ecg_id"),
        (",PACE", ",PACED", r"classes differ from those of ptbxl-rhythm \(PACE, PACED\)"),
        (",1", ",2", "found other labels, wanted 0 and 1"),
        ("\n10,", "\n20,", "ecg_id 20 found twice"),
        ("ecg_id", '"', "not a CSV table"),
    ],
)
def test_malformed_files(tmp_path: Path, index: pd.DataFrame, before: str, after: str, message: str) -> None:
    file = write_files(tmp_path, index) / "ptbxl_rhythm_test.csv"
    file.write_text(file.read_text().replace(before, after))
    with pytest.raises(MelpError, match=rf"ptbxl_rhythm_test\.csv: {message}"):
        read_label_files(tmp_path, get_task("ptbxl-rhythm"))


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(MelpError, match=r"no ptbxl_form_train\.csv found, wanted the label files of MERL"):
        read_label_files(tmp_path, get_task("ptbxl-form"))
    with pytest.raises(MelpError, match="nowhere: no such folder"):
        read_label_files(tmp_path / "nowhere", get_task("ptbxl-form"))
    with pytest.raises(MelpError, match="task code-test: no published label files"):
        read_label_files(tmp_path, get_task("code-test"))


@pytest.mark.data
@pytest.mark.parametrize("name", list(SIZES))
def test_published_sizes(name: str, recordings: Path) -> None:
    task = get_task(name)
    files = read_label_files(recordings / "published-splits", task)
    assert tuple(len(files[split].labels) for split in SPLITS) == SIZES[name]
    assert tuple(files["train"].labels.columns) == task.classes
    ids = pd.Index([record for file in files.values() for record in file.labels.index])
    assert ids.is_unique


@pytest.mark.data
def test_auroc_of_a_perfect_probe_on_the_published_subclasses(recordings: Path) -> None:
    """The published loader reads columns by position, but three classes have other positions in the tests."""
    files = read_label_files(recordings / "published-splits", get_task("ptbxl-sub"))
    test, names = files["test"].labels, files["train"].labels.columns
    areas = pd.Series(auroc(test[names].to_numpy(dtype=float), test.to_numpy()), index=names)
    assert areas.mean() == pytest.approx(0.9337, abs=5e-5)
    wrong = areas[areas < 1].round(3).to_dict()
    assert wrong == {"AVB": 0.501, "RAO/RAE": 0.504, "ISC": 0.47}


@pytest.mark.data
def test_exact_codes_and_the_published_columns_of_csn(recordings: Path) -> None:
    """AUROC of a perfect model on the published test file, whose columns are derived from substrings."""
    task = get_task("csn")
    file = read_label_files(recordings / "published-splits", task)["test"]
    codes = file.about["diagnose"].str.split(",")
    exact = task.labels(pd.DataFrame({"id": file.labels.index, "labels": codes.tolist()}))
    exact = exact.reindex(file.labels.index, fill_value=False)
    areas = pd.Series(auroc(exact.to_numpy(dtype=float), file.labels.to_numpy()), index=task.classes)
    wrong = areas[areas < 1].round(2).to_dict()
    assert wrong == {"VB": 0.5, "2AVB": 0.88, "SA": 0.87, "CR": 0.62, "AF": 0.85, "AVB": 0.62, "ST": 0.9}
    assert not (exact & ~file.labels).any(axis=None), "a code also matches as a substring"
    assert int(file.labels["VB"].sum()) == 169 and int(exact["VB"].sum()) == 0


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "records", "without"),
    [
        ("ptbxl-super", 171, set()),
        ("ptbxl-sub", 171, {"SEHYP", "WPW", "LMI", "PMI"}),
        ("ptbxl-form", 72, {"HVOLT", "TAB", "PRC(S)", "STE"}),
        ("ptbxl-rhythm", 168, {"BIGU", "TRIGU", "SVTAC", "PSVT", "AFLT"}),
        ("cpsc2018", 50, set()),
    ],
)
def test_published_subsets_of_one_per_cent(
    name: str, records: int, without: set[str], recordings: Path
) -> None:
    from melp.evaluation.paper_split import sample_as_published

    labels = read_label_files(recordings / "published-splits", get_task(name))["train"].labels
    chosen = labels.loc[sample_as_published(labels.index, 1)]
    assert len(chosen) == records
    assert set(labels.columns[~chosen.any()]) == without
    assert len(sample_as_published(labels.index, 10)) == np.round(len(labels) / 10)
