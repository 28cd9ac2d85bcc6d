from __future__ import annotations

import ast
import csv
import math
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from melp.corpora import ptb_xl
from melp.corpora._challenge import abbreviations
from melp.corpora._headers import patient_info
from melp.corpora._records import find_wfdb_records
from melp.corpora.cpsc2018 import CLASSES, labels
from melp.data.build import build
from melp.data.store import Store
from melp.errors import MelpError
from small_ptb_xl import beats, write_record

CODES = st.lists(st.integers(10**5, 10**17).map(str), max_size=6)
CELLS = st.one_of(st.integers(1, 9).map(str), st.sampled_from(["", " "]))


@pytest.mark.parametrize("lead", ["#Dx: ", "# Dx: ", "Dx: ", "#DX:", "Dx :"])
def test_spellings_of_comments(lead: str) -> None:
    info = patient_info(["Age: 61", "#Sex: Female", f"{lead}284470004,427084000,284470004", "Rx: Unknown"])
    assert info.codes == ("284470004", "427084000")
    assert (info.age, info.sex) == (61.0, "female")


@pytest.mark.parametrize(
    ("age", "years"), [("0", 0.0), ("4", 4.0), ("89.5", 89.5), ("NaN", None), ("Unknown", None), ("-1", None),
                       ("300", None), ("", None), ("1e3", None), ("٣", None)]
)  # fmt: skip
def test_ages(age: str, years: float | None) -> None:
    parsed = patient_info([f"Age: {age}"]).age
    assert math.isnan(parsed) if years is None else parsed == years


def test_unknown_values() -> None:
    info = patient_info(["Sex: Unknown", "Dx: Unknown"])
    assert info.sex == "" and info.codes == () and math.isnan(info.age)
    assert patient_info([]).codes == ()
    assert patient_info(["Sex: M"]).sex == "male"


def test_age_and_sex_that_cannot_be_read() -> None:
    assert patient_info(["Age: old", "Sex: Unknown"]).unread == ("age",)
    assert patient_info(["Age: 300", "Sex: x"]).unread == ("age", "sex")
    assert patient_info(["Age: NaN", "Sex: F"]).unread == () == patient_info([]).unread


def test_recordings_whose_age_or_sex_cannot_be_read_are_flagged_and_counted(tmp_path: Path) -> None:
    for number, (age, sex) in enumerate((("61", "Male"), ("old", "Male"), ("-3", "x"), ("Unknown", "NaN"))):
        file = tmp_path / f"ptb/S{number:04d}"
        write_record(file, beats(number))
        header = file.with_suffix(".hea")
        header.write_text(header.read_text() + f"#Age: {age}\n#Sex: {sex}\n#Dx: 426783006\n")
    summary = build("ptb", tmp_path, tmp_path / "store")
    assert summary.flags == {"age not read": 2, "sex not read": 1, "empty report": 4}
    flags = [set(flags) - {"empty report"} for flags in Store(summary.path).index["flags"]]
    assert flags == [set(), {"age not read"}, {"age not read", "sex not read"}, set()]


@given(CODES, st.sampled_from(["", " ", "  "]))
def test_codes(codes: list[str], space: str) -> None:
    info = patient_info(["Age: 1", f"#{space}Dx:{space}" + f",{space}".join(codes)])
    assert info.codes == tuple(dict.fromkeys(codes))


@given(st.lists(st.text(max_size=40), max_size=6))
def test_any_comments(comments: list[str]) -> None:
    info = patient_info(comments)
    assert math.isnan(info.age) or 0 <= info.age <= 120
    assert info.sex in ("", "female", "male")
    assert len(set(info.codes)) == len(info.codes) and all(code.strip() == code for code in info.codes)


@given(st.text(alphabet="A0123456789", min_size=1, max_size=5), st.lists(CELLS, max_size=3))
def test_reference_rows(name: str, cells: list[str]) -> None:
    line = ",".join([name, *cells])
    numbers = [int(cell) for cell in cells if cell.strip()]
    assert labels(next(csv.reader([line]))) == tuple(dict.fromkeys(CLASSES[number - 1] for number in numbers))


@given(st.text(min_size=1).filter(lambda text: text.strip() not in set("123456789") | {""}))
def test_reference_rows_with_unknown_labels(cell: str) -> None:
    with pytest.raises(MelpError, match=r"record A0001: label .*, wanted 1 to 9"):
        labels(["A0001", cell])


@given(
    st.dictionaries(st.text(alphabet="ABCDEFG()/_", min_size=1, max_size=6), st.floats(0, 100), max_size=6)
)
def test_ptb_xl_labels(codes: dict[str, float]) -> None:
    assert ptb_xl.labels(str(codes)) == tuple(code.rstrip("_") for code in codes)
    assert list(ast.literal_eval(str(codes))) == list(codes)


@given(st.one_of(st.text(), st.text(alphabet="{}[]()'\",: 1aNST_-", max_size=30)))
@example("{1: 2}")
@example("'NORM'")
@example("-" * 20000 + "1")
@example("(" * 500)
def test_ptb_xl_labels_of_any_cell(cell: str) -> None:
    try:
        codes = ptb_xl.labels(cell)
    except ValueError as error:
        assert not isinstance(error, SyntaxError)
    else:
        assert all(code == code.rstrip("_") for code in codes)


def test_abbreviations_are_distinct() -> None:
    names = abbreviations()
    assert len(names) == len(set(names.values())) == 133
    assert all(code.isdecimal() for code in names)
    # Scored and unscored diagnoses, determined by hand from the challenge's tables.
    assert {code: names[code] for code in ("164889003", "426783006", "164884008", "67741000119109")} == {
        "164889003": "AF", "426783006": "NSR", "164884008": "VEB", "67741000119109": "LAE",
    }  # fmt: skip


def test_find_wfdb_records(tmp_path: Path) -> None:
    for name in ("b/X2.hea", "b/X2.mat", "a/X3.hea", "a/X3.dat", "a/X9.mat", "c/JS9.mat"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "b/X1.hea").write_text("X1 1 500 10\nX1.mat 16 1000 16 0 0 0 0 I\n")
    # The signal file has another name than the header; a part of the record is missing.
    (tmp_path / "c/S9.hea").write_text("S9 1 500 10\nJS9.mat 16 1000 16 0 0 0 0 I\n")
    (tmp_path / "c/S8.hea").write_text("S8/2 1 500 10\nS9 5\nS7 5\n")
    (tmp_path / "RECORDS").write_text("a/\nb/\n")
    (tmp_path / "a/RECORDS").write_text("X3\nX4\n\n")
    found = list(find_wfdb_records(tmp_path))
    assert [record[:2] for record in found] == [
        ("X3", tmp_path / "a/X3"), ("X4", tmp_path / "a/X4"),
        ("X1", tmp_path / "b/X1"), ("X2", tmp_path / "b/X2"),
        ("S8", tmp_path / "c/S8"), ("S9", tmp_path / "c/S9"),
    ]  # fmt: skip
    assert [record.complete for record in found] == [True, False, False, True, False, True]
    assert [record.source for record in found[:2]] == [str(tmp_path / "a/X3"), None]
