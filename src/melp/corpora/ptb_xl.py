"""PTB-XL in its published layout (Wagner et al., Scientific Data 7:154, 2020; versions 1.0.1 to 1.0.3)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from melp.corpora import Entry, Listing, Options
from melp.corpora._records import corpus_folder
from melp.corpora.downloads.sources import PhysioNet
from melp.ecg import ECG
from melp.errors import MelpError
from melp.io.tables import read_csv
from melp.tasks.folds import TRAIN_FOLDS

SOURCE = PhysioNet("ptb-xl", "1.0.3", ("ptbxl_database.csv", "scp_statements.csv"), "records500/")

_TABLE = "ptbxl_database.csv"
_COLUMNS = (
    "ecg_id", "patient_id", "age", "sex", "report", "scp_codes", "strat_fold", "filename_lr", "filename_hr",
)  # fmt: skip
_SEX = {0: "male", 1: "female"}
# From version 1.0.2 on, an age over 89 is hidden behind this number.
_HIDDEN_AGE = 300
_OLDEST = 90


def list_entries(raw: Path | None, options: Options) -> Listing:
    """What the table lists, those whose recording is missing on disk among them.

    The 500 Hz recording is taken; where it is absent, the published 100 Hz one, for a store of at most
    100 Hz.

    Raises:
        MelpError: `raw` is not the folder of PTB-XL, or (while the entries are taken) holds none of its
            recordings.
    """
    raw = corpus_folder(raw, "ptb-xl", _TABLE)
    table = read_csv(raw / _TABLE, _COLUMNS)
    return Listing(_entries(raw, table, options.rate), TRAIN_FOLDS)


def _entries(raw: Path, table: pd.DataFrame, rate: float) -> Iterator[Entry]:
    found = False
    for row in table.itertuples():
        source = _recording(raw, row, rate)
        found = found or source is not None
        try:
            entry = _entry(row, source)
        except (ValueError, TypeError) as error:
            raise MelpError(f"{raw / _TABLE}: record {row.ecg_id} cannot be understood ({error})") from error
        yield entry
    if not found:
        folders = ", ".join(name for name in ("records500", "records100") if (raw / name).is_dir())
        raise MelpError(
            f"{raw}: none of the {len(table)} recordings fit for {rate:g} Hz is there "
            f"(folders found: {folders or 'none'})"
        )


def load(entry: Entry) -> ECG:
    """The recording of `entry`."""
    from melp.io.wfdb import read_wfdb

    return read_wfdb(entry.source)


def labels(scp_codes: str) -> tuple[str, ...]:
    """Codes of a cell of the table, whatever their likelihood, in the published files' spelling.

    The table ends some codes in an underscore (`NST_`); the splits published for benchmarks do not.

    Raises:
        ValueError: the cell is no dictionary of codes.
    """
    try:
        codes = ast.literal_eval(scp_codes)
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"scp_codes {scp_codes[:60]!r}: {error}") from error
    if not isinstance(codes, dict) or not all(isinstance(code, str) for code in codes):
        raise ValueError(f"scp_codes {scp_codes[:60]!r}, wanted {{'CODE': likelihood, ...}}")
    return tuple(code.rstrip("_") for code in codes)


def _recording(raw: Path, row: Any, rate: float) -> str | None:
    names = [row.filename_hr] + ([row.filename_lr] if rate <= 100 else [])
    for name in names:
        stem = raw / name
        if stem.with_suffix(".hea").is_file() and stem.with_suffix(".dat").is_file():
            return str(stem)
    return None


def _entry(row: Any, source: str | None) -> Entry:
    return Entry(
        id=str(int(row.ecg_id)),
        patient=str(int(row.patient_id)),
        fold=int(row.strat_fold),
        labels=labels(str(row.scp_codes)),
        report=row.report if isinstance(row.report, str) else "",
        age=float(_OLDEST if row.age == _HIDDEN_AGE else row.age),
        sex=_SEX.get(row.sex, ""),
        source=source,
    )
