"""Tables in a terminal, and in a pipe or a file."""

from __future__ import annotations

import sys

import pandas as pd
import pytest

from melp.cli.tables import print_table

COLUMNS = ("method", "meaning")
LONG = "a [bold] meaning of several words, " * 12
ROWS = [("melp", LONG), ("clocs", 3)]


def test_a_row_is_a_line_of_plain_text_in_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    print_table(COLUMNS, ROWS, "a title")
    assert capsys.readouterr().out == f"a title\nmethod\tmeaning\nmelp\t{LONG.strip()}\nclocs\t3\n"
    print_table(COLUMNS, [("two\nlines\tand a tab", "")])
    assert capsys.readouterr().out == "method\tmeaning\ntwo lines and a tab\t\n"


def test_long_texts_wrap_in_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")  # 80 columns, no colours
    print_table(COLUMNS, ROWS, "a title")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80 and len(lines) > 5
    assert lines[0].strip() == "a title" and lines[1].split() == list(COLUMNS)
    # The first column is not wrapped, and no text is truncated.
    assert [line[:5].strip() for line in lines[2:] if line[:5].strip()] == ["melp", "clocs"]
    assert " ".join(" ".join(line[5:].split()) for line in lines[2:-1]) == LONG.strip()


def test_numbers_are_aligned_to_the_right_in_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    print_table(
        ("label", "records"), pd.DataFrame({"label": ["SR", "AFIB"], "n": [120, 7]}).itertuples(index=False)
    )
    assert capsys.readouterr().out.splitlines() == ["label  records", "SR         120", "AFIB         7"]
