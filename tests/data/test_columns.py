"""Columns of a Parquet file, compared with the rows that were written."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melp.data.columns import Table
from melp.data.files import open_files
from melp.errors import MelpError

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("fold", pa.int32()),
        ("age", pa.float32()),
        ("statements", pa.list_(pa.string())),
        ("beats", pa.list_(pa.int32())),
    ]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": TEXTS,
            "fold": st.integers(1, 10),
            "age": st.floats(0, 120, width=32),
            "statements": st.lists(TEXTS, max_size=4),
            "beats": st.lists(st.integers(0, 5000), max_size=4),
        }
    ),
    max_size=30,
)


def write(folder: Path, rows: list[dict[str, Any]], group: int) -> Table:
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), folder / "rows.parquet", row_group_size=group)
    return Table(open_files(folder), "rows.parquet")


@settings(deadline=None, max_examples=60)
@given(rows=ROWS, group=st.integers(1, 12))
def test_columns_equal_the_rows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], group: int
) -> None:
    table = write(tmp_path_factory.mktemp("table"), rows, group)
    columns = {name: [row[name] for row in rows] for name in SCHEMA.names}
    for name in ("id", "fold", "age"):
        column = table.column(name)
        assert column.dtype.kind == {"id": "U", "fold": "i", "age": "f"}[name]
        assert column.tolist() == columns[name]
        first = list(dict.fromkeys(columns[name]))
        assert table.codes(name).tolist() == [first.index(value) for value in columns[name]]
    for name in ("statements", "beats"):
        lists = table.lists(name)
        assert list(lists) == columns[name] and len(lists) == len(rows)
        assert lists.lengths.tolist() == [len(value) for value in columns[name]]
        assert list(lists[1::2]) == columns[name][1::2]
        assert list(pickle.loads(pickle.dumps(lists[2:]))) == columns[name][2:]
        assert [lists[-1 - row] for row in range(len(rows))] == columns[name][::-1]
    assert table.frame().to_dict("list") == columns
    assert [table.row(number) for number in range(len(rows))] == rows


def test_index_out_of_range_raises(tmp_path: Path) -> None:
    lists = write(tmp_path, [{"statements": ["a"]}], 1).lists("statements")
    for row in (1, -2):
        with pytest.raises(IndexError):
            lists[row]


def test_null_strings_and_lists_are_empty(tmp_path: Path) -> None:
    table = write(tmp_path, [{"id": None, "fold": 1}, {"id": "a", "fold": 2}], 1)
    assert table.column("id").tolist() == ["", "a"] and table.codes("id").tolist() == [0, 1]
    assert list(table.lists("statements")) == [[], []]


def test_no_python_object_per_row(tmp_path: Path) -> None:
    count = 20_000
    rows = [
        {"id": f"record {row}", "fold": row % 10, "statements": [f"phrase {row % 70}", "end"], "beats": [row]}
        for row in range(count)
    ]
    table = write(tmp_path, rows, 4000)
    table.column("fold")
    before = sys.getallocatedblocks()
    columns = [table.column("id"), table.codes("id"), table.lists("statements"), table.lists("beats")]
    columns.append(columns[2].lengths > 1)
    assert sys.getallocatedblocks() - before < count / 20
    assert columns[2][count - 1] == [f"phrase {(count - 1) % 70}", "end"]


def test_only_the_requested_column_is_read(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    table = write(tmp_path, [{"id": f"record {row}", "fold": row, "beats": [row]} for row in range(500)], 250)
    content = bytearray(file.read_bytes())
    metadata = pq.read_metadata(file)
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            column = metadata.row_group(group).column(place)
            if column.path_in_schema != "fold":
                start = column.dictionary_page_offset or column.data_page_offset
                content[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    file.write_bytes(content)
    assert np.array_equal(table.column("fold"), np.arange(500))
    with pytest.raises(MelpError, match=r"rows\.parquet: cannot be read \(\w+: .+\)$"):
        table.column("id")


def test_missing_columns_and_files_raise(tmp_path: Path) -> None:
    table = write(tmp_path, [], 1)
    with pytest.raises(MelpError, match=r"rows\.parquet: no column 'leads', wanted one of id, fold, age, st"):
        table.column("leads")
    with pytest.raises(MelpError, match=r"other\.parquet: missing"):
        Table(open_files(tmp_path), "other.parquet").frame()
