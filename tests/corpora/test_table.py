"""Your own recordings from a CSV table: columns, errors, and a task."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melp.corpora import Entry, Listing, Options, table
from melp.corpora._folds import hashed_fold
from melp.data.build import build
from melp.data.store import Store
from melp.errors import MelpError
from melp.io.values import is_nothing
from melp.tasks import get_task
from small_formats import dicom
from small_ptb_xl import beats, write_record


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    for number in range(1, 4):
        write_record(tmp_path / "raw" / "a" / f"r{number}", beats(number))
    return tmp_path / "raw"


def entries(raw: Path, text: str, encoding: str = "utf-8") -> list[Entry]:
    file = raw.parent / "own.csv"
    file.write_text(text, encoding=encoding)
    return list(table.list_entries(raw, Options(table=file)).entries)


def test_all_columns(raw: Path) -> None:
    found = entries(
        raw,
        "path,id,patient,fold,report,age,sex,labels,AFIB,LBBB,device\n"
        'a/r1.hea,x1,p1,3,"sinus rhythm, normal",61.5,F,NORM; SR,0,,CS-200\n'
        "a/r2,x2,p1,10.0,,,male,AFIB|CD,1,true,\n"
        "a/r9.hea,x3,,1,,,,,0,1,\n",
    )
    assert found[0] == Entry(
        "x1", "p1", 3, ("NORM", "SR"), "sinus rhythm, normal", None, 61.5, "female", str(raw / "a/r1.hea"),
        path="a/r1.hea", more={"device": "CS-200"},
    )  # fmt: skip
    assert found[1].labels == ("AFIB", "CD", "LBBB") and found[1].source == str(raw / "a/r2")
    assert (found[1].fold, found[1].sex, found[1].statements) == (10, "male", ())
    assert np.isnan(found[1].age)
    # Not on disk; without a patient, the id is the patient.
    assert (found[2].source, found[2].patient, found[2].labels) == (None, "x3", ("LBBB",))


def test_only_paths(raw: Path) -> None:
    one, two = entries(raw, "path\na/r1.hea\n\na/r2.hea\n")
    assert (one.id, one.patient, one.labels, one.statements) == ("a/r1.hea", "a/r1.hea", (), ())
    assert (one.fold, two.fold) == (hashed_fold("a/r1.hea"), hashed_fold("a/r2.hea"))


def test_folds_are_by_patient(raw: Path) -> None:
    rows = "".join(f"r{number},p{number % 40}\n" for number in range(400))
    found = entries(raw, "path,patient\n" + rows)
    assert {entry.fold for entry in found} == set(range(1, 11))
    assert len({(entry.patient, entry.fold) for entry in found}) == 40


def test_statements_and_separators(raw: Path) -> None:
    (one,) = entries(raw, 'path;statements\na/r1;"sinus rhythm| normal ecg\nno change |"\n', "utf-8-sig")
    assert one.statements == ("sinus rhythm", "normal ecg", "no change") and one.id == "a/r1"
    assert entries(raw, "path\tage\na/r1\t40\n")[0].age == 40


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns without names found, wanted path among them"),
        ("file,age\nx,3\n", "columns file, age found, wanted path among them"),
        ("path,age,age\nx,3,4\n", "column 'age' found twice"),
        ("path\n", "no row below the header, wanted one for each recording"),
        ("path,age\na/r1,3\na/r2\n", "row 3: 1 values found, wanted 2"),
        ("path,fold\na/r1,0\n", "row 2: column fold: '0' found, wanted a whole number from 1 to 10"),
        ("path,fold\na/r1,1.5\n", "row 2: column fold: '1.5' found, wanted a whole number from 1 to 10"),
        ("path,fold\na/r1,\n", "row 2: column fold: '' found, wanted a whole number from 1 to 10"),
        (
            'path,report,fold\na/r1,"two\nlines",1\na/r2,"x",0\n',
            "row 3: column fold: '0' found, wanted a whole number from 1 to 10",
        ),
        ("path,age\n,3\n", "row 2: column path: nothing found, wanted a recording"),
    ],
)
def test_errors_name_row_and_column(raw: Path, text: str, message: str) -> None:
    with pytest.raises(MelpError) as caught:
        entries(raw, text)
    assert str(caught.value) == f"{raw.parent / 'own.csv'}: {message}"


def test_missing_table_or_folder(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(MelpError, match="table: no table given, wanted --csv"):
        table.list_entries(raw, Options())
    with pytest.raises(MelpError, match="table: no folder given, wanted --raw"):
        table.list_entries(None, Options(table=tmp_path / "own.csv"))
    with pytest.raises(MelpError, match="nowhere: no such folder"):
        table.list_entries(tmp_path / "nowhere", Options(table=tmp_path / "own.csv"))
    with pytest.raises(MelpError, match=r"absent\.csv: cannot be read as UTF-8 text"):
        table.list_entries(raw, Options(table=tmp_path / "absent.csv"))
    with pytest.raises(MelpError, match=r"own\.csv: .*utf-8"):
        entries(raw, "path,sex\na/r1,männlich\n", "latin-1")


WORD = st.text(
    st.characters(codec="utf-8", exclude_characters=",;|()[]{}", exclude_categories=["Cc", "Z"]), min_size=1
).filter(lambda text: not is_nothing(text))


@given(
    st.lists(st.tuples(WORD, st.lists(WORD), st.lists(WORD), st.booleans(), st.floats(0, 150)), min_size=1)
)
def test_round_trip(rows: list[tuple[str, list[str], list[str], bool, float]]) -> None:
    """Cells may contain quotes and letters of any script."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "own.csv")
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["path", "id", "labels", "statements", "AFIB", "age"])
            for number, (path, labels, statements, afib, age) in enumerate(rows):
                writer.writerow([path, number, ";".join(labels), "|".join(statements), int(afib), age])
        listed = list(table.list_entries(Path(folder), Options(table=file)).entries)
    for (_, labels, statements, afib, age), entry in zip(rows, listed, strict=True):
        assert entry.labels == tuple(dict.fromkeys([*labels, *(["AFIB"] if afib else [])]))
        assert (entry.statements, entry.age) == (tuple(statements), age)


@given(
    st.binary(max_size=60) | st.text(st.sampled_from('path,age\n01"; \x00;')).map(str.encode), st.booleans()
)
def test_any_bytes_are_a_table_or_an_error(content: bytes, headed: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "own.csv")
        file.write_bytes((b"path,age,fold\n" if headed else b"") + content)
        try:
            list(table.list_entries(Path(folder), Options(table=file)).entries)
        except MelpError as error:
            assert str(error).startswith(str(file)) and len(str(error).splitlines()) == 1


def test_store_and_task(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(
        "path,patient,fold,report,AFIB,LBBB\na/r1,1,1,sinus rhythm. normal ecg,0,0\n"
        "a/r2,2,9,atrial fibrillation,1,0\na/r3,3,10,,1,1\n"
    )
    build("table", raw, tmp_path / "store", table=tmp_path / "own.csv")
    store = Store(tmp_path / "store")
    assert store.index["statements"].tolist() == [["sinus rhythm", "normal ecg"], ["atrial fibrillation"], []]
    assert (store.signals(np.array([2]))[0] == beats(3)).all()
    (tmp_path / "mine.yaml").write_text(
        "classes:\n  AF: {codes: [AFIB], prompts: [atrial fibrillation]}\n"
        "  LBBB: {prompts: [left bundle branch block]}\n"
    )
    task = get_task(str(tmp_path / "mine.yaml"))
    assert (task.name, task.corpus, task.test_folds) == ("mine", "table", (10,))
    wanted = pd.DataFrame(
        {"AF": [True, True], "LBBB": [False, True]}, index=pd.Index(["a/r2", "a/r3"], name="id")
    )
    pd.testing.assert_frame_equal(task.labels(store.index), wanted)


def listed(raw: Path, text: str) -> tuple[list[Entry], Listing]:
    (raw.parent / "own.csv").write_text(text)
    listing = table.list_entries(raw, Options(table=raw.parent / "own.csv"))
    return list(listing.entries), listing


def test_which_columns_are_labels_is_said(raw: Path) -> None:
    found, listing = listed(
        raw,
        ",path,AFIB,LBBB,CD,SVT,grade,ward,empty,Unnamed: 9,\n"
        "0,a/r1,1,NaN,yes,1,2,07,,0,\n1,a/r2,0,1,No,-1,2.5,NA,unknown,1,\n2,a/r3,1.0,TRUE,Y,n/a,,B,,1,\n",
    )
    assert [entry.labels for entry in found] == [("AFIB", "CD", "SVT"), ("LBBB",), ("AFIB", "LBBB", "CD")]
    assert listing.notes == [
        "column AFIB: a label",
        "column LBBB: a label (1 cells empty or unknown: read as not set)",
        "column CD: a label",
        "column SVT: a label (1 cells empty or unknown, 1 cells -1: read as not set)",
        "column grade: not a label, because row 2 has '2', wanted 0 or 1, yes or no; kept in the index",
        "column ward: not a label, because row 2 has '07', wanted 0 or 1, yes or no; kept in the index",
        "column empty: not a label, because it has no value; kept in the index",
        "3 columns without a name: not read",
    ]
    assert listing.columns == {"grade": "float", "ward": "string", "empty": "string"}
    assert [entry.more for entry in found] == [{"grade": 2.0, "ward": "07"}, {"grade": 2.5}, {"ward": "B"}]


@pytest.mark.parametrize(
    "cell",
    [
        "AFIB;LBBB", "AFIB | LBBB", "AFIB,LBBB", "AFIB, LBBB", "['AFIB', 'LBBB']", "['AFIB' 'LBBB']",
        '["AFIB", "LBBB"]', "('AFIB', 'LBBB')", "[AFIB, LBBB]", "{'AFIB': 100.0, 'LBBB': 0.0}",
        "array(['AFIB', 'LBBB'], dtype=object)", "['AFIB', 'LBBB', 'AFIB', nan]", "AFIB;NA;LBBB;other",
        '{"AFIB": true, "SR": false, "LBBB": true}',
    ],
)  # fmt: skip
def test_labels_of_a_cell(raw: Path, cell: str) -> None:
    (raw.parent / "own.csv").write_text("")
    quoted = '"' + cell.replace('"', '""') + '"'
    (one,) = entries(raw, f"path,labels\na/r1,{quoted}\n")
    assert one.labels == ("AFIB", "LBBB")


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("[]", ()),
        ("set()", ()),
        ("['AFIB']", ("AFIB",)),
        ("[1, 2]", ("1", "2")),
        ("old infarct, large", ("old infarct, large",)),
        ("['a b', 'c']", ("a b", "c")),
        ("frozenset({'A'})", ("A",)),
    ],
)
def test_labels_of_a_list(raw: Path, cell: str, labels: tuple[str, ...]) -> None:
    assert entries(raw, f'path,labels\na/r1,"{cell}"\n')[0].labels == labels


def test_statements_of_a_list(raw: Path) -> None:
    cell = '[\'sinus rhythm\', ""rsr\' pattern""]'
    (one,) = entries(raw, f'path,statements\na/r1,"{cell}"\n')
    assert one.statements == ("sinus rhythm", "rsr' pattern")
    (one,) = entries(raw, "path,statements\na/r1,(possible) lvh | lbbb (old)\n")
    assert one.statements == ("(possible) lvh", "lbbb (old)")


def test_names_of_columns_in_another_case(raw: Path) -> None:
    (one,) = entries(raw, "Path,Age,SEX,Ward\na/r1,61,F,B\n")
    assert (one.age, one.sex, one.more) == (61, "female", {"Ward": "B"})


def test_whole_numbers_stay_whole(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("path,beats_seen,grade\na/r1,12,2\na/r2,,2.5\na/r3,123456789012345,\n")
    build("table", raw, tmp_path / "store", table=tmp_path / "own.csv")
    index = pq.read_table(tmp_path / "store" / "index.parquet")
    assert [str(index.schema.field(name).type) for name in ("beats_seen", "grade")] == ["int64", "double"]
    assert index["beats_seen"].to_pylist() == [12, None, 123456789012345]


def test_age_and_sex_that_cannot_be_read_are_unknown_and_counted(raw: Path) -> None:
    found, listing = listed(
        raw, "path,age,sex\na/r1,90+,O\na/r2,NaN,F\na/r3,old,x\na/r4,-3,other\na/r5,61 years,MALE\n"
    )
    ages = [entry.age for entry in found]
    assert (ages[0], ages[4]) == (90, 61) and np.isnan(ages[1:4]).all()
    assert [entry.sex for entry in found] == ["", "female", "", "", "male"]
    assert listing.notes == [
        "column age: 1 cells empty or unknown",
        "column sex: 2 cells empty or unknown",
        "column age: 2 cells not read, so unknown "
        "(the first: row 4, 'old' found, wanted a number from 0 to 150)",
        "column sex: 1 cells not read, so unknown "
        "(the first: row 4, 'x' found, wanted female or male, f or m, or nothing)",
    ]


def test_nothing_is_no_patient_report_or_label(raw: Path) -> None:
    one, two = entries(raw, "path,patient,report,labels\na/r1,NaN,NA,NaN;AFIB\na/r2,unknown,none,\n")
    assert (one.patient, one.report, one.labels) == ("a/r1", "", ("AFIB",))
    assert (two.patient, two.report, two.labels) == ("a/r2", "", ())


def test_other_columns_and_notes_are_in_the_store(raw: Path, tmp_path: Path) -> None:
    text = "path,AFIB,grade,length,ward\na/r1,1,2,long,B\na/r2,0,,x,\na/r3,0,7.5,y,C\n"
    (tmp_path / "own.csv").write_text(text)
    summary = build("table", raw, tmp_path / "store", table=tmp_path / "own.csv")
    index = Store(tmp_path / "store").index
    assert index["grade"].dropna().tolist() == [2.0, 7.5] and index["ward"].isna().tolist() == [
        False,
        True,
        False,
    ]
    assert index["table_length"].tolist() == ["long", "x", "y"] and index["length"].tolist() == [5000] * 3
    assert summary.notes[0] == "column AFIB: a label" and len(summary.notes) == 4
    assert build("table", raw, tmp_path / "store", table=tmp_path / "own.csv").notes == summary.notes


def test_a_long_report_is_read(raw: Path) -> None:
    (one,) = entries(raw, f"path,report\na/r1,{'sinus rhythm. ' * 20_000}\n")
    assert len(one.report) > 200_000


def test_the_table_replaces_what_the_file_says(raw: Path) -> None:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.UnformattedTextValue, item.AnnotationGroupNumber = "Sinus rhythm", 0
    (raw / "x.dcm").write_bytes(dicom(WaveformAnnotationSequence=[item]))
    alone, own = entries(raw, "path,id,age,sex,report\nx.dcm,1,,,\nx.dcm,2,0,M,atrial fibrillation\n")
    meta = table.load(alone).meta
    assert (meta["age"], meta["sex"], meta["statements"]) == (42, "female", ("Sinus rhythm",))
    meta = table.load(own).meta
    assert (meta["age"], meta["sex"], "statements" in meta) == (0, "male", False)
