"""One-line errors name the cause, not its consequence."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import melp
from melp.corpora import Options
from melp.corpora.ptb_xl import list_entries
from melp.data.build import build
from melp.data.store import Store
from melp.errors import MelpError
from melp.recipes import load_recipe
from melp.training.config import DataConfig
from melp.training.pretrain import pretrain
from melp.training.pretrain_text import texts_of
from melp.training.run_folder import CHECKPOINT, read_checkpoint
from small_corpora import write_challenge
from small_ptb_xl import beats, make_tree


def message(function: object, *arguments: object) -> str:
    """Return the message of the error that a call raises."""
    with pytest.raises(MelpError) as caught:
        function(*arguments)  # type: ignore[operator]
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize("size", [0, 100, 5000])
def test_checkpoint_cut_short(tmp_path: Path, size: int) -> None:
    file = tmp_path / CHECKPOINT
    file.write_bytes(b"PK\x03\x04".ljust(size, b"x")[:size])
    wanted = f"{file}: {size} bytes, cut short or damaged: cannot be read; remove it to start again"
    assert message(read_checkpoint, tmp_path) == wanted


def test_matlab_files_that_are_no_recordings(tmp_path: Path) -> None:
    empty, new, hdf5 = (tmp_path / name for name in ("empty.mat", "new.mat", "hdf5.mat"))
    empty.write_bytes(b"")
    new.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM" + bytes(600))
    hdf5.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600))
    assert message(melp.read, empty) == f"{empty}: an empty file"
    for file in (new, hdf5):
        assert message(melp.read, file).startswith(f"{file}: a damaged file (")


def test_store_without_reports(tmp_path: Path) -> None:
    for number in range(1, 30):
        write_challenge(tmp_path / f"raw/georgia/E{number:05d}", beats(number), "426783006")
    build("georgia", tmp_path / "raw", tmp_path / "store")
    recipe = load_recipe("melp", "melp/tiny", [])
    text = message(pretrain, "melp", Store(tmp_path / "store"), recipe, tmp_path / "run")
    assert text.startswith(f"{tmp_path / 'store'}: no record with a report found")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("column", "cell", "found"),
    [
        ("strat_fold", float("nan"), "column strat_fold: nothing found, wanted a whole number"),
        ("patient_id", float("nan"), "column patient_id: nothing found, wanted a whole number"),
        ("filename_hr", float("nan"), "column filename_hr: nothing found, wanted the path of a recording"),
    ],
)
def test_cells_of_ptb_xl(tmp_path: Path, column: str, cell: object, found: str) -> None:
    file = make_tree(tmp_path, 3) / "ptbxl_database.csv"
    table = pd.read_csv(file).astype({column: object})
    table.loc[1, column] = cell
    table.to_csv(file, index=False)
    text = message(lambda: list(list_entries(tmp_path, Options()).entries))
    assert text == f"{file}: record 2 cannot be parsed (row 3, {found})"


def test_text_files_of_another_kind(tmp_path: Path) -> None:
    file = tmp_path / "reports.csv"
    file.write_text("text\nsinus rhythm\n")
    wanted = f"{file}: a .csv file, wanted a store, a .txt or a .parquet file"
    assert message(texts_of, [file], DataConfig()) == wanted
