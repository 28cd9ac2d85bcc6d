"""A table of recordings whose files do not say their rate, unit or leads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from melp.corpora import Entry, Options, table
from melp.errors import MelpError
from small_ptb_xl import beats, write_record


def entries(raw: Path, text: str) -> list[Entry]:
    write_record(raw / "a" / "r1", beats(1))
    (raw / "own.csv").write_text(text)
    return list(table.list_entries(raw, Options(table=raw / "own.csv")).entries)


def test_what_a_file_does_not_say_stands_in_its_row(tmp_path: Path) -> None:
    """An array without names, rate and unit is read as its row says, with its leads in standard order."""
    signal = np.arange(12 * 50).reshape(12, 50)
    np.save(tmp_path / "x.npy", signal)
    names = "V6;V5;V4;V3;V2;V1;aVF;aVL;aVR;III;II;I"
    one, two = entries(tmp_path, f"path,rate,unit,leads\nx.npy,250.5,uV,{names}\na/r1.hea,,,\n")
    ecg = table.load(one)
    assert ecg.rate == 250.5 and np.array_equal(np.rint(ecg.signal * 1000), signal[::-1])
    assert table.load(two).rate == 500 and one.more == two.more == {}


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("rate", "fast", "row 2: column rate: 'fast' found, wanted samples a second"),
        ("rate", "0", "row 2: column rate: '0' found, wanted samples a second"),
        ("unit", "mm", "row 2: column unit: 'mm' found, wanted mV, uV, nV or V"),
    ],
)
def test_what_a_row_says_is_checked(tmp_path: Path, column: str, cell: str, message: str) -> None:
    with pytest.raises(MelpError, match=message):
        entries(tmp_path, f"path,{column}\na/r1.hea,{cell}\n")
