from __future__ import annotations

from pathlib import Path

import pytest

from melp.errors import MelpError
from melp.io.tables import read_csv, read_packaged_tsv


def test_read_csv_reads_the_named_columns(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes('\ufeffa,b,c\n1,"x\ny",NA\n2,,ä\n'.encode())
    table = read_csv(file, ("c", "a"), dtype={"c": str}, keep_default_na=False)
    assert table.to_dict("list") == {"a": [1, 2], "c": ["NA", "ä"]}
    assert list(read_csv(file)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\n1\n", "no column b, c"),
        (b"", r"not a CSV table \(No columns to parse from file\)"),
        (b"a,b,c\n1,\xff,3\n", r"not a CSV table \('utf-8' codec can't decode byte 0xff"),
        (b'a,b,c\n1,"2,3\n', r"not a CSV table \(Error tokenizing data. C error: EOF inside string"),
        (b"a,b,c\n1,2,3,4\n", r"not a CSV table \(rows longer than the header\)"),
        (b"a,b,c\nx,2,3\n", r"not a CSV table \(.*x"),
    ],
)
def test_read_csv_errors_name_the_file(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(content)
    with pytest.raises(MelpError, match=rf"^{file}: {message}") as caught:
        read_csv(file, ("a", "b", "c"), dtype={"a": "int64"})
    assert len(str(caught.value).splitlines()) == 1


def test_read_csv_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MelpError, match=r"x\.csv: no such file, wanted a CSV table"):
        read_csv(tmp_path / "x.csv")


def test_read_packaged_tsv_pads_rows_and_skips_comments() -> None:
    rows = read_packaged_tsv("melp.corpora", "challenge", columns=3)
    assert len(rows) == 133 and rows[0] == ["368009", "HVD", ""]
