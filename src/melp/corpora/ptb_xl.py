"""PTB-XL in its published layout (Wagner et al., Scientific Data 7:154, 2020; versions 1.0.1 to 1.0.3)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from melp.corpora import Entry, Listing, Options
from melp.corpora._records import corpus_folder, require_recordings
from melp.corpora.downloads.sources import PhysioNet
from melp.ecg import ECG
from melp.errors import MelpError
from melp.io.tables import read_csv
from melp.tasks.folds import TRAIN_FOLDS

SOURCE = PhysioNet("ptb-xl", "1.0.3", ("ptbxl_database.csv", "scp_statements.csv"), "records500/")

REPORTS_ARE_CUT = True  # at 255 characters

_TABLE = "ptbxl_database.csv"
_COLUMNS = (
    "ecg_id", "patient_id", "age", "sex", "report", "scp_codes", "strat_fold", "filename_lr", "filename_hr",
)  # fmt: skip
_SEX = {0: "male", 1: "female"}
# Since version 1.0.2, ages over 89 are replaced by this number.
_HIDDEN_AGE = 300
_MAX_AGE = 90


def list_entries(raw: Path | None, options: Options) -> Listing:
    """List the records of the table, including those whose recording is not on disk.

    The 500 Hz recording is used; if it is missing, the published 100 Hz one, for stores of at most 100 Hz.

    Raises:
        MelpError: `raw` is not the folder of PTB-XL, or (during iteration) contains none of its recordings.
    """
    raw = corpus_folder(raw, "ptb-xl", _TABLE)
    table = read_csv(raw / _TABLE, _COLUMNS)
    folders = ", ".join(name for name in ("records500", "records100") if (raw / name).is_dir())
    message = (
        f"{raw}: none of the {len(table)} recordings found for {options.rate:g} Hz "
        f"(folders found: {folders or 'none'})"
    )
    return Listing(require_recordings(_entries(raw, table, options.rate), message), TRAIN_FOLDS)


def _entries(raw: Path, table: pd.DataFrame, rate: float) -> Iterator[Entry]:
    for row in table.itertuples():
        try:
            entry = _entry(row, _recording(raw, row, rate))
        except (ValueError, TypeError) as error:
            raise MelpError(f"{raw / _TABLE}: record {row.ecg_id} cannot be parsed ({error})") from error
        yield entry


def load(entry: Entry) -> ECG:
    """Load the recording of `entry`."""
    from melp.io.wfdb import read_wfdb

    return read_wfdb(entry.source)


def labels(scp_codes: str) -> tuple[str, ...]:
    """Parse a cell of the table into its codes of any likelihood, in the spelling of the published splits.

    Some codes of the table end in an underscore (`NST_`), which the published splits omit.

    Raises:
        ValueError: the cell is not a dictionary of codes.
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
        age=float(_MAX_AGE if row.age == _HIDDEN_AGE else row.age),
        sex=_SEX.get(row.sex, ""),
        source=source,
        path=row.filename_hr,
    )
